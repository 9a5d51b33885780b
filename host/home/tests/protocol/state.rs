//! Everything that the checker tells apart: the objects of one stage, the runs, and the requests still under way.
//!
//! A run is one start of the program. One that pauses for ever or dies is one that the checker stops choosing, with its
//! request left to arrive or not; starting anew is another run. Plain values throughout, so that a state is copied and
//! hashed whole.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Runs of one model, readers included.
pub const RUNS: usize = 4;
/// Numbers of the log: a fence, an intent, a result and a base for each run.
pub const PIECES: usize = 4 * RUNS + 1;
/// Requests that nobody waits for any more.
pub const STRAYS: usize = 2;

/// Names of one kind that a listing told: bit `n` for the number `n`.
pub type Names = u32;
/// Records of the log: bit `2n` for the intent of operation `n`, bit `2n + 1` for its result.
pub type Records = u16;

/// What one piece of the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// No record: ends what earlier holders may write.
    Fence,
    /// The intent of the writer's own operation.
    Intent,
    /// The result of an operation, which an earlier run may have begun.
    Result(u8),
    /// Names the snapshot of its writer.
    Base,
    /// The base of the empty state, with which the stage was made.
    Origin,
}

/// A piece of the log, with the run that wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Piece {
    pub by: u8,
    pub kind: Kind,
}

impl fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} of run {}", self.kind, self.by)
    }
}

impl Piece {
    /// The record that the piece adds.
    pub fn records(self) -> Records {
        match self.kind {
            Kind::Fence | Kind::Base | Kind::Origin => 0,
            Kind::Intent => intent(self.by),
            Kind::Result(operation) => result(operation),
        }
    }
}

/// The intent of an operation, named for the run that began it.
pub fn intent(operation: u8) -> Records {
    1 << (2 * operation)
}

/// The result of an operation.
pub fn result(operation: u8) -> Records {
    2 << (2 * operation)
}

/// The operations that have an intent and no result.
pub fn in_flight(records: Records) -> impl Iterator<Item = u8> {
    (0..RUNS as u8).filter(move |operation| records & (intent(*operation) | result(*operation)) == intent(*operation))
}

/// A lease object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token {
    pub by: u8,
    pub released: bool,
}

/// What a run asked of the store or of the world, and has no answer to yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Request {
    Nothing,
    ListTokens,
    ReadToken(u8),
    CreateToken(u8),
    /// Reads the name after a creation that was not answered.
    FindToken(u8),
    ListTokensAgain,
    RemoveToken(u8),
    ListLog,
    ReadPiece(u8),
    CreatePiece(u8, Piece),
    /// Reads the name after a creation that was not answered.
    FindPiece(u8, Piece),
    /// Looks whether a name is free, where creation is not exclusive.
    LookAt(u8, Piece),
    /// Replaces the state in place, where no base commits it.
    ReplaceState,
    RemovePiece(u8),
    Call(u8),
    Release,
}

/// How far a listing has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Progress {
    Waiting,
    Open,
}

/// The answer to a creation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    Created,
    Taken,
}

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    New,
    Taking,
    /// Has the token; reads the log and fences.
    Entering,
    Holding,
    /// Reads without a lease.
    Reading,
    Over,
}

/// How the lease before ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Before {
    Released,
    Expired,
}

/// What a run believes the log to be: its last number and all its records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct View {
    pub number: u8,
    pub records: Records,
}

/// A listing under way and the reading of what it told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Load {
    /// Length of the log, or highest token, when the load or the taking began.
    pub begun: u8,
    /// Took longer than a removal waits; only where removals wait.
    pub overdue: bool,
    /// Names that existed all the time; where listings have an order, the names seen in its first part.
    pub always: Names,
    /// Names that existed at some time of the listing.
    pub ever: Names,
    /// Where listings have an order, the last number of its first part.
    pub cut: u8,
    /// Names to read, the highest of them, and what they held so far.
    pub names: Names,
    pub top: u8,
    pub floor: u8,
    pub records: Records,
}

/// The one operation of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Work {
    Nothing,
    /// The call has started; its result is not in the log.
    Called(u8),
    Done,
}

/// The one compaction of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Compaction {
    Nothing,
    /// The base stands under this number; older pieces go.
    Removing(u8),
    Done,
}

/// A heartbeat, which may arrive at any time after the token exists, the end of the run included.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Heartbeat {
    Nothing,
    Sent,
    Arrived,
}

/// One start of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Run {
    pub stage: Stage,
    pub request: Request,
    pub progress: Progress,
    pub token: u8,
    pub before: Before,
    /// Its own clock says that the lease is over. Only then may others find the token expired.
    pub lapsed: bool,
    pub heartbeat: Heartbeat,
    pub view: View,
    pub load: Load,
    pub work: Work,
    pub compaction: Compaction,
}

impl Run {
    pub const NEW: Self = Self {
        stage: Stage::New,
        request: Request::ListTokens,
        progress: Progress::Waiting,
        token: 0,
        before: Before::Released,
        lapsed: false,
        heartbeat: Heartbeat::Nothing,
        view: View { number: 0, records: 0 },
        load: Load { begun: 0, overdue: false, always: 0, ever: 0, cut: 0, names: 0, top: 0, floor: 0, records: 0 },
        work: Work::Nothing,
        compaction: Compaction::Nothing,
    };
}

/// A request that may still arrive, although its sender has gone on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum StrayKind {
    CreateToken(u8),
    CreatePiece(u8),
    RemoveToken(u8),
    RemovePiece(u8),
}

/// A stray request with what its sender knew.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Stray {
    pub by: u8,
    pub kind: StrayKind,
    /// What a creation of a piece would write, and the records its sender knew.
    pub piece: Option<Piece>,
    pub records: Records,
}

/// One state of the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    pub runs: [Run; RUNS],
    pub tokens: [Option<Token>; RUNS + 1],
    pub log: [Option<Piece>; PIECES + 1],
    pub snapshots: [Option<Records>; RUNS],
    /// The state object, where snapshots replace each other in place.
    pub in_place: View,
    pub strays: [Option<Stray>; STRAYS],
    /// Faults that may still happen.
    pub faults: u8,
    // What follows is not in any store: it is what the properties compare with.
    /// The first piece that landed under each number, in order.
    pub truth: [Option<Piece>; PIECES + 1],
    pub length: u8,
    /// The highest token that ever existed.
    pub highest: u8,
    /// The highest token whose takeover is complete.
    pub taken: u8,
}

impl Hash for State {
    /// Leaves out what is empty or follows from the rest.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for run in &self.runs {
            match run.stage {
                Stage::New => run.stage.hash(hasher),
                Stage::Over => (run.stage, run.token, run.heartbeat).hash(hasher),
                _ => run.hash(hasher),
            }
        }
        self.tokens[..=usize::from(self.highest)].hash(hasher);
        let mut gone: Names = 0;
        for number in 1..=usize::from(self.length) {
            self.truth[number].hash(hasher);
            if self.log[number].is_none() {
                gone |= 1 << number;
            } else if self.log[number] != self.truth[number] {
                self.log[number].hash(hasher);
            }
        }
        (gone, self.length, self.highest, self.taken, self.faults).hash(hasher);
        (self.snapshots, self.in_place, self.strays).hash(hasher);
    }
}

impl State {
    /// The records of the log up to a number, from the pieces themselves and no snapshot.
    pub fn records(&self, number: u8) -> Records {
        self.truth[..=usize::from(number)].iter().flatten().fold(0, |records, piece| records | piece.records())
    }

    /// The names that exist of the log.
    pub fn numbers(&self) -> Names {
        names(&self.log)
    }

    /// The tokens that exist.
    pub fn token_numbers(&self) -> Names {
        names(&self.tokens)
    }
}

fn names<T>(slots: &[Option<T>]) -> Names {
    slots.iter().enumerate().fold(0, |names, (number, slot)| names | (u32::from(slot.is_some()) << number))
}

/// The highest of some names; zero where there is none.
pub fn highest(names: Names) -> u8 {
    names.checked_ilog2().map_or(0, |number| number as u8)
}
