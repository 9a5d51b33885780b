//! The journal as the engine writes it: what is about to be done before it is done, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::state::{PluginIdentity, ResourceEntry, ResourceState};
use crate::{Address, Digest, OperationId, ProviderKey, Value};

/// What a step does to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteKind {
    /// Makes it.
    Create,
    /// Changes it in place.
    Update,
    /// Removes it.
    Delete,
}

/// One record of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A run began.
    RunStarted {
        /// The command, such as `deploy`.
        command: String,
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// A write is about to be made. Durable before its call starts.
    Intent {
        /// Names the step.
        operation: OperationId,
        /// What it is about.
        address: Address,
        /// What it does.
        kind: WriteKind,
        /// The provider configuration that serves it.
        provider: ProviderKey,
        /// Which plugin does it.
        plugin: PluginIdentity,
        /// The digest of the inputs.
        inputs: Digest,
        /// The inputs themselves, for a create or an update: whoever settles the write makes it again with these. None
        /// for a delete, and in records of older hosts.
        desired: Option<Arc<Value>>,
    },
    /// A write answered `pending`.
    Checkpoint {
        /// The step.
        operation: OperationId,
        /// What `resume` needs.
        checkpoint: Vec<u8>,
        /// The object as far as it exists.
        partial: Option<ResourceState>,
    },
    /// A write ended, or a refresh saw a change: the resource's entry from now on.
    Result {
        /// The step; none for a refresh.
        operation: Option<OperationId>,
        /// What it is about.
        address: Address,
        /// The entry; none where the object is gone.
        entry: Option<Arc<ResourceEntry>>,
    },
    /// The outputs after a deploy.
    Outputs {
        /// Every output.
        outputs: BTreeMap<String, Value>,
    },
    /// A run ended and left nothing in flight.
    RunFinished {
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
}

/// A write that a former run began and whose end no record tells: an [`Record::Intent`] without its
/// [`Record::Result`].
#[derive(Clone, PartialEq)]
pub struct InFlight {
    /// The step.
    pub operation: OperationId,
    /// What it is about.
    pub address: Address,
    /// What it does.
    pub kind: WriteKind,
    /// The provider configuration that serves it.
    pub provider: ProviderKey,
    /// Which plugin does it.
    pub plugin: PluginIdentity,
    /// The digest of the inputs.
    pub inputs: Digest,
    /// The inputs of a create or an update, where the intent holds them.
    pub desired: Option<Arc<Value>>,
    /// The command that began it, where the journal says so.
    pub command: Option<String>,
    /// The last checkpoint, where the write answered `pending`.
    pub checkpoint: Option<Vec<u8>>,
    /// The object as far as the last checkpoint says it exists.
    pub partial: Option<ResourceState>,
}

/// Never shows the checkpoint or the inputs.
impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InFlight")
            .field("operation", &self.operation)
            .field("address", &self.address)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Why a record could not be made durable. The run must write nothing more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("could not write the journal at `{place}`")]
pub struct JournalError {
    /// The file or object.
    pub place: String,
    /// What to do, where there is something.
    pub hint: Option<String>,
    /// What the system said.
    #[source]
    pub source: Arc<std::io::Error>,
}

/// Where the engine records what it does.
pub trait Journal: Send + Sync {
    /// Puts a record into the journal, in the order of the calls. The record is queued when this returns and durable
    /// when the future ends well; dropping the future takes nothing back.
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>>;

    /// Whether the run may still write. Asked right before every call that changes something outside, so it must be
    /// cheap: no I/O, no waiting. A run that shares its right with nobody always may.
    ///
    /// # Errors
    /// Why it may not any more, such as a lease that ran out: the call is then not made.
    fn may_write(&self) -> Result<(), JournalError> {
        Ok(())
    }
}
