//! A provider as the engine calls it: the contract in host types. Sessions, instances and components stay behind it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{CallError, ProviderError, WriteFailure};
use crate::schema::ResourceSchema;
use crate::state::{Identity, PluginIdentity, ResourceState};
use crate::{Address, Diagnostic, OperationId, Pointer, ProviderKey, ResourceType, Value};

/// Whether a call may change anything outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The host refuses every mutating request.
    ReadOnly,
    /// Writes pass as far as the grant allows.
    Write,
}

/// The circumstances of one call.
#[derive(Clone, Debug)]
pub struct Call {
    /// What the guest may do.
    pub mode: Mode,
    /// The step, for writes.
    pub operation: Option<OperationId>,
    /// Counts from 1.
    pub attempt: u32,
    /// The resource, for messages and the audit.
    pub address: Option<Address>,
}

impl Call {
    /// A call that reads, about a resource.
    #[must_use]
    pub fn read(address: &Address) -> Self {
        Self { mode: Mode::ReadOnly, operation: None, attempt: 1, address: Some(address.clone()) }
    }

    /// An attempt at a step.
    #[must_use]
    pub fn write(address: &Address, operation: &OperationId, attempt: u32) -> Self {
        Self { mode: Mode::Write, operation: Some(operation.clone()), attempt, address: Some(address.clone()) }
    }
}

/// What `check` found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The inputs, completed.
    pub inputs: Value,
    /// Findings; errors stop the resource.
    pub diagnostics: Vec<Diagnostic>,
}

/// Which half of a replacement comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceOrder {
    /// The host chooses.
    Either,
    /// The new object first.
    CreateFirst,
    /// The old object goes first.
    DeleteFirst,
}

/// What a provider's own `plan` says of a change.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Every property after the deploy.
    pub after: Value,
    /// What forces a replacement, and why.
    pub replace: Vec<(Pointer, String)>,
    /// Which half comes first.
    pub order: ReplaceOrder,
    /// Findings; errors stop the resource.
    pub diagnostics: Vec<Diagnostic>,
}

/// A write that goes on.
#[derive(Clone, Debug)]
pub struct Pending {
    /// What `resume` needs.
    pub checkpoint: Vec<u8>,
    /// When to resume, milliseconds.
    pub poll_after_ms: u32,
    /// For the progress display.
    pub note: Option<String>,
    /// The object as far as it exists.
    pub partial: Option<ResourceState>,
}

/// How a write ended, for now.
#[derive(Clone, Debug)]
pub enum WriteOutcome {
    /// The object is as the state says.
    Written(ResourceState),
    /// The object is gone.
    Deleted,
    /// It goes on.
    Pending(Pending),
}

/// What to read.
#[derive(Clone, Debug)]
pub enum Target {
    /// What the host knows of the object.
    State(ResourceState),
    /// An object that the user names.
    Identity(Identity),
    /// What a cut-off create made.
    Operation(OperationId),
}

/// A plugin with one configuration, ready to be called. Calls run in parallel; a failed one costs itself alone.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Which plugin this is.
    fn plugin(&self) -> &PluginIdentity;

    /// See `provider.check`.
    async fn check(
        &self,
        call: Call,
        ty: &ResourceType,
        inputs: &Value,
        prior: Option<&ResourceState>,
    ) -> Result<Checked, CallError>;

    /// See `provider.plan`.
    async fn plan(
        &self,
        call: Call,
        ty: &ResourceType,
        prior: Option<&ResourceState>,
        inputs: &Value,
    ) -> Result<Planned, CallError>;

    /// See `provider.create`.
    async fn create(&self, call: Call, ty: &ResourceType, inputs: &Value) -> Result<WriteOutcome, WriteFailure>;

    /// See `provider.update`. `patch` is a JSON Patch text.
    async fn update(
        &self,
        call: Call,
        ty: &ResourceType,
        prior: &ResourceState,
        inputs: &Value,
        patch: String,
    ) -> Result<WriteOutcome, WriteFailure>;

    /// See `provider.delete`.
    async fn delete(&self, call: Call, ty: &ResourceType, prior: &ResourceState) -> Result<WriteOutcome, WriteFailure>;

    /// See `provider.resume`.
    async fn resume(&self, call: Call, ty: &ResourceType, checkpoint: Vec<u8>) -> Result<WriteOutcome, WriteFailure>;

    /// See `provider.read`.
    async fn read(&self, call: Call, ty: &ResourceType, target: Target) -> Result<Option<ResourceState>, CallError>;

    /// See `provider.migrate`.
    async fn migrate(&self, ty: &ResourceType, state: &ResourceState) -> Result<ResourceState, CallError>;
}

/// The providers of a stack, configured on demand.
#[async_trait]
pub trait Providers: Send + Sync {
    /// The schema of a resource type, from the plugin's description alone.
    ///
    /// # Errors
    /// When the provider has no such type or its schema cannot be used.
    async fn schema(&self, provider: &ProviderKey, ty: &ResourceType) -> Result<Arc<ResourceSchema>, CallError>;

    /// Checks a configuration and configures the provider with it, once per run and mode.
    ///
    /// # Errors
    /// When the configuration breaks its schema or the provider refuses it.
    async fn configure(
        &self,
        provider: &ProviderKey,
        config: &Value,
        mode: Mode,
    ) -> Result<Arc<dyn Provider>, CallError>;
}

impl From<crate::schema::SchemaError> for CallError {
    fn from(error: crate::schema::SchemaError) -> Self {
        ProviderError::new(crate::error::ErrorKind::Internal, error.to_string()).into()
    }
}
