//! Plans and deploys a stack against `dyn Program`, `dyn Providers` and `dyn Journal`. Knows no WebAssembly, no
//! terminal, no environment and no clock of its own: what it needs of those is passed in as an [`EngineCtx`].
//!
//! The stages are types: [`Engine::plan`] → [`Plan`] → [`Plan::approve`] → [`ApprovedPlan`] → [`Engine::deploy`] →
//! [`Outcome`]. A plan may wait between two of them: [`SavedPlan`] is its text.

mod calls;
mod cancel;
mod circles;
mod compare;
mod compile;
mod configured;
mod context;
mod decide;
mod deploy;
mod diff;
mod edges;
mod ends;
mod error;
mod events;
mod found;
mod graph;
mod import;
mod inputs;
mod kinds;
mod marks;
mod operation;
mod outcome;
mod patch;
mod plan;
mod plan_one;
mod planner;
mod predict;
mod read;
mod recover;
mod refresh;
mod report;
mod retry;
mod run;
mod saved;
mod settle;
mod suggest;
mod unsettled;
mod validate;
mod values;
mod writes;

pub use cancel::{Cancel, Stop};
pub use compare::{Aspect, Difference, DifferenceKind, StateDiff};
pub use context::{Clock, EngineCtx, Entropy};
pub use error::{Cause, PlanError, StalePlan, StepError, Task};
pub use events::{Event, EventSink, ShownChange};
pub use import::{ImportError, ImportRequest};
pub use outcome::{NotStarted, Outcome, StepReport, StepResult};
pub use plan::{
    Action, ActionCounts, ApprovedPlan, Change, Drift, DriftChange, OutputChange, Plan, PlanOptions, PlanPurpose,
    Refresh, RefreshedEntry, ReplaceOrder, ReplaceReason, Step,
};
pub use recover::{Consent, Recovery};
pub use refresh::RefreshOutcome;
pub use run::Engine;
pub use saved::{SavePlanError, SavedPlan};
pub use settle::{SettleError, Settlement};
pub use suggest::closest;
pub use unsettled::Way;
