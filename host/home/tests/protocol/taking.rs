//! Taking the lease: list, judge, create the next token, list again; and marking it released.

use crate::properties::{Sighting, Violation};
use crate::rules::{Clocks, Rule};
use crate::state::{Answer, Before, Heartbeat, Names, Progress, Request, Run, Stage, Token, highest};
use crate::store::Turn;

impl Turn<'_> {
    pub fn ask(&mut self, run: u8, request: Request) {
        let run = self.run(run);
        run.request = request;
        run.progress = Progress::Waiting;
    }

    /// Ends a run.
    pub fn over(&mut self, run: u8) {
        let run = self.run(run);
        *run = Run { stage: Stage::Over, token: run.token, heartbeat: run.heartbeat, lapsed: true, ..Run::NEW };
    }

    /// Begins to take the lease again.
    fn take(&mut self, run: u8) {
        let own = *self.run(run);
        *self.run(run) = Run { stage: Stage::Taking, lapsed: own.lapsed, ..Run::NEW };
    }

    pub fn tokens_listed(&mut self, run: u8, names: Names) {
        match highest(names) {
            0 => self.try_token(run, 1, Before::Released),
            number => self.ask(run, Request::ReadToken(number)),
        }
    }

    /// Judges a lease. One that is not released may be found expired at any time: its holder's clock said so earlier.
    pub fn token_read(&mut self, run: u8, number: u8) {
        match self.state.tokens[usize::from(number)] {
            Some(Token { released: true, .. }) => {
                self.see(Sighting::Succession);
                self.try_token(run, number + 1, Before::Released);
            }
            Some(Token { by, .. }) => {
                self.lapse(by);
                self.try_token(run, number + 1, Before::Expired);
            }
            None => self.take(run),
        }
    }

    fn try_token(&mut self, run: u8, number: u8, before: Before) {
        self.run(run).token = number;
        self.run(run).before = before;
        self.ask(run, Request::CreateToken(number));
    }

    /// Creates the token and is told whether that succeeded.
    pub fn token_answered(&mut self, run: u8, number: u8) {
        let answer = self.create_token(number, run);
        let is_own = self.state.tokens[usize::from(number)].is_some_and(|token| token.by == run);
        if answer == Answer::Created || is_own {
            self.token_created(run);
        } else {
            self.take(run);
        }
    }

    /// Reads the name after a creation that was not answered.
    pub fn token_found(&mut self, run: u8, number: u8) {
        if self.state.tokens[usize::from(number)].is_some_and(|token| token.by == run) {
            self.see(Sighting::AnswerFound);
            self.token_created(run);
        } else {
            self.over(run);
        }
    }

    fn token_created(&mut self, run: u8) {
        if self.protocol.has(Rule::ListAgain) {
            self.ask(run, Request::ListTokensAgain);
        } else {
            self.enter(run);
        }
    }

    pub fn tokens_listed_again(&mut self, run: u8, names: Names) {
        let Run { token, load, .. } = *self.run(run);
        if load.overdue {
            self.see(Sighting::Overdue);
            self.over(run);
        } else if highest(names) == token {
            let knows = self.lease_holds(run) && self.protocol.clocks == Clocks::Sound;
            self.demand(load.top == token || !knows, Violation::TwoHolders);
            self.enter(run);
        } else {
            self.see(Sighting::SecondListing);
            self.over(run);
        }
    }

    /// Removes an old token; a taking that began before the one behind it existed is too slow by its own clock.
    pub fn remove_token_of(&mut self, run: u8, number: u8) {
        if self.protocol.has(Rule::TokensWait) && self.protocol.clocks == Clocks::Sound {
            let next = (number + 1..).find(|next| self.state.tokens[usize::from(*next)].is_some());
            let next = next.unwrap_or(number + 1);
            self.state
                .runs
                .iter_mut()
                .filter(|other| other.stage == Stage::Taking && has_begun(other) && other.load.begun < next)
                .for_each(|other| other.load.overdue = true);
        }
        self.ask(run, Request::RemoveToken(number));
    }

    /// Marks the lease released: the next holder will not fence.
    pub fn release(&mut self, run: u8) {
        let number = self.run(run).token;
        self.replace_token(number, Token { by: run, released: true });
        self.over(run);
    }

    /// The heartbeat arrives: the token is written as held, whatever became of it.
    pub fn heartbeat(&mut self, run: u8) {
        let number = self.run(run).token;
        if self.state.tokens[usize::from(number)] != Some(Token { by: run, released: false }) {
            self.see(Sighting::Revived);
        }
        self.run(run).heartbeat = Heartbeat::Arrived;
        self.replace_token(number, Token { by: run, released: false });
    }

    /// The answer of the heartbeat.
    pub fn heartbeat_answered(&mut self, run: u8) {
        let is_final = self.protocol.has(Rule::LapseIsFinal);
        let run = self.run(run);
        run.heartbeat = Heartbeat::Nothing;
        run.lapsed &= is_final;
    }
}

/// Whether the first listing of a taking has begun.
fn has_begun(run: &Run) -> bool {
    run.request != Request::ListTokens || run.progress == Progress::Open
}
