//! The steps that are possible in a state, and what each of them makes of it.
//!
//! A step is one request that the store executes, or what one run does by itself between two of them. A request is
//! executed and answered in one step: a pause between the two is one before the next request, and an answer that gets
//! lost is a request that arrives when nobody waits for it.

use crate::faults::{beats, can_fail};
use crate::holding::{Next, Retry};
use crate::properties::{Sightings, Violation};
use crate::rules::{Clocks, Listing, Protocol, Rule};
use crate::state::{
    Heartbeat, Kind, Names, PIECES, Piece, Progress, RUNS, Request, Run, STRAYS, Stage, State, View, highest,
};
use crate::store::Turn;

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A request other than a listing is executed and answered.
    Execute(u8),
    /// The same, giving up where the answer is that nothing is there.
    GiveUp(u8),
    /// A listing begins; one with an order sees the names up to a number at once.
    ListingBegins(u8, u8),
    ListingEnds(u8, Names),
    ExecuteTwice(u8),
    Silence(u8),
    ArriveLate(usize),
    Begin(u8, Next),
    Heartbeat(u8),
    HeartbeatAnswer(u8),
    ReleaseEarly(u8),
}

/// A state after a step, with what the step showed.
pub struct After {
    pub state: State,
    pub seen: Sightings,
    pub violation: Option<Violation>,
}

/// The state in which nobody has started.
pub fn first(protocol: &Protocol) -> State {
    let run = Run { lapsed: protocol.clocks == Clocks::Useless, ..Run::NEW };
    let mut runs = [run; RUNS];
    runs[usize::from(protocol.writers)..].fill(Run { request: Request::ListLog, ..run });
    let mut log = [None; PIECES + 1];
    log[1] = protocol.has(Rule::BaseFirst).then_some(Piece { by: 0, kind: Kind::Origin });
    State {
        runs,
        tokens: [None; RUNS + 1],
        log,
        snapshots: [None; RUNS],
        in_place: View::default(),
        strays: [None; STRAYS],
        faults: protocol.faults,
        truth: log,
        length: u8::from(log[1].is_some()),
        highest: 0,
        taken: 0,
    }
}

/// Lists the steps that are possible.
pub fn actions(protocol: &Protocol, state: &State, possible: &mut Vec<Action>) {
    let turn = Turn { protocol, state: *state, seen: Sightings::default(), violation: None };
    for run in 0..protocol.writers + protocol.readers {
        actions_of(&turn, run, possible);
    }
    for slot in (0..STRAYS).filter(|slot| state.strays[*slot].is_some()) {
        possible.push(Action::ArriveLate(slot));
    }
}

fn actions_of(turn: &Turn<'_>, run: u8, possible: &mut Vec<Action>) {
    let (protocol, state) = (turn.protocol, &turn.state);
    let own = &state.runs[usize::from(run)];
    if beats(state, run) {
        possible.push(Action::Heartbeat(run));
    }
    if own.heartbeat == Heartbeat::Arrived && own.stage != Stage::Over && !protocol.has(Rule::LapseIsFinal) {
        possible.push(Action::HeartbeatAnswer(run));
    }
    if own.stage == Stage::Over || !has_turn(protocol, state, run) {
        return;
    }
    if own.stage == Stage::Entering && own.progress == Progress::Waiting && !protocol.has(Rule::ReleaseFenced) {
        possible.push(Action::ReleaseEarly(run));
    }
    if can_fail(state, run) {
        possible.push(Action::Silence(run));
        if matches!(own.request, Request::CreatePiece(..) | Request::CreateToken(_)) {
            possible.push(Action::ExecuteTwice(run));
        }
    }
    request_actions(turn, run, own, possible);
}

/// Runs are alike, so the one with the lower number starts first.
fn has_turn(protocol: &Protocol, state: &State, run: u8) -> bool {
    let is_first = run == 0 || run == protocol.writers;
    is_first || state.runs[usize::from(run) - 1].stage != Stage::New
}

fn request_actions(turn: &Turn<'_>, run: u8, own: &Run, possible: &mut Vec<Action>) {
    match (own.request, own.progress) {
        (Request::Nothing, _) => {
            let next = turn.possible(run).into_iter().filter(|next| turn.allowed(run, *next));
            possible.extend(next.map(|next| Action::Begin(run, next)));
        }
        (Request::ListTokens | Request::ListTokensAgain | Request::ListLog, Progress::Open) => {
            possible.extend(turn.listings(run).into_iter().map(|names| Action::ListingEnds(run, names)));
        }
        (Request::ListTokens | Request::ListTokensAgain | Request::ListLog, _) => {
            let names = if own.request == Request::ListLog { turn.state.numbers() } else { turn.state.token_numbers() };
            match turn.protocol.listing {
                Listing::Atomic => possible.push(Action::ListingEnds(run, names)),
                Listing::Loose => possible.push(Action::ListingBegins(run, 0)),
                Listing::Ordered => possible.extend((0..=highest(names)).map(|cut| Action::ListingBegins(run, cut))),
            }
        }
        (Request::FindPiece(..), _) => possible.extend([Action::Execute(run), Action::GiveUp(run)]),
        _ => possible.push(Action::Execute(run)),
    }
}

/// Takes one step.
pub fn apply(protocol: &Protocol, state: &State, action: Action) -> After {
    let mut turn = Turn { protocol, state: *state, seen: Sightings::default(), violation: None };
    match action {
        Action::Execute(run) => execute(&mut turn, run, Retry::Again),
        Action::GiveUp(run) => execute(&mut turn, run, Retry::Never),
        Action::ExecuteTwice(run) => {
            turn.arrives_twice(run);
            execute(&mut turn, run, Retry::Again);
        }
        Action::ListingBegins(run, cut) => turn.listing_begins(run, cut),
        Action::ListingEnds(run, names) => {
            if protocol.listing == Listing::Atomic {
                turn.listing_begins(run, 0);
            }
            turn.listing_ends(run, names);
        }
        Action::Silence(run) => turn.silence(run),
        Action::ArriveLate(slot) => turn.arrive_late(slot),
        Action::Begin(run, next) => turn.begin(run, next),
        Action::Heartbeat(run) => turn.heartbeat(run),
        Action::HeartbeatAnswer(run) => turn.heartbeat_answered(run),
        Action::ReleaseEarly(run) => turn.ask(run, Request::Release),
    }
    After { state: turn.state, seen: turn.seen, violation: turn.violation }
}

fn execute(turn: &mut Turn<'_>, run: u8, retry: Retry) {
    match turn.run(run).request {
        Request::ReadToken(number) => turn.token_read(run, number),
        Request::FindToken(number) => turn.token_found(run, number),
        Request::RemoveToken(number) => {
            turn.remove_token(number);
            turn.ask(run, Request::Nothing);
        }
        Request::ReadPiece(number) => turn.piece_read(run, number),
        Request::FindPiece(number, piece) => turn.piece_found(run, number, piece, retry),
        Request::LookAt(number, piece) => turn.looked(run, number, piece),
        Request::ReplaceState => turn.state_replaced(run),
        Request::CreateToken(number) => turn.token_answered(run, number),
        Request::CreatePiece(number, piece) => turn.piece_answered(run, number, piece),
        Request::RemovePiece(number) => {
            turn.remove_piece(number);
            turn.piece_removed(run);
        }
        Request::Call(operation) => turn.call(run, operation),
        Request::Release => turn.release(run),
        Request::Nothing | Request::ListTokens | Request::ListTokensAgain | Request::ListLog => {}
    }
}

/// Says in words what a step does.
pub fn describe(state: &State, action: Action) -> String {
    let request = |run: u8| state.runs[usize::from(run)].request;
    match action {
        Action::Execute(run) => format!("run {run}: {:?}", request(run)),
        Action::GiveUp(run) => format!("run {run}: {:?}, and gives up if nothing is there", request(run)),
        Action::ListingBegins(run, _) => format!("run {run}: {:?} begins", request(run)),
        Action::ListingEnds(run, names) => {
            let told: Vec<u8> = (1..=highest(names)).filter(|number| names & (1 << number) != 0).collect();
            format!("run {run}: {:?} tells {told:?}", request(run))
        }
        Action::ExecuteTwice(run) => format!("run {run}: {:?}, and will arrive once more", request(run)),
        Action::Silence(run) => format!("run {run}: {:?} is not answered in time", request(run)),
        Action::ArriveLate(slot) => match state.strays[slot] {
            Some(stray) => format!("run {}: {:?} {:?} arrives late", stray.by, stray.kind, stray.piece),
            None => String::from("nothing arrives late"),
        },
        Action::Begin(run, next) => format!("run {run}: decides {next:?}"),
        Action::Heartbeat(run) => format!("run {run}: a heartbeat arrives"),
        Action::HeartbeatAnswer(run) => format!("run {run}: the heartbeat is answered"),
        Action::ReleaseEarly(run) => format!("run {run}: is interrupted and will release"),
    }
}
