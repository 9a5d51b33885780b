//! What a run reports while it goes on. Terminal, JSON Lines and the record of the run are drawn from these alone.

use cofferdam_model::document::to_shown_json;
use cofferdam_model::{Address, OperationId, Pointer, ProviderKey, Value};
use serde::Serialize;

use crate::{Action, Change, DriftChange, Stop, Task};

/// Receives events. Called from several tasks; must not block and must not call back into the engine.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: Event);
}

/// A change as it may be shown: secret and unknown places stand as the words for them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownChange {
    /// The place in the resource's properties.
    pub pointer: Pointer,
    /// The value before; none where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<serde_json::Value>,
    /// The value after; none where it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<serde_json::Value>,
    /// Whether this change forces a replacement.
    pub replaces: bool,
}

impl From<&Change> for ShownChange {
    fn from(change: &Change) -> Self {
        let shown = |value: &Option<Value>| value.as_ref().map(to_shown_json);
        Self {
            pointer: change.pointer.clone(),
            before: shown(&change.before),
            after: shown(&change.after),
            replaces: change.replaces,
        }
    }
}

impl From<&DriftChange> for ShownChange {
    fn from(change: &DriftChange) -> Self {
        let shown = |value: &Option<Value>| value.as_ref().map(to_shown_json);
        Self {
            pointer: change.pointer.clone(),
            before: shown(&change.before),
            after: shown(&change.after),
            replaces: false,
        }
    }
}

/// An event, version 1 of its JSON form: an object whose `type` names the variant in kebab-case. Within a version,
/// variants and fields may be added; none changes its meaning or goes away. No event holds a secret.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// A plan began.
    PlanStarted {
        /// Resources of the stack and of the state.
        resources: usize,
    },
    /// A resource is being read.
    ReadStarted {
        /// Which one.
        address: Address,
    },
    /// A resource is not as the state says.
    DriftFound {
        /// Which one.
        address: Address,
        /// Whether the object is gone.
        gone: bool,
        /// What differs.
        changes: Vec<ShownChange>,
    },
    /// A resource is planned. In the order in which the plan gets to know, which is not the order of the steps.
    ResourcePlanned {
        /// Which one.
        address: Address,
        /// What will happen to it.
        action: Action,
        /// What changes in it.
        changes: Vec<ShownChange>,
    },
    /// A deploy began.
    RunStarted {
        /// The steps that do something.
        steps: usize,
    },
    /// A write is about to start.
    StepStarted {
        /// The resource.
        address: Address,
        /// The step's action.
        action: Action,
        /// Which half or call of it.
        task: Task,
        /// Names the write.
        operation: OperationId,
    },
    /// A write waits before its next call.
    StepWaiting {
        /// The resource.
        address: Address,
        /// The call that waits.
        task: Task,
        /// Names the write; none for reads.
        #[serde(skip_serializing_if = "Option::is_none")]
        operation: Option<OperationId>,
        /// What the provider says it waits for, or why a call is repeated.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// The next attempt after a failed one; none while a remote operation goes on.
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// How long, milliseconds.
        wait_ms: u64,
    },
    /// A step is done.
    StepFinished {
        /// The resource.
        address: Address,
        /// The step's action.
        action: Action,
        /// Whether the deploy found that there was nothing to do after all.
        unchanged: bool,
        /// From its first call on, milliseconds.
        duration_ms: u64,
    },
    /// A step failed.
    StepFailed {
        /// The resource.
        address: Address,
        /// The step's action.
        action: Action,
        /// One line.
        message: String,
        /// Names the write, where one was begun.
        #[serde(skip_serializing_if = "Option::is_none")]
        operation: Option<OperationId>,
        /// From its first call on, milliseconds.
        duration_ms: u64,
    },
    /// A step was not started, or cut off.
    StepSkipped {
        /// The resource.
        address: Address,
        /// The step's action.
        action: Action,
        /// Why.
        reason: String,
        /// The resource whose failure is the reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        because: Option<Address>,
    },
    /// A provider's configuration is unknown until deploy, so that nothing can be asked of it in the plan.
    ProviderUnknown {
        /// Which provider.
        provider: ProviderKey,
    },
    /// The run was asked to stop.
    Stopping {
        /// How urgently.
        stop: Stop,
    },
    /// The deploy ended.
    RunFinished {
        /// Steps that are done.
        done: usize,
        /// Steps that failed.
        failed: usize,
        /// Steps that were not started.
        not_started: usize,
        /// Steps cut off in the middle; the journal knows them.
        interrupted: usize,
        /// Milliseconds.
        duration_ms: u64,
    },
}
