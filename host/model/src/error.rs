//! What goes wrong with a plugin: the taxonomy that providers answer with, and the faults of the plugin itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Diagnostic;
use crate::state::ResourceState;

/// The taxonomy of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The inputs are wrong.
    InvalidInput,
    /// What the call is about does not exist.
    NotFound,
    /// An object with this identity exists already.
    AlreadyExists,
    /// A concurrent change; retried.
    Conflict,
    /// Too many requests; retried.
    Throttled,
    /// The service or the network failed; retried.
    Unavailable,
    /// Accepted, not usable in time; retried.
    NotStabilized,
    /// A limit of the account is reached.
    QuotaExceeded,
    /// The credential may not do this.
    AccessDenied,
    /// The credential is missing, wrong or expired.
    BadCredentials,
    /// The plugin or this host cannot do what was asked.
    Unsupported,
    /// A bug in the plugin.
    Internal,
    /// None of the others.
    Other,
}

impl ErrorKind {
    /// Whether the host tries again by itself.
    #[must_use]
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Conflict | Self::Throttled | Self::Unavailable | Self::NotStabilized)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidInput => "invalid input",
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Conflict => "conflict",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::NotStabilized => "not stabilized",
            Self::QuotaExceeded => "quota exceeded",
            Self::AccessDenied => "access denied",
            Self::BadCredentials => "bad credentials",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal error of the plugin",
            Self::Other => "error",
        })
    }
}

/// A typed failure that a provider answered with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What to do about it.
    pub kind: ErrorKind,
    /// What was tried, on what, what the outside said.
    pub message: String,
    /// Findings with places.
    pub diagnostics: Vec<Diagnostic>,
    /// The wait that the service asked for, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The remote request id.
    pub request_id: Option<String>,
}

impl ProviderError {
    /// A failure with a message alone.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), diagnostics: Vec::new(), retry_after_ms: None, request_id: None }
    }
}

/// A limit that a call reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// Linear memory or tables.
    Memory,
    /// The guest's stack.
    Stack,
    /// CPU time.
    Cpu,
    /// Wall-clock time.
    Wall,
    /// Host calls.
    HostCalls,
    /// Bytes copied across the boundary.
    Copied,
    /// Resource handles.
    Handles,
}

/// How a call failed without an answer of the provider. Costs that one call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PluginFault {
    /// The guest trapped: a panic, an illegal access, an exit.
    #[error("the plugin crashed: {0}")]
    Trap(String),
    /// The guest reached a limit; the text tells which and how high it is.
    #[error("the plugin {text}")]
    Limit {
        /// Which limit.
        kind: LimitKind,
        /// "used more than 10 s of CPU time in one call".
        text: String,
    },
    /// The guest's answer breaks the contract.
    #[error("the plugin answered against the contract: {0}")]
    Contract(String),
    /// The run was stopped while the call went on.
    #[error("the call was cut off because the run was stopped")]
    Cancelled,
}

/// Why a call of a provider did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The provider said so.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The plugin failed.
    #[error(transparent)]
    Fault(#[from] PluginFault),
}

impl CallError {
    /// The kind, where the provider answered.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Provider(error) => Some(error.kind),
            Self::Fault(_) => None,
        }
    }
}

/// Why a write did not succeed, and what it left behind.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct WriteFailure {
    /// Why.
    pub error: CallError,
    /// The object as far as it was made.
    pub partial: Option<ResourceState>,
    /// Whether a request that may change something was sent and its answer told nothing: it never came, or the server
    /// failed. The host saw it, whatever the plugin makes of it.
    pub is_uncertain: bool,
}

impl<E: Into<CallError>> From<E> for WriteFailure {
    fn from(error: E) -> Self {
        Self { error: error.into(), partial: None, is_uncertain: false }
    }
}
