//! What goes wrong outside: answers that never come, requests that arrive late or twice, leases that lapse.

use crate::holding::Next;
use crate::properties::Sighting;
use crate::rules::{Clocks, Rule};
use crate::state::{Before, Heartbeat, Request, Stage, State, Stray, StrayKind};
use crate::store::Turn;

/// What is under way, for a request that may arrive without its sender.
fn stray(state: &State, run: u8) -> Option<Stray> {
    let own = &state.runs[usize::from(run)];
    let (kind, piece) = match own.request {
        Request::CreateToken(number) => (StrayKind::CreateToken(number), None),
        Request::RemoveToken(number) => (StrayKind::RemoveToken(number), None),
        Request::RemovePiece(number) => (StrayKind::RemovePiece(number), None),
        Request::CreatePiece(number, piece) => (StrayKind::CreatePiece(number), Some(piece)),
        _ => return None,
    };
    Some(Stray { by: run, kind, piece, records: if piece.is_some() { own.view.records } else { 0 } })
}

/// Whether a request can go unanswered or arrive twice.
pub fn can_fail(state: &State, run: u8) -> bool {
    state.faults > 0 && stray(state, run).is_some() && state.strays.iter().any(Option::is_none)
}

impl Turn<'_> {
    fn leave_stray(&mut self, run: u8) {
        let left = stray(&self.state, run);
        self.state.faults -= 1;
        if let Some(slot) = self.state.strays.iter_mut().find(|slot| slot.is_none()) {
            *slot = left;
        }
        self.sort_strays();
    }

    fn sort_strays(&mut self) {
        self.state.strays.sort_unstable_by_key(|stray| stray.map(|stray| (stray.by, stray.kind)));
    }

    /// No answer comes. The request arrives at once, later or never.
    pub fn silence(&mut self, run: u8) {
        let own = *self.run(run);
        self.leave_stray(run);
        match own.request {
            Request::CreateToken(number) => self.ask(run, Request::FindToken(number)),
            Request::CreatePiece(number, piece) => self.ask(run, Request::FindPiece(number, piece)),
            _ => self.ask(run, Request::Nothing),
        }
    }

    /// The request will arrive once more.
    pub fn arrives_twice(&mut self, run: u8) {
        self.leave_stray(run);
    }

    /// A request arrives that nobody waits for.
    pub fn arrive_late(&mut self, slot: usize) {
        let Some(stray) = self.state.strays[slot].take() else { return };
        self.sort_strays();
        self.see(Sighting::LateArrival);
        match (stray.kind, stray.piece) {
            (StrayKind::CreateToken(number), _) => {
                self.create_token(number, stray.by);
            }
            (StrayKind::CreatePiece(number), Some(piece)) => {
                self.create_piece(number, piece, stray.records);
            }
            (StrayKind::CreatePiece(_), None) => {}
            (StrayKind::RemoveToken(number), _) => self.remove_token(number),
            (StrayKind::RemovePiece(number), _) => self.remove_piece(number),
        }
    }

    /// An idle holder whose lease is over may only release it.
    pub fn allowed(&self, run: u8, next: Next) -> bool {
        let own = &self.state.runs[usize::from(run)];
        let is_over = own.lapsed && self.protocol.clocks == Clocks::Sound;
        !is_over || matches!(next, Next::Release | Next::RemovePiece(_) | Next::RemoveToken(_))
    }

    /// A lease is found expired, so it is over by its holder's clock. A taker that still reads can only stop.
    pub fn lapse(&mut self, run: u8) {
        let stops = self.protocol.clocks == Clocks::Sound
            && self.protocol.has(Rule::ClockLast)
            && self.protocol.has(Rule::ReleaseFenced)
            && self.protocol.has(Rule::LapseIsFinal);
        let own = self.run(run);
        own.lapsed = true;
        let reads = matches!(own.request, Request::ListLog | Request::ReadPiece(_));
        if stops && own.stage == Stage::Entering && own.before == Before::Expired && reads {
            self.over(run);
        }
    }
}

/// Whether the heartbeat of a run can arrive.
pub fn beats(state: &State, run: u8) -> bool {
    state.runs[usize::from(run)].heartbeat == Heartbeat::Sent
}
