//! For providers that prepare accounts or projects themselves: steps that the host does once, one by one, and keeps the
//! results of. `cofferdam_sdk::export_bootstrapper!(MyProvider);` beside `export!`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::context::Cx;
use crate::error::Error;
use crate::provider::Provider;

/// Which preparation it is. All but region and namespace are the host's own words.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Scope {
    /// The provider, as the stack names it.
    pub provider: String,
    /// `plugin:NAME`, with `@` and the partition or server where the account is one of AWS.
    pub authority: String,
    /// The account of the credential of AWS; of a provider without one, a text that follows from its configuration.
    pub account: String,
    /// The region that was asked for; `global` where none was.
    pub region: String,
    /// The namespace that was asked for; `default` where none was.
    pub namespace: String,
}

/// One step of the preparation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub(crate) name: String,
    pub(crate) title: String,
}

impl Step {
    /// `name` is unique in the list, stable between versions, and of lowercase letters, digits and hyphens; `title` is
    /// one line for people.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into() }
    }
}

/// What a call of a step is about.
#[derive(Clone, Debug)]
pub struct StepCall {
    /// Which preparation.
    pub scope: Scope,
    /// The name of the step.
    pub step: String,
    /// What the steps so far produced.
    pub record: Value,
}

/// How a step ended.
#[derive(Debug)]
pub enum StepOutcome {
    /// What the step adds to the record: an object of up to 64 KiB. The record is not encrypted: no secrets.
    Done(Value),
    /// Not yet: the host calls the step again, with the same operation id and a higher attempt. There is no checkpoint;
    /// what the step needs to go on, the service knows by the operation id.
    Pending {
        /// The least time to wait.
        after: Duration,
        /// One line for the progress display.
        note: String,
    },
}

impl StepOutcome {
    /// Done, and nothing to add to the record.
    #[must_use]
    pub fn done() -> Self {
        Self::Done(Value::Object(serde_json::Map::new()))
    }

    /// Not yet: to be called again after at least this time.
    #[must_use]
    pub fn pending(after: Duration, note: impl Into<String>) -> Self {
        Self::Pending { after, note: note.into() }
    }
}

/// A provider that prepares accounts or projects itself. Resources ask for it with
/// [`ensure_own`](crate::bootstrap::ensure_own).
pub trait Bootstrapper: Provider {
    /// The steps that a scope needs, in order. Called without any capability: depends on its arguments alone.
    ///
    /// # Errors
    ///
    /// Where the scope cannot be prepared at all.
    fn steps(session: &Self::Session, scope: &Scope) -> Result<Vec<Step>, Error>;

    /// Does one step. Safe to repeat: after a crash it is called again with the same operation id.
    ///
    /// # Errors
    ///
    /// When the step is not done. The host tries retried kinds again.
    fn perform(cx: &Cx<Self::Session>, call: &StepCall) -> Result<StepOutcome, Error>;

    /// Looks at what the record names, read-only: one line a fault.
    ///
    /// # Errors
    ///
    /// When it cannot look.
    fn verify(cx: &Cx<Self::Session>, scope: &Scope, record: &Value) -> Result<Vec<String>, Error>;

    /// Takes one step back, when the user destroys the bootstrap. What is gone already is done.
    ///
    /// # Errors
    ///
    /// When what the step made is still there.
    fn undo(cx: &Cx<Self::Session>, call: &StepCall) -> Result<StepOutcome, Error>;
}
