//! Listing names, reading the log behind them, and what a taker does with it before it holds the log.

use crate::properties::{Sighting, Violation};
use crate::rules::{Clocks, Listing, Rule};
use crate::state::{Before, Kind, Load, Names, Piece, Progress, Request, Stage, View, highest};
use crate::store::Turn;

impl Turn<'_> {
    /// The names that a listing is about, as they are now.
    fn names_now(&self, request: Request) -> Names {
        if request == Request::ListLog { self.state.numbers() } else { self.state.token_numbers() }
    }

    /// A listing begins. Of an ordered one, the names up to `cut` are seen now.
    pub fn listing_begins(&mut self, run: u8, cut: u8) {
        let request = self.run(run).request;
        let names = self.names_now(request);
        let begun = match request {
            Request::ListLog => self.state.length,
            _ if self.protocol.has(Rule::TokensWait) => self.state.highest,
            _ => 0,
        };
        let highest_token = self.state.highest;
        let is_ordered = self.protocol.listing == Listing::Ordered;
        let load = &mut self.run(run).load;
        if request != Request::ListTokensAgain {
            *load = Load { begun, ..Load::default() };
        }
        if request == Request::ListTokensAgain {
            load.top = highest_token;
        }
        if is_ordered {
            load.cut = cut;
            load.always = names & up_to(cut);
        } else {
            load.always = names;
            load.ever = names;
        }
        let is_reader = run >= self.protocol.writers;
        let own = self.run(run);
        own.progress = Progress::Open;
        if own.stage == Stage::New {
            own.stage = if is_reader { Stage::Reading } else { Stage::Taking };
        }
    }

    /// A listing ends with these names.
    pub fn listing_ends(&mut self, run: u8, names: Names) {
        let request = self.run(run).request;
        let load = &mut self.run(run).load;
        load.always = 0;
        load.ever = 0;
        load.cut = 0;
        match request {
            Request::ListTokens => self.tokens_listed(run, names),
            Request::ListTokensAgain => self.tokens_listed_again(run, names),
            _ => self.log_listed(run, names),
        }
    }

    /// The names that an open listing may end with.
    pub fn listings(&self, run: u8) -> Vec<Names> {
        let state = &self.state.runs[usize::from(run)];
        let load = &state.load;
        if self.protocol.listing == Listing::Ordered {
            return vec![load.always | (self.names_now(state.request) & !up_to(load.cut))];
        }
        let unsure = load.ever & !load.always;
        let mut choices = vec![load.always];
        let mut some = unsure;
        while some != 0 {
            choices.push(load.always | some);
            some = (some - 1) & unsure;
        }
        choices
    }

    /// The token is ours: read the log, and fence where the lease before was not released.
    pub fn enter(&mut self, run: u8) {
        self.run(run).stage = Stage::Entering;
        self.run(run).load = Load::default();
        self.ask(run, Request::ListLog);
    }

    fn log_listed(&mut self, run: u8, names: Names) {
        let in_place = if self.protocol.has(Rule::CommitByBase) { View::default() } else { self.state.in_place };
        let names = names & !up_to(in_place.number);
        let load = &mut self.run(run).load;
        load.floor = in_place.number;
        load.records = in_place.records;
        load.top = highest(names).max(in_place.number);
        load.names = names;
        let first = if self.protocol.has(Rule::BaseLast) { self.run(run).load.top } else { self.last_base(names) };
        self.read_next(run, first);
    }

    /// The last base of some names.
    fn last_base(&self, names: Names) -> u8 {
        let is_base = |piece: Piece| matches!(piece.kind, Kind::Base | Kind::Origin);
        let mut bases = (1..=highest(names)).filter(|at| self.state.log[usize::from(*at)].is_some_and(is_base));
        bases.next_back().unwrap_or_default()
    }

    /// Reads on: downwards, until a base or the beginning; or upwards from a base to the end.
    fn read_next(&mut self, run: u8, number: u8) {
        let load = self.run(run).load;
        if number == load.floor && (load.floor > 0 || !self.protocol.has(Rule::BaseFirst)) {
            self.loaded(run);
        } else if load.names & (1 << number) == 0 {
            self.load_again(run);
        } else {
            self.ask(run, Request::ReadPiece(number));
        }
    }

    pub fn piece_read(&mut self, run: u8, number: u8) {
        let Some(piece) = self.state.log[usize::from(number)] else { return self.load_again(run) };
        if self.is_superseded_by(run, piece) {
            return self.over(run);
        }
        let snapshot = match piece.kind {
            Kind::Base => self.state.snapshots[usize::from(piece.by)].unwrap_or_default(),
            _ => 0,
        };
        let is_base = matches!(piece.kind, Kind::Base | Kind::Origin);
        let goes_down = self.protocol.has(Rule::BaseLast);
        let load = &mut self.run(run).load;
        load.records |= piece.records() | snapshot;
        if goes_down && is_base || !goes_down && number == load.top {
            self.loaded(run);
        } else if goes_down {
            load.names &= up_to(number - 1);
            self.read_next(run, number - 1);
        } else {
            self.read_next(run, number + 1);
        }
    }

    /// Whether a piece shows a taker that a higher token than its own is in use.
    fn is_superseded_by(&self, run: u8, piece: Piece) -> bool {
        let own = &self.state.runs[usize::from(run)];
        self.protocol.has(Rule::TokensInLog)
            && own.stage == Stage::Entering
            && piece.kind != Kind::Origin
            && self.state.runs[usize::from(piece.by)].token > own.token
    }

    fn load_again(&mut self, run: u8) {
        self.see(Sighting::LoadAgain);
        self.run(run).load = Load::default();
        self.ask(run, Request::ListLog);
    }

    fn loaded(&mut self, run: u8) {
        let load = self.run(run).load;
        let is_known = load.top <= self.state.length && load.records == self.state.records(load.top);
        self.demand(is_known && load.top >= load.begun, Violation::WrongLoad);
        self.run(run).view = View { number: load.top, records: load.records };
        self.run(run).load = Load::default();
        if self.run(run).stage == Stage::Reading { self.over(run) } else { self.log_known(run) }
    }

    fn log_known(&mut self, run: u8) {
        let View { number, .. } = self.run(run).view;
        let owes = self.run(run).before == Before::Expired && self.protocol.has(Rule::Fence);
        let stands = self.state.log[usize::from(number)] == Some(Piece { by: run, kind: Kind::Fence });
        if owes && !stands { self.fence(run, number + 1) } else { self.hold(run) }
    }

    /// Creates the fence. A holder whose lease is over stops here.
    pub fn fence(&mut self, run: u8, number: u8) {
        if self.protocol.has(Rule::ClockLast) && !self.lease_holds(run) {
            return self.over(run);
        }
        self.run(run).load = Load::default();
        self.ask(run, Request::CreatePiece(number, Piece { by: run, kind: Kind::Fence }));
    }

    /// The takeover is complete.
    pub fn hold(&mut self, run: u8) {
        let token = self.run(run).token;
        self.state.taken = self.state.taken.max(token);
        self.run(run).stage = Stage::Holding;
        self.run(run).before = Before::Released;
        self.ask(run, Request::Nothing);
    }

    /// What the own clock says of the own lease.
    pub fn lease_holds(&self, run: u8) -> bool {
        self.protocol.clocks == Clocks::Useless || !self.state.runs[usize::from(run)].lapsed
    }
}

fn up_to(number: u8) -> Names {
    (2 << number) - 1
}
