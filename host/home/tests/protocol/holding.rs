//! What a run does with the log while it holds it: append, call, compact, and find out what became of an append.

use crate::properties::{Sighting, Violation};
use crate::rules::{Clocks, Rule};
use crate::state::{Answer, Before, Compaction, Kind, Piece, Request, Run, Work, in_flight, intent, result};
use crate::store::Turn;

/// What a holder may begin next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    Intend,
    Call(u8),
    Conclude(u8),
    Compact,
    RemovePiece(u8),
    RemoveToken(u8),
    Release,
}

impl Turn<'_> {
    /// Everything that an idle holder may begin.
    pub fn possible(&self, run: u8) -> Vec<Next> {
        let state = &self.state;
        let own = &state.runs[usize::from(run)];
        if let Compaction::Removing(base) = own.compaction {
            return self.next_to_remove(base).map(Next::RemovePiece).into_iter().collect();
        }
        let mut all = vec![Next::Release];
        match own.work {
            Work::Called(operation) => all.push(Next::Conclude(operation)),
            Work::Done => {}
            Work::Nothing => match in_flight(own.view.records).next() {
                Some(operation) => all.push(Next::Call(operation)),
                None if self.protocol.operations > 0 => all.push(Next::Intend),
                None => {}
            },
        }
        if own.compaction == Compaction::Nothing && self.protocol.compactions > 0 && own.view.number > 0 {
            all.push(Next::Compact);
        }
        if self.protocol.token_removals > 0 && own.work == Work::Nothing && own.compaction == Compaction::Nothing {
            let old = (1..own.token).filter(|number| state.tokens[usize::from(*number)].is_some());
            all.extend(old.map(Next::RemoveToken));
        }
        all
    }

    pub fn begin(&mut self, run: u8, next: Next) {
        match next {
            Next::Intend => self.append(run, Kind::Intent),
            Next::Conclude(operation) => self.append(run, Kind::Result(operation)),
            Next::Call(operation) => self.decide_call(run, operation),
            Next::Compact => self.compact(run),
            Next::RemovePiece(number) => self.ask(run, Request::RemovePiece(number)),
            Next::RemoveToken(number) => self.remove_token_of(run, number),
            Next::Release => self.ask(run, Request::Release),
        }
    }

    /// Asks for the next piece, if the own clock allows; otherwise the run stays as it is and may only release.
    fn append(&mut self, run: u8, kind: Kind) {
        let Run { view, .. } = *self.run(run);
        if !self.lease_holds(run) {
            return self.ask(run, Request::Nothing);
        }
        self.believes(run);
        let piece = Piece { by: run, kind };
        if self.protocol.has(Rule::Exclusive) {
            self.ask(run, Request::CreatePiece(view.number + 1, piece));
        } else {
            self.ask(run, Request::LookAt(view.number + 1, piece));
        }
    }

    /// Demands that the log was once what the run acts on.
    fn believes(&mut self, run: u8) {
        let view = self.run(run).view;
        let holds = view.number <= self.state.length && view.records == self.state.records(view.number);
        self.demand(holds, Violation::FalseView);
    }

    pub fn looked(&mut self, run: u8, number: u8, piece: Piece) {
        if self.state.log[usize::from(number)].is_none() {
            self.ask(run, Request::CreatePiece(number, piece));
        } else {
            self.superseded(run, piece);
        }
    }

    /// Creates a piece and is told whether that succeeded.
    pub fn piece_answered(&mut self, run: u8, number: u8, piece: Piece) {
        let known = self.run(run).view.records;
        let answer = self.create_piece(number, piece, known);
        if answer == Answer::Created || self.state.log[usize::from(number)] == Some(piece) {
            self.appended(run, number, piece);
        } else {
            self.superseded(run, piece);
        }
    }

    /// Reads the name after a creation that was not answered. Where nothing is there, `retry` says what to do.
    pub fn piece_found(&mut self, run: u8, number: u8, piece: Piece, retry: Retry) {
        match self.state.log[usize::from(number)] {
            Some(there) if there == piece => {
                self.see(Sighting::AnswerFound);
                self.appended(run, number, piece);
            }
            Some(_) => self.superseded(run, piece),
            None if retry == Retry::Again && self.lease_holds(run) => {
                self.see(Sighting::Retried);
                self.ask(run, Request::CreatePiece(number, piece));
            }
            None if self.protocol.has(Rule::ReleaseSettled) => self.over(run),
            None => self.ask(run, Request::Release),
        }
    }

    fn appended(&mut self, run: u8, number: u8, piece: Piece) {
        if piece.kind != Kind::Fence {
            self.demand(self.state.truth[usize::from(number)] == Some(piece), Violation::LostRecord);
        }
        let view = &mut self.run(run).view;
        view.number = number;
        view.records |= piece.records();
        self.ask(run, Request::Nothing);
        match piece.kind {
            Kind::Fence if self.protocol.has(Rule::LoadAfterFence) => {
                if !self.protocol.has(Rule::FenceIsLast) {
                    self.run(run).before = Before::Released;
                }
                self.ask(run, Request::ListLog);
            }
            Kind::Fence => self.hold(run),
            Kind::Intent | Kind::Origin => {}
            Kind::Result(_) => self.run(run).work = Work::Done,
            Kind::Base => self.run(run).compaction = Compaction::Removing(number),
        }
        self.stop_removing(run);
    }

    /// Another run's piece has the number.
    fn superseded(&mut self, run: u8, piece: Piece) {
        match piece.kind {
            Kind::Fence => {
                self.see(Sighting::FenceLost);
                self.fence_again(run);
            }
            _ => {
                self.see(if piece.kind == Kind::Base { Sighting::BaseLost } else { Sighting::FencedAppend });
                self.over(run);
            }
        }
    }

    fn fence_again(&mut self, run: u8) {
        if self.protocol.has(Rule::ReadAgain) {
            self.ask(run, Request::ListLog);
        } else {
            self.run(run).view.number += 1;
            let next = self.run(run).view.number + 1;
            self.fence(run, next);
        }
    }

    /// Looks at the own clock and decides to call; the call itself may start much later.
    fn decide_call(&mut self, run: u8, operation: u8) {
        if !self.lease_holds(run) {
            return self.ask(run, Request::Nothing);
        }
        self.believes(run);
        let records = self.state.records(self.state.length);
        self.demand(records & intent(operation) != 0, Violation::CallWithoutIntent);
        if self.protocol.clocks == Clocks::Sound {
            let token = self.run(run).token;
            self.demand(token == self.state.highest, Violation::CallWithoutLease);
            self.demand(records & result(operation) == 0, Violation::TwoOperations);
            self.demand(in_flight(records).eq([operation]), Violation::TwoOperations);
        }
        self.ask(run, Request::Call(operation));
    }

    /// The call starts.
    pub fn call(&mut self, run: u8, operation: u8) {
        let records = self.state.records(self.state.length);
        self.demand(records & intent(operation) != 0, Violation::CallWithoutIntent);
        if self.run(run).token < self.state.taken {
            self.see(Sighting::StaleCall);
        }
        if operation != run {
            self.see(Sighting::Continued);
        }
        self.run(run).work = Work::Called(operation);
        self.ask(run, Request::Nothing);
    }

    /// Writes a snapshot under a name of its own, which nobody sees before its base; the base is next.
    fn compact(&mut self, run: u8) {
        if !self.protocol.has(Rule::CommitByBase) {
            return self.ask(run, Request::ReplaceState);
        }
        self.state.snapshots[usize::from(run)] = Some(self.run(run).view.records);
        self.append(run, Kind::Base);
    }

    /// The state that everybody reads is replaced; what it holds goes from the log.
    pub fn state_replaced(&mut self, run: u8) {
        let view = self.run(run).view;
        self.replace_in_place(view);
        self.run(run).compaction = Compaction::Removing(view.number + 1);
        self.ask(run, Request::Nothing);
        self.stop_removing(run);
    }

    pub fn piece_removed(&mut self, run: u8) {
        self.ask(run, Request::Nothing);
        self.stop_removing(run);
    }

    /// The next piece to remove of those that a base replaces.
    fn next_to_remove(&self, base: u8) -> Option<u8> {
        let keeps_fences = self.protocol.has(Rule::KeepFences);
        let may_go = |piece: Piece| !keeps_fences || piece.kind != Kind::Fence;
        let mut old = (1..base).filter(|number| self.state.log[usize::from(*number)].is_some_and(may_go));
        if self.protocol.has(Rule::RemoveUpwards) { old.next() } else { old.next_back() }
    }

    /// Compaction ends where nothing old is left.
    fn stop_removing(&mut self, run: u8) {
        if let Compaction::Removing(base) = self.run(run).compaction
            && self.next_to_remove(base).is_none()
        {
            self.run(run).compaction = Compaction::Done;
        }
    }
}

/// What to do about a creation that was not answered and whose name is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    Again,
    Never,
}
