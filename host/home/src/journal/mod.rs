//! The journal of one stage: [`line`] is its text, [`file`] makes lines durable, [`writer`] is the thread that does.

mod file;
mod line;
mod writer;

pub use writer::{JournalStats, MAX_BATCH_BYTES};

pub(crate) use line::{Chain, Scan};
pub(crate) use writer::{Origin, Places, Replacement, Writer};
