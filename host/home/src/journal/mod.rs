//! The log of one stage: [`line`] is its text, [`sealed`] the text of a record that is encrypted as a whole, [`scan`]
//! checks the pieces that it lies in, [`read`] finds the pieces and the snapshot that they go on from, [`scribe`] writes
//! records, [`steps`] are the writes in flight, [`writer`] is the thread that makes records durable.

pub(crate) mod line;
pub(crate) mod read;
pub(crate) mod scan;
mod scribe;
pub(crate) mod sealed;
mod steps;
mod writer;

pub use writer::{JournalStats, MAX_BATCH_BYTES};

pub(crate) use line::{Chain, Header, LeaseLine, SnapshotRef, finish};
pub(crate) use scribe::Scribe;
pub(crate) use steps::{OpenStep, Steps};
pub(crate) use writer::{Origin, Replacement, Writer};
