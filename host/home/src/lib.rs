//! Where state lives: the local home, a directory that holds for each stack and stage a snapshot of the state, the
//! journal of the run that goes on, and a lock; and the keys that encrypt every secret in them. Knows nothing of
//! plans and providers; takes randomness, identities and paths from its caller.
//!
//! ```text
//! <root>/home.json                    format and id of the home
//! <root>/keys/<key id>.age            data keys, wrapped for the user's identity or a passphrase
//! <root>/<stack>/<stage>/lock         held by the one writer; tells who it is
//! <root>/<stack>/<stage>/state.json   the snapshot, replaced atomically
//! <root>/<stack>/<stage>/journal.jsonl  what happened since the snapshot, appended
//! ```

mod durable;
mod entropy;
mod entry;
mod error;
mod generation;
mod home;
mod journal;
mod keyring;
mod keys;
mod lock;
mod marks;
mod record;
mod replay;
mod snapshot;
mod stage;
mod vault;
mod written;

pub use entropy::Entropy;
pub use error::{
    Damage, FileError, KeyError, LoadError, NewerFormat, OpenHomeError, OpenStageError, SealError, WriteError,
};
pub use home::LocalHome;
pub use journal::{JournalStats, MAX_BATCH_BYTES};
pub use keys::{Keys, Passphrase};
pub use lock::Holder;
pub use replay::Loaded;
pub use stage::{Access, Compaction, Stage};
