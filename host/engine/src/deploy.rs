//! Deploys an approved plan. One task owns all values and the state and starts the writes; each write runs on a task
//! of its own and hands back how it ended.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use cofferdam_model::journal::{Journal, JournalError, Record};
use cofferdam_model::state::{ResourceEntry, StackState};
use cofferdam_model::{Address, OperationId, ProviderKey, Value};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinSet;

use crate::calls::Subject;
use crate::edges::{edges, halves, step_of};
use crate::graph::Edges;
use crate::kinds::Kind;
use crate::operation::{Ended, Saved};
use crate::run::Run;
use crate::values::kept;
use crate::{Action, ApprovedPlan, Event, NotStarted, Outcome, Plan, StepError, StepResult, Stop};

pub(crate) async fn deploy(
    run: &Arc<Run>,
    approved: ApprovedPlan,
    journal: Arc<dyn Journal>,
    command: &str,
) -> Outcome {
    let mut deploy = Deploy::new(run, approved, journal).await;
    deploy.begin(command);
    deploy.work().await;
    deploy.finish().await
}

/// What is known of a step while it goes on.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) result: Option<StepResult>,
    pub(crate) began_ms: Option<u64>,
    pub(crate) ended_ms: u64,
    pub(crate) old_removed: bool,
}

/// What removes an object.
pub(crate) type Remover = Result<(Subject, Arc<Kind>), Box<StepError>>;

/// A running write.
pub(crate) struct Running {
    pub(crate) half: usize,
    pub(crate) operation: OperationId,
}

pub(crate) struct Deploy {
    pub(crate) run: Arc<Run>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) plan: Plan,
    pub(crate) state: StackState,
    pub(crate) index: HashMap<Address, usize>,
    pub(crate) kinds: Vec<Result<Arc<Kind>, Box<StepError>>>,
    /// By step: what removes its object.
    pub(crate) removers: Vec<Remover>,
    /// By step: the entry as it is now, what expressions see, and what they saw before.
    pub(crate) entries: Vec<Option<Arc<ResourceEntry>>>,
    pub(crate) values: Vec<Option<Value>>,
    pub(crate) before: Vec<Option<Value>>,
    pub(crate) configs: HashMap<ProviderKey, Value>,
    pub(crate) edges: Edges,
    pub(crate) ready: VecDeque<usize>,
    /// By half: the step whose failure keeps it from being started.
    pub(crate) blocked: Vec<Option<usize>>,
    pub(crate) progress: Vec<Progress>,
    pub(crate) writes: JoinSet<Ended>,
    pub(crate) running: HashMap<tokio::task::Id, Running>,
    pub(crate) saved: FuturesUnordered<Saved>,
    pub(crate) in_flight: Vec<OperationId>,
    pub(crate) journal_error: Option<JournalError>,
    /// The command, until the journal says that it began: a run that changes nothing leaves nothing there.
    pub(crate) command: Option<String>,
    pub(crate) stopped: Option<Stop>,
    pub(crate) began_ms: u64,
}

impl Deploy {
    async fn new(run: &Arc<Run>, approved: ApprovedPlan, journal: Arc<dyn Journal>) -> Self {
        let ApprovedPlan { mut plan, mut state } = approved;
        for refreshed in &plan.refreshed {
            match &refreshed.entry {
                Some(entry) => state.resources.insert(refreshed.address.clone(), entry.as_ref().clone()),
                None => state.resources.remove(&refreshed.address),
            };
        }
        let mut resources = std::mem::take(&mut state.resources);
        let entries: Vec<Option<Arc<ResourceEntry>>> =
            plan.steps.iter().map(|step| resources.remove(&step.address).map(Arc::new)).collect();
        // A plan has a step for everything; what it has none for is left as it is.
        state.resources = resources;
        let index: HashMap<Address, usize> =
            plan.steps.iter().enumerate().map(|(i, step)| (step.address.clone(), i)).collect();
        let used: Vec<_> = entries.iter().map(|entry| entry.as_ref().map(|entry| &entry.depends_on)).collect();
        let (mut kinds, mut removers) = (Vec::with_capacity(plan.steps.len()), Vec::with_capacity(plan.steps.len()));
        for (step, entry) in plan.steps.iter().zip(&entries) {
            let subject = Subject::new(&step.address, &step.provider);
            let kind = run.kind(&subject).await;
            removers.push(remover(run, subject, &kind, entry.as_deref()).await);
            kinds.push(kind);
        }
        let edges = edges(&plan.steps, &used, &removers, &kinds, &index);
        let count = plan.steps.len();
        plan.steps.shrink_to_fit();
        Self {
            run: run.clone(),
            journal,
            index,
            kinds,
            removers,
            before: entries.iter().map(|entry| entry.as_deref().map(kept)).collect(),
            entries,
            values: vec![None; count],
            configs: HashMap::new(),
            ready: halves(&plan.steps).filter(|half| edges.waits_for[*half] == 0).collect(),
            edges,
            blocked: vec![None; 2 * count],
            progress: std::iter::repeat_with(Progress::default).take(count).collect(),
            writes: JoinSet::new(),
            running: HashMap::new(),
            saved: FuturesUnordered::new(),
            in_flight: Vec::new(),
            journal_error: None,
            command: None,
            stopped: None,
            began_ms: run.ctx.clock.monotonic_ms(),
            plan,
            state,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.run.ctx.clock.monotonic_ms()
    }

    pub(crate) fn append(&mut self, record: Record) {
        self.announce();
        self.saved.push(self.journal.append(record));
    }

    /// Journals the start of the run, once.
    fn announce(&mut self) {
        if let Some(command) = self.command.take() {
            let at_ms = self.run.ctx.clock.now_ms();
            self.saved.push(self.journal.append(Record::RunStarted { command, at_ms }));
        }
    }

    /// Journals the start, where there will be more, and what the plan found out about the state. Writes of former runs stay in flight.
    fn begin(&mut self, command: &str) {
        let steps = self.plan.steps.iter().filter(|step| step.action.is_change()).count();
        self.run.emit(Event::RunStarted { steps });
        self.command = Some(command.to_owned());
        if steps > 0 {
            self.announce();
        }
        for refreshed in self.plan.refreshed.clone() {
            self.append(Record::Result { operation: None, address: refreshed.address, entry: refreshed.entry });
        }
        self.in_flight.extend(self.plan.in_flight.iter().map(|write| write.operation.clone()));
    }

    async fn work(&mut self) {
        let cancel = self.run.ctx.cancel.clone();
        loop {
            self.start_ready();
            if self.writes.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                () = cancel.reached(Stop::Hard) => return self.drop_running().await,
                () = cancel.reached(Stop::Soft), if self.stopped.is_none() => self.stop(Stop::Soft),
                Some(saved) = self.saved.next(), if !self.saved.is_empty() => self.noted(saved),
                Some(joined) = self.writes.join_next_with_id() => self.joined(joined),
            }
        }
    }

    pub(crate) fn stop(&mut self, stop: Stop) {
        self.stopped = Some(stop);
        self.run.emit(Event::Stopping { stop });
    }

    pub(crate) fn noted(&mut self, saved: Result<(), JournalError>) {
        if let Err(error) = saved {
            self.journal_error.get_or_insert(error);
        }
    }

    fn start_ready(&mut self) {
        while self.writes.len() < self.run.ctx.parallelism.get() {
            if self.stopped.is_none() && self.run.ctx.cancel.level().is_some() {
                self.stop(Stop::Soft);
            }
            if self.stopped.is_some() || self.journal_error.is_some() {
                return;
            }
            let Some(half) = self.ready.pop_front() else { return };
            self.start(half);
        }
    }

    fn start(&mut self, half: usize) {
        let i = step_of(half);
        let action = self.plan.steps[i].action;
        if let Some(cause) = self.blocked[half] {
            if action == Action::NoOp {
                self.keep(i);
            } else if self.progress[i].result.is_none() {
                let because = self.plan.steps[cause].address.clone();
                self.progress[i].result = Some(StepResult::NotStarted(NotStarted::Because(because)));
            }
            return self.pass_on(half, Some(cause));
        }
        if let Some(error) = self.unsettled(half) {
            return self.fail(half, error);
        }
        if action == Action::NoOp {
            self.keep(i);
            self.update_notes(i, None);
            return self.pass_on(half, None);
        }
        self.progress[i].began_ms.get_or_insert(self.run.ctx.clock.monotonic_ms());
        let write = match self.write(half) {
            Ok(Some(write)) => write,
            Ok(None) => return self.forget(half),
            Err(error) => return self.fail(half, error),
        };
        let operation = write.operation.clone();
        let id = self.writes.spawn(write.run()).id();
        self.running.insert(id, Running { half, operation });
    }

    /// A half is over: what waits for it may start, or may not any more.
    pub(crate) fn pass_on(&mut self, half: usize, cause: Option<usize>) {
        for at in 0..self.edges.after[half].len() {
            let then = self.edges.after[half][at];
            if self.blocked[then].is_none() {
                self.blocked[then] = cause;
            }
            self.edges.waits_for[then] -= 1;
            if self.edges.waits_for[then] == 0 {
                self.ready.push_back(then);
            }
        }
    }
}

/// What removes the object of an entry: what made it, as long as the stack has that.
async fn remover(
    run: &Run,
    present: Subject,
    kind: &Result<Arc<Kind>, Box<StepError>>,
    entry: Option<&ResourceEntry>,
) -> Remover {
    if let Some(entry) = entry.filter(|entry| entry.provider != present.provider)
        && let Some(former) = run.former(&present.address, &entry.provider).await?
    {
        return Ok(former);
    }
    Ok((present, kind.clone()?))
}
