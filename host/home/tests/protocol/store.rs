//! What the store does with a request, and the properties of every change to it.

use crate::properties::{Sighting, Sightings, Violation};
use crate::rules::{Listing, Protocol, Rule};
use crate::state::{Answer, Heartbeat, Kind, Piece, Progress, Records, Request, Run, State, Token, View, highest};

/// One step from one state: the state changes under it, and it notes what it saw.
pub struct Turn<'a> {
    pub protocol: &'a Protocol,
    pub state: State,
    pub seen: Sightings,
    pub violation: Option<Violation>,
}

impl Turn<'_> {
    pub fn run(&mut self, run: u8) -> &mut Run {
        &mut self.state.runs[usize::from(run)]
    }

    pub fn see(&mut self, sighting: Sighting) {
        self.seen.add(sighting);
    }

    pub fn demand(&mut self, holds: bool, violation: Violation) {
        if !holds && self.violation.is_none() {
            self.violation = Some(violation);
        }
    }

    /// Creates a piece, if its name is free. `known` is what the writer believes to stand before it.
    pub fn create_piece(&mut self, number: u8, piece: Piece, known: Records) -> Answer {
        let slot = usize::from(number);
        let token = self.state.runs[usize::from(piece.by)].token;
        if token < self.state.taken {
            self.see(Sighting::StaleArrival);
        }
        if let Some(there) = self.state.log[slot] {
            if self.protocol.has(Rule::Exclusive) {
                return Answer::Taken;
            }
            self.demand(there == piece, Violation::Forked);
        }
        let is_new = self.state.log[slot].is_none();
        self.state.log[slot] = Some(piece);
        if is_new {
            self.named(Request::ListLog, number);
        }
        if number <= self.state.length {
            if is_new {
                self.see(Sighting::Hole);
            }
        } else {
            self.landed(number, piece, known, token);
        }
        self.readable();
        Answer::Created
    }

    /// A piece became the next one of the log.
    fn landed(&mut self, number: u8, piece: Piece, known: Records, token: u8) {
        let before = self.state.records(self.state.length);
        self.demand(number == self.state.length + 1, Violation::Forked);
        self.demand(known == before, Violation::OutdatedView);
        self.demand(token >= self.state.taken, Violation::Unfenced);
        self.state.truth[usize::from(number)] = Some(piece);
        self.state.length = number;
        if piece.kind == Kind::Fence {
            self.see(Sighting::Takeover);
            self.state.taken = self.state.taken.max(token);
        }
        if piece.kind == Kind::Base && token < self.state.highest {
            self.see(Sighting::BaseWon);
        }
    }

    pub fn remove_piece(&mut self, number: u8) {
        if self.state.log[usize::from(number)].take().is_some() {
            self.unnamed(Request::ListLog, number);
            self.readable();
        }
    }

    pub fn replace_in_place(&mut self, view: View) {
        self.state.in_place = view;
        self.readable();
    }

    pub fn create_token(&mut self, number: u8, by: u8) -> Answer {
        if self.state.tokens[usize::from(number)].is_some() {
            return Answer::Taken;
        }
        if number < self.state.highest {
            self.see(Sighting::TokenHole);
        }
        self.replace_token(number, Token { by, released: false });
        if self.protocol.heartbeats > 0 {
            self.run(by).heartbeat = Heartbeat::Sent;
        }
        Answer::Created
    }

    /// Writes a token whether or not it is there.
    pub fn replace_token(&mut self, number: u8, token: Token) {
        self.state.tokens[usize::from(number)] = Some(token);
        self.state.highest = self.state.highest.max(number);
        self.named(Request::ListTokens, number);
        self.named(Request::ListTokensAgain, number);
    }

    pub fn remove_token(&mut self, number: u8) {
        self.state.tokens[usize::from(number)] = None;
        self.unnamed(Request::ListTokens, number);
        self.unnamed(Request::ListTokensAgain, number);
    }

    /// A name appeared while listings were open.
    fn named(&mut self, listing: Request, number: u8) {
        self.open_listings(listing).for_each(|run| run.load.ever |= 1 << number);
    }

    /// A name went while listings were open.
    fn unnamed(&mut self, listing: Request, number: u8) {
        self.open_listings(listing).for_each(|run| run.load.always &= !(1 << number));
    }

    fn open_listings(&mut self, listing: Request) -> impl Iterator<Item = &mut Run> {
        let runs = if self.protocol.listing == Listing::Loose { &mut self.state.runs[..] } else { &mut [] };
        runs.iter_mut().filter(move |run| run.request == listing && run.progress == Progress::Open)
    }

    /// Demands that everything read at this very moment is the whole log.
    fn readable(&mut self) {
        let state = &self.state;
        let floor = if self.protocol.has(Rule::CommitByBase) { View::default() } else { state.in_place };
        let top = highest(state.numbers()).max(floor.number);
        let mut records = floor.records;
        let mut number = top;
        let mut whole = top == state.length;
        while number > floor.number {
            let Some(piece) = state.log[usize::from(number)] else {
                whole = false;
                break;
            };
            records |= piece.records();
            if piece.kind == Kind::Origin {
                break;
            }
            if piece.kind == Kind::Base {
                records |= state.snapshots[usize::from(piece.by)].unwrap_or_default();
                break;
            }
            number -= 1;
        }
        let holds = whole && records == state.records(state.length);
        self.demand(holds, Violation::Unreadable);
    }
}
