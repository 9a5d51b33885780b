//! How a deploy ended, step by step. A failed deploy is an [`Outcome`] too.

use cofferdam_model::journal::JournalError;
use cofferdam_model::state::StackState;
use cofferdam_model::{Address, Diagnostic, OperationId};

use crate::{Action, StepError, Stop};

/// Why a step was not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// A step that comes before it failed or was cut off.
    Because(Address),
    /// The run was asked to stop.
    Stopped,
    /// The journal could not be written.
    Journal,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub enum StepResult {
    /// As planned.
    Done,
    /// There was nothing to do, or the deploy found so.
    Unchanged,
    /// It failed.
    Failed(Box<StepError>),
    /// Nothing was done.
    NotStarted(NotStarted),
    /// The run stopped while a remote operation went on; the journal holds the checkpoint and the next run resumes.
    Interrupted(OperationId),
    /// The call was dropped because the run was stopped hard: what it did is unknown. The journal holds the intent.
    Unknown(Option<OperationId>),
}

/// A step and what became of it.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// The resource.
    pub address: Address,
    /// What was planned.
    pub action: Action,
    /// What became of it.
    pub result: StepResult,
    /// For a replacement: whether the old object is gone, which matters where the new one was not made.
    pub old_removed: bool,
    /// From its first call on, milliseconds; 0 where none was made.
    pub duration_ms: u64,
}

/// How a deploy ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The state after it, with the lineage and serial that it had before: the caller stores it as the next snapshot.
    pub state: StackState,
    /// Every step, in the plan's order.
    pub steps: Vec<StepReport>,
    /// Findings of the deploy itself, such as outputs that could not be evaluated.
    pub diagnostics: Vec<Diagnostic>,
    /// Writes whose end is not known. The caller keeps their records when it compacts the journal.
    pub in_flight: Vec<OperationId>,
    /// How the run was stopped, if it was.
    pub stopped: Option<Stop>,
    /// Why the journal could not be written, if so; the state is then not to be trusted over the journal.
    pub journal_error: Option<JournalError>,
    /// The whole run, milliseconds.
    pub duration_ms: u64,
}

impl Outcome {
    /// Whether every step is done and nothing else went wrong.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.journal_error.is_none()
            && self.steps.iter().all(|step| matches!(step.result, StepResult::Done | StepResult::Unchanged))
            && !self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Steps that did something, and did it.
    pub fn done(&self) -> impl Iterator<Item = &StepReport> {
        self.steps.iter().filter(|step| matches!(step.result, StepResult::Done))
    }

    /// Steps that failed, with their errors.
    pub fn failed(&self) -> impl Iterator<Item = (&StepReport, &StepError)> {
        self.steps.iter().filter_map(|step| match &step.result {
            StepResult::Failed(error) => Some((step, &**error)),
            _ => None,
        })
    }

    /// Steps that were not started.
    pub fn not_started(&self) -> impl Iterator<Item = (&StepReport, &NotStarted)> {
        self.steps.iter().filter_map(|step| match &step.result {
            StepResult::NotStarted(why) => Some((step, why)),
            _ => None,
        })
    }

    /// Steps that were cut off in the middle.
    pub fn interrupted(&self) -> impl Iterator<Item = &StepReport> {
        self.steps.iter().filter(|step| matches!(step.result, StepResult::Interrupted(_) | StepResult::Unknown(_)))
    }
}
