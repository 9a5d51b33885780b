//! The log of one stage: [`line`] is its text, [`scan`] checks the pieces that it lies in, [`read`] finds the pieces
//! and the snapshot that they go on from, [`writer`] is the thread that makes records durable.

pub(crate) mod line;
pub(crate) mod read;
pub(crate) mod scan;
mod writer;

pub use writer::{JournalStats, MAX_BATCH_BYTES};

pub(crate) use line::{Chain, Header, LeaseLine, SnapshotRef, finish};
pub(crate) use writer::{OpenStep, Origin, Replacement, Writer};
