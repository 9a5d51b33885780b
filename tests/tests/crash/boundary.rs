//! Where a run can be killed on purpose: on either side of a write to its home.

use std::fmt;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `home.json`.
    Home,
    /// A token: the lease is taken.
    Lease,
    /// A piece of the journal.
    Piece,
    /// A snapshot.
    Snapshot,
    /// The piece that makes the snapshot count.
    Base,
    /// The second copy of both.
    Spare,
    /// Pieces, snapshots and second copies that are no longer needed go.
    Removal,
    /// The token again: a heartbeat, or the lease is given back. Not exclusive, so not noted in a directory.
    Renewal,
}

impl Kind {
    pub const ALL: [Self; 8] =
        [Self::Home, Self::Lease, Self::Piece, Self::Snapshot, Self::Base, Self::Spare, Self::Removal, Self::Renewal];

    /// As `kill_at.c` calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Lease => "lease",
            Self::Piece => "piece",
            Self::Snapshot => "snapshot",
            Self::Base => "base",
            Self::Spare => "spare",
            Self::Removal => "removal",
            Self::Renewal => "renewal",
        }
    }
}

/// Which side of the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// It is never made.
    Before,
    /// It is made, and the run never knows.
    After,
    /// It is made after all, once the next run is done: a request may take that long.
    Late,
}

impl Side {
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Late => "late",
        }
    }
}

/// One side of the n-th write of a kind, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    pub kind: Kind,
    pub number: usize,
    pub side: Side,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.side.word(), self.kind.word(), self.number)
    }
}

/// A write that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The run that made it, as its home tells runs apart.
    pub by: u32,
    pub kind: Kind,
    /// The object.
    pub name: String,
}

/// How many writes of each kind there are.
pub fn counts(writes: &[Written]) -> Vec<(Kind, usize)> {
    let count = |kind| (kind, writes.iter().filter(|write| write.kind == kind).count());
    Kind::ALL.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
}
