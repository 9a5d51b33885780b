//! One write, from its intent to its result: journalled before it starts, repeated with the same operation id, resumed
//! while it is pending, journalled when it ends. Runs on a task of its own and owns all it needs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_model::document::to_shown_json;
use cofferdam_model::error::{ErrorKind, PluginFault, WriteFailure};
use cofferdam_model::journal::{Journal, JournalError, Record, WriteKind};
use cofferdam_model::provider::{Call, Mode, Pending, Provider, WriteOutcome};
use cofferdam_model::state::{Condition, ResourceEntry, ResourceState};
use cofferdam_model::{Address, Digest, OperationId, Value};
use futures_util::TryFutureExt as _;
use futures_util::future::BoxFuture;

use crate::calls::{Failed, Subject};
use crate::diff::diff;
use crate::inputs::disagreement;
use crate::kinds::Kind;
use crate::patch::patch;
use crate::plan_one::checked;
use crate::retry::{Unmade, retried, slept};
use crate::run::Run;
use crate::values::known_part;
use crate::{Action, Cause, Event, StepError, Task, marks};

/// The shortest wait before a resume.
const MIN_POLL_MS: u64 = 10;

/// Ends when a record is durable.
pub(crate) type Saved = BoxFuture<'static, Result<(), JournalError>>;

/// How a write ended.
pub(crate) enum End {
    /// The object is as the entry says.
    Written(Arc<ResourceEntry>),
    /// The deploy found that there is nothing to change; the inputs are these.
    Unchanged(Value),
    /// The object is gone.
    Removed,
    /// It failed.
    Failed {
        error: Box<StepError>,
        /// The entry from now on, where it differs from the one before.
        left: Option<Arc<ResourceEntry>>,
        /// Nobody knows what the call did.
        in_flight: bool,
    },
    /// Stopped while a remote operation went on.
    Interrupted,
    /// The journal failed, or the run may not write any more; `in_flight` where the intent stands open.
    Journal { error: JournalError, in_flight: bool },
}

/// How a write ended, and what is being made durable of that.
pub(crate) struct Ended {
    pub end: End,
    pub saved: Option<Saved>,
}

impl From<End> for Ended {
    fn from(end: End) -> Self {
        Self { end, saved: None }
    }
}

/// What came before a call, which decides what its failure tells of the write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// Nothing: it is the first call, or a retry of it in the same run, and all of them were refused.
    Intent,
    /// The same call, which may have done everything: in a former run, or one of which nobody knows what became of it.
    Call,
    /// A checkpoint: the remote operation goes on by itself.
    Checkpoint,
}

impl Since {
    /// Whether an error without a partial object tells how the write ended.
    fn is_end(self, kind: ErrorKind) -> bool {
        match self {
            Self::Intent => true,
            // That object is not of this operation.
            Self::Call => kind == ErrorKind::AlreadyExists,
            Self::Checkpoint => !(kind.is_retried() || says_nothing(kind)),
        }
    }
}

/// Whether a call may have done what it was asked, whatever it answered.
fn may_have_done(failure: &WriteFailure) -> bool {
    failure.is_uncertain || failure.error.kind() == Some(ErrorKind::NotStabilized)
}

/// Errors about the call alone.
fn says_nothing(kind: ErrorKind) -> bool {
    use ErrorKind::{AccessDenied, BadCredentials, Internal, Unsupported};
    matches!(kind, AccessDenied | BadCredentials | Internal | Unsupported)
}

/// A write to be made.
pub(crate) struct Write {
    pub run: Arc<Run>,
    pub journal: Arc<dyn Journal>,
    pub kind: Arc<Kind>,
    /// With the operation.
    pub subject: Subject,
    pub operation: OperationId,
    pub task: WriteKind,
    pub action: Action,
    pub config: Value,
    /// What is wanted; null for a removal.
    pub inputs: Value,
    /// The same as planned.
    pub planned: Option<Value>,
    pub prior: Option<Arc<ResourceEntry>>,
    pub depends_on: BTreeSet<Address>,
}

/// The digest of inputs that an intent records. Secrets count as the word for them: a digest that stands in clear
/// text beside everything else that it was made of gives a weak secret to whoever tries enough of them.
pub(crate) fn inputs_digest(operation: &OperationId, inputs: &Value) -> Digest {
    Digest::of(format!("{operation}\n{}", to_shown_json(inputs)).as_bytes())
}

impl Write {
    /// Makes it.
    pub(crate) async fn run(mut self) -> Ended {
        let provider = match self.run.configured(&self.subject, &self.config, Mode::Write).await {
            Ok(provider) => provider,
            Err(error) => return failed(error).into(),
        };
        self.subject.plugin = Some(provider.plugin().clone());
        if self.task != WriteKind::Delete {
            match self.settle_inputs(&provider).await {
                Ok(true) => {}
                Ok(false) => return End::Unchanged(self.inputs).into(),
                Err(error) => return failed(error).into(),
            }
        }
        self.subject.operation = Some(self.operation.clone());
        self.begin(&provider, 0).await
    }

    /// Makes the first call, once the intent is durable. `earlier` is how many attempts former runs may have made:
    /// their intent is told again, because it is not certain that it was durable then.
    pub(crate) async fn begin(&self, provider: &Arc<dyn Provider>, earlier: u32) -> Ended {
        if let Err(error) = self.journal.append(self.intent(&**provider)).await {
            return End::Journal { error, in_flight: earlier > 0 }.into();
        }
        self.started(self.verb());
        let patch = match (self.task, &self.prior) {
            (WriteKind::Update, Some(prior)) => patch(&self.kind.schema, prior, &self.inputs),
            _ => String::new(),
        };
        let uncertain = AtomicBool::new(false);
        let first = retried(&self.run, &self.subject, self.verb(), |attempt| {
            let call = self.call(provider, earlier.saturating_add(attempt), &patch);
            call.inspect_err(|error| match error {
                Unmade::Failed(failure) if may_have_done(failure) => uncertain.store(true, Ordering::Relaxed),
                Unmade::Failed(_) | Unmade::Barred(_) => {}
            })
        })
        .await;
        let since = if earlier > 0 || uncertain.into_inner() { Since::Call } else { Since::Intent };
        self.drive(provider, first, None, since).await
    }

    fn intent(&self, provider: &dyn Provider) -> Record {
        Record::Intent {
            operation: self.operation.clone(),
            address: self.subject.address.clone(),
            kind: self.task,
            provider: self.subject.provider.clone(),
            plugin: provider.plugin().clone(),
            inputs: inputs_digest(&self.operation, &self.inputs),
            desired: (self.task != WriteKind::Delete).then(|| Arc::new(self.inputs.clone())),
        }
    }

    /// Reports that a call is about to be made.
    pub(crate) fn started(&self, task: Task) {
        self.run.emit(Event::StepStarted {
            address: self.subject.address.clone(),
            action: self.action,
            task,
            operation: self.operation.clone(),
        });
    }

    pub(crate) fn verb(&self) -> Task {
        self.task.into()
    }

    /// The type's own check on the real inputs, and whether they are still what was planned. False: an update that
    /// turns out to change nothing.
    async fn settle_inputs(&mut self, provider: &Arc<dyn Provider>) -> Result<bool, Box<StepError>> {
        let schema = &self.kind.schema;
        let given = self.inputs.clone();
        if schema.custom_check {
            let prior = self.prior.as_ref().map(|entry| entry.state.clone());
            let mut warnings = Vec::new();
            self.inputs = checked(&self.run, &self.subject, &self.kind, provider, &given, prior, &mut warnings).await?;
        }
        if let Some(planned) = &self.planned
            && let Some(place) = disagreement(planned, &self.inputs, &self.subject.address)
            // Where the plan could not ask for a check, it shows the inputs as given.
            && disagreement(planned, &given, &self.subject.address).is_some()
        {
            return Err(self.subject.cause(Task::Evaluate, Cause::NotAsPlanned(place), Vec::new()));
        }
        match (&self.prior, self.task) {
            (Some(prior), WriteKind::Update) if !schema.custom_plan => {
                Ok(!diff(schema, &self.inputs, &prior.state.properties, &prior.inputs).is_empty())
            }
            _ => Ok(true),
        }
    }

    async fn call(&self, provider: &Arc<dyn Provider>, attempt: u32, patch: &str) -> Result<WriteOutcome, Unmade> {
        self.journal.may_write().map_err(Unmade::Barred)?;
        let ty = &self.kind.schema.ty;
        let call = Call::write(&self.subject.address, &self.operation, attempt);
        let outcome = match (self.task, &self.prior) {
            (WriteKind::Create, _) => provider.create(call, ty, &self.inputs).await,
            (WriteKind::Update, Some(prior)) => {
                provider.update(call, ty, &prior.state, &self.inputs, patch.to_owned()).await
            }
            (WriteKind::Delete, Some(prior)) => provider.delete(call, ty, &prior.state).await,
            // There is nothing to remove or change.
            (WriteKind::Update | WriteKind::Delete, None) => Ok(WriteOutcome::Deleted),
        };
        outcome.map_err(Unmade::Failed)
    }

    /// Waits and resumes until the write ends. `answer` is that of its first call, `partial` the object as far as it is
    /// known to exist.
    pub(crate) async fn drive(
        &self,
        provider: &Arc<dyn Provider>,
        mut answer: Result<WriteOutcome, Failed<Unmade>>,
        mut partial: Option<ResourceState>,
        mut since: Since,
    ) -> Ended {
        loop {
            let mut pending = match answer {
                Ok(WriteOutcome::Pending(pending)) => pending,
                Ok(outcome) => return self.ended(&**provider, outcome, partial),
                Err(Failed { error: Unmade::Failed(error), attempts }) => {
                    return self.failed(&**provider, Failed { error, attempts }, partial, since);
                }
                Err(Failed { error: Unmade::Barred(error), .. }) => {
                    return End::Journal { error, in_flight: true }.into();
                }
            };
            // Each record of the journal tells all that is known of the object.
            pending.partial = pending.partial.or(partial.take());
            partial.clone_from(&pending.partial);
            if let Err(error) = self.journal.append(self.checkpoint(&pending)).await {
                return End::Journal { error, in_flight: true }.into();
            }
            let wait_ms = u64::from(pending.poll_after_ms).max(MIN_POLL_MS);
            self.run.emit(Event::StepWaiting {
                address: self.subject.address.clone(),
                task: self.verb(),
                operation: Some(self.operation.clone()),
                note: pending.note.as_deref().map(|note| self.run.ctx.redactor.redact(note)),
                attempt: None,
                wait_ms,
            });
            if !slept(&self.run, wait_ms).await {
                return End::Interrupted.into();
            }
            since = Since::Checkpoint;
            answer = self.resume(provider, &pending.checkpoint).await;
        }
    }

    pub(crate) async fn resume(
        &self,
        provider: &Arc<dyn Provider>,
        checkpoint: &[u8],
    ) -> Result<WriteOutcome, Failed<Unmade>> {
        retried(&self.run, &self.subject, self.verb(), |attempt| async move {
            self.journal.may_write().map_err(Unmade::Barred)?;
            let call = Call::write(&self.subject.address, &self.operation, attempt);
            provider.resume(call, &self.kind.schema.ty, checkpoint.to_vec()).await.map_err(Unmade::Failed)
        })
        .await
    }

    fn checkpoint(&self, pending: &Pending) -> Record {
        Record::Checkpoint {
            operation: self.operation.clone(),
            checkpoint: pending.checkpoint.clone(),
            partial: pending.partial.clone().map(|state| self.settled(state)),
        }
    }

    /// `known` is the object as far as it was told before.
    fn ended(&self, provider: &dyn Provider, outcome: WriteOutcome, known: Option<ResourceState>) -> Ended {
        match (outcome, self.task) {
            (WriteOutcome::Deleted, WriteKind::Delete) => self.result(End::Removed, None),
            (WriteOutcome::Written(state), WriteKind::Create | WriteKind::Update)
                if state.properties.as_object().is_some() && state.properties.is_wholly_known() =>
            {
                let inputs = self.inputs_of(&state);
                let entry = Arc::new(self.entry(provider, state, &inputs, Condition::Whole));
                self.result(End::Written(entry.clone()), Some(entry))
            }
            (outcome, task) => {
                // The object is there, even where what was said of it cannot be used as it is.
                let partial = match outcome {
                    WriteOutcome::Written(state)
                        if task != WriteKind::Delete && state.properties.as_object().is_some() =>
                    {
                        Some(state)
                    }
                    _ => known,
                };
                let error = PluginFault::Contract("the answer does not fit what was asked".into()).into();
                let failed = Failed { error: WriteFailure { error, partial, is_uncertain: false }, attempts: 1 };
                self.failed(provider, failed, None, Since::Intent)
            }
        }
    }

    fn failed(
        &self,
        provider: &dyn Provider,
        failed: Failed<WriteFailure>,
        known: Option<ResourceState>,
        since: Since,
    ) -> Ended {
        let WriteFailure { error, partial, .. } = failed.error;
        if self.task == WriteKind::Delete && error.kind() == Some(ErrorKind::NotFound) {
            return self.result(End::Removed, None);
        }
        // A crashed call says nothing of what it did.
        let is_end = error.kind().is_some_and(|kind| since.is_end(kind));
        let failed = Failed { error, attempts: failed.attempts };
        let error = self.subject.error_after(&self.run, self.verb(), failed);
        // The intent stays open, for the next run to look into.
        if !is_end && partial.is_none() {
            return End::Failed { error, left: None, in_flight: true }.into();
        }
        let left = partial.or(known).map(|state| {
            Arc::new(match (&self.prior, self.task) {
                (Some(prior), WriteKind::Update | WriteKind::Delete) => {
                    self.entry(provider, state, &prior.inputs, prior.condition)
                }
                _ => {
                    let inputs = self.inputs_of(&state);
                    self.entry(provider, state, &inputs, Condition::Partial)
                }
            })
        });
        // A create without a trace leaves nothing: what was there before is the other half's.
        let now = left.clone().or_else(|| self.prior.clone().filter(|_| self.task != WriteKind::Create));
        self.result(End::Failed { error, left, in_flight: false }, now)
    }

    /// What the inputs were, told from the object where a former run took them with it.
    pub(crate) fn inputs_of(&self, state: &ResourceState) -> Value {
        if !self.inputs.is_null() {
            return self.inputs.clone();
        }
        let mut inputs = state.properties.clone();
        for pattern in &self.kind.schema.read_only {
            marks::remove(&mut inputs, pattern.parts());
        }
        inputs
    }

    pub(crate) fn entry(
        &self,
        provider: &dyn Provider,
        state: ResourceState,
        inputs: &Value,
        condition: Condition,
    ) -> ResourceEntry {
        ResourceEntry {
            provider: self.subject.provider.clone(),
            plugin: provider.plugin().clone(),
            inputs: inputs.clone(),
            state: self.settled(state),
            depends_on: self.depends_on.clone(),
            condition,
        }
    }

    pub(crate) fn settled(&self, mut state: ResourceState) -> ResourceState {
        state.properties = known_part(&state.properties);
        let before = self.prior.as_ref().map(|entry| &entry.state.properties);
        let sources: Vec<&Value> = std::iter::once(&self.inputs).chain(before).collect();
        marks::settle(state, &self.kind.schema, &sources, &self.run.ctx.redactor)
    }

    pub(crate) fn result(&self, end: End, entry: Option<Arc<ResourceEntry>>) -> Ended {
        let operation = Some(self.operation.clone());
        let record = Record::Result { operation, address: self.subject.address.clone(), entry };
        Ended { end, saved: Some(self.journal.append(record)) }
    }
}

fn failed(error: Box<StepError>) -> End {
    End::Failed { error, left: None, in_flight: false }
}
