//! What goes wrong in a plan or a step, with its circumstances. All texts are redacted before they get here.

use std::fmt;

use cofferdam_model::error::{CallError, ErrorKind, PluginFault, ProviderError};
use cofferdam_model::journal::{JournalError, WriteKind};
use cofferdam_model::state::PluginIdentity;
use cofferdam_model::{Address, Diagnostic, OperationId, ProviderKey};
use serde::Serialize;

/// What was being done when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Getting a type's schema.
    Describe,
    /// Configuring the provider.
    Configure,
    /// Evaluating and validating inputs.
    Evaluate,
    /// Bringing an older state to the present schema.
    Migrate,
    /// The type's own check.
    Check,
    /// The type's own plan.
    Plan,
    /// Reading the object.
    Read,
    /// Making the object.
    Create,
    /// Changing the object.
    Update,
    /// Removing the object.
    Delete,
    /// Going on with a write that a former run began.
    Resume,
}

impl Task {
    /// The verb that stands before a resource's address: "could not `create` …".
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Describe => "get the schema of",
            Self::Configure => "configure the provider of",
            Self::Evaluate => "evaluate",
            Self::Migrate => "migrate the state of",
            Self::Check => "check",
            Self::Plan => "plan",
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Resume => "resume the write of",
        }
    }
}

impl From<WriteKind> for Task {
    fn from(kind: WriteKind) -> Self {
        match kind {
            WriteKind::Create => Self::Create,
            WriteKind::Update => Self::Update,
            WriteKind::Delete => Self::Delete,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())
    }
}

/// Why a step or a call could not be completed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// The provider said so.
    #[error(transparent)]
    Provider(ProviderError),
    /// The plugin failed; what it did before that is unknown.
    #[error(transparent)]
    Fault(PluginFault),
    /// The inputs are wrong; the diagnostics of the step say where.
    #[error("the inputs are not valid")]
    Inputs,
    /// The plugin's schema cannot be used.
    #[error("{0}")]
    Schema(String),
    /// The inputs differ from those that the plan showed, at a place that was known then.
    #[error("the value of `{0}` is not the one that was planned")]
    NotAsPlanned(String),
    /// The provider's configuration is still unknown.
    #[error("the configuration of provider `{0}` is not known")]
    ProviderUnknown(ProviderKey),
    /// The state was written by a newer version of the plugin.
    #[error("the state has schema version {found}, newer than version {known} of this plugin")]
    NewerState {
        /// The state's.
        found: u32,
        /// The plugin's.
        known: u32,
    },
    /// A former run's write of the resource still goes on and was not resumed.
    #[error("operation `{operation}` of a former run still goes on")]
    InFlight {
        /// The write.
        operation: OperationId,
        /// How it is settled, with something to paste.
        hint: String,
    },
    /// A former run's write of the resource was cut off and is not settled.
    #[error("how operation `{operation}` of a former run ended is not known")]
    Unsettled {
        /// The write.
        operation: OperationId,
        /// How it is settled, with something to paste.
        hint: String,
    },
    /// The journal could not be written, or the run has lost its right to, so nothing more may be done.
    #[error(transparent)]
    Journal(JournalError),
}

impl From<CallError> for Cause {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Provider(error) => Self::Provider(error),
            CallError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Something that could not be done to a resource.
#[derive(Clone, Debug, thiserror::Error)]
#[error("could not {task} `{address}`")]
pub struct StepError {
    /// The resource.
    pub address: Address,
    /// What was tried.
    pub task: Task,
    /// The provider configuration.
    pub provider: ProviderKey,
    /// The plugin, where it is known.
    pub plugin: Option<PluginIdentity>,
    /// The write, where one was begun.
    pub operation: Option<OperationId>,
    /// How many attempts were made; 0 where none was.
    pub attempts: u32,
    /// Why.
    #[source]
    pub cause: Box<Cause>,
    /// Findings with places in the user's files.
    pub diagnostics: Vec<Diagnostic>,
}

impl StepError {
    /// The provider's own classification, where it answered.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match &*self.cause {
            Cause::Provider(error) => Some(error.kind),
            _ => None,
        }
    }

    /// What to do, where the engine knows.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match &*self.cause {
            Cause::Unsettled { hint, .. } | Cause::InFlight { hint, .. } => Some(hint),
            Cause::NotAsPlanned(_) => Some("plan again"),
            _ => None,
        }
    }

    /// Everything in one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        format!("{self}: {}", self.cause)
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    /// The stack is wrong.
    #[error("the stack is not valid")]
    Invalid {
        /// Every finding; at least one is an error.
        diagnostics: Vec<Diagnostic>,
    },
    /// Calls of plugins failed.
    #[error("the plan could not be completed")]
    Calls {
        /// What failed, in the order of the resources.
        errors: Vec<StepError>,
        /// Every finding besides.
        diagnostics: Vec<Diagnostic>,
    },
    /// The references form a cycle.
    #[error("the references of the stack form a cycle through `{0}`")]
    Cycle(Address),
    /// The run was asked to stop.
    #[error("the plan was stopped")]
    Stopped,
}

/// Why a plan must not be deployed on a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StalePlan {
    /// Another stack, stage or lineage.
    #[error("the plan was made for another stack, stage or state")]
    OtherState,
    /// The state went on.
    #[error("the state is at serial {found}, the plan was made at {planned}")]
    Serial {
        /// The state's.
        found: u64,
        /// The plan's.
        planned: u64,
    },
    /// The state has the serial of the plan and says something else: a run changed it and did not come to its end.
    #[error("the state at serial {serial} is not the one that the plan was made from")]
    Content {
        /// The serial of both.
        serial: u64,
    },
}
