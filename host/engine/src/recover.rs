//! Settles the writes that former runs left in flight: goes on with them, looks their objects up, or makes the same
//! call again, by what the journal, the state and the schema say. What none of these can tell stays in flight.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_model::error::ErrorKind;
use cofferdam_model::journal::{InFlight, Journal, JournalError, WriteKind};
use cofferdam_model::provider::Mode;
use cofferdam_model::state::StackState;
use cofferdam_model::{Diagnostic, Value};
use futures_util::StreamExt;

use crate::StepError;
use crate::calls::Subject;
use crate::found::Reading;
use crate::graph::Graph;
use crate::inputs::prepare;
use crate::kinds::Kind;
use crate::operation::{End, Ended, Saved, Since, Write, inputs_digest};
use crate::run::Run;
use crate::unsettled::{Way, served, warning};
use crate::values::{View, kept};
use crate::{Action, Cause, Event, ReplaceOrder, Stop, Task};

/// Whether the user has agreed that writes of former runs go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Yes: everything that can be settled is.
    Given,
    /// Not yet: only what takes no more than a read is settled; [`Recovery::waiting`] has the rest.
    Missing,
}

/// What came of it.
#[derive(Debug)]
pub struct Recovery {
    /// The state with everything that could be settled.
    pub state: StackState,
    /// What could not; for [`crate::PlanOptions::in_flight`].
    pub in_flight: Vec<InFlight>,
    /// For people, those of [`Recovery::in_flight`] that go on with [`Consent::Given`] alone: empty with it.
    pub waiting: Vec<Diagnostic>,
    /// Writes that failed, and their ends are known and journalled; and writes that could not be settled.
    pub errors: Vec<StepError>,
    /// Why the journal could not be written, if so; the run must end.
    pub journal_error: Option<JournalError>,
}

pub(crate) async fn recover(
    run: &Arc<Run>,
    state: StackState,
    in_flight: Vec<InFlight>,
    journal: Arc<dyn Journal>,
    consent: Consent,
) -> Recovery {
    let mut recovery =
        Recovery { state, in_flight: Vec::new(), waiting: Vec::new(), errors: Vec::new(), journal_error: None };
    let stack = Before::new(run, &recovery.state);
    let mut ready = Vec::new();
    for (i, write) in in_flight.iter().enumerate() {
        match stack.ready(&recovery.state, write, &journal, consent).await {
            Ok(Ready::Now(pending)) => ready.push((i, pending)),
            Ok(Ready::Waits(finding)) => recovery.waiting.push(*finding),
            Ok(Ready::Never) => {}
            Err(error) => recovery.errors.push(*error),
        }
    }
    let mut open: BTreeMap<usize, InFlight> = in_flight.into_iter().enumerate().collect();
    let tasks = ready.into_iter().map(|(i, pending)| async move { (i, pending.settle().await) });
    let mut running = futures_util::stream::iter(tasks).buffer_unordered(run.ctx.parallelism.get());
    let mut saved: Vec<Saved> = Vec::new();
    loop {
        let next = tokio::select! {
            biased;
            () = run.ctx.cancel.reached(Stop::Hard) => break,
            next = running.next() => next,
        };
        let Some((i, ended)) = next else { break };
        saved.extend(ended.saved);
        if recovery.ended(&open[&i], ended.end) {
            open.remove(&i);
        }
    }
    drop(running);
    for saved in saved {
        if let Err(error) = saved.await {
            recovery.journal_error.get_or_insert(error);
        }
    }
    recovery.in_flight = open.into_values().collect();
    recovery
}

impl Recovery {
    /// Takes over how a write ended; false while that is not known.
    fn ended(&mut self, write: &InFlight, end: End) -> bool {
        match end {
            End::Written(entry) => {
                self.state.resources.insert(write.address.clone(), entry.as_ref().clone());
                true
            }
            End::Removed => {
                self.state.resources.remove(&write.address);
                true
            }
            End::Failed { error, left, in_flight } => {
                self.errors.push(*error);
                if let Some(left) = left {
                    self.state.resources.insert(write.address.clone(), left.as_ref().clone());
                }
                !in_flight
            }
            End::Journal { error, .. } => {
                self.journal_error.get_or_insert(error);
                false
            }
            End::Interrupted | End::Unchanged(_) => false,
        }
    }
}

/// The stack as the state knows it, which is all that recovery has: nothing is planned yet.
pub(crate) struct Before<'a> {
    run: &'a Arc<Run>,
    graph: Graph,
    values: Vec<Option<Value>>,
}

/// Whether a write can be settled here and now.
enum Ready {
    Now(Box<Pending>),
    /// Not without consent.
    Waits(Box<Diagnostic>),
    /// Not by the host.
    Never,
}

/// A write with the way in which it is settled.
struct Pending {
    write: Write,
    way: Way,
    former: InFlight,
}

impl<'a> Before<'a> {
    pub(crate) fn new(run: &'a Arc<Run>, state: &StackState) -> Self {
        let graph = Graph::build(run.program().resources(), state);
        let values = graph.nodes.iter().map(|node| state.resources.get(&node.address).map(kept)).collect();
        Self { run, graph, values }
    }

    async fn ready(
        &self,
        state: &StackState,
        write: &InFlight,
        journal: &Arc<dyn Journal>,
        consent: Consent,
    ) -> Result<Ready, Box<StepError>> {
        let served = self.served(write).await;
        let schema = served.as_ref().ok().map(|(_, kind)| &*kind.schema);
        let way = Way::of(write, schema, state.resources.contains_key(&write.address));
        if way.writes() && consent == Consent::Missing {
            return Ok(Ready::Waits(Box::new(warning(write, schema, way))));
        }
        match served {
            Ok(_) if way == Way::ByHand => Ok(Ready::Never),
            // Neither the stack nor its plugins know the resource any more.
            Err(error) if way == Way::ByHand && error.kind() == Some(ErrorKind::NotFound) => Ok(Ready::Never),
            Err(error) => Err(error),
            Ok((subject, kind)) => {
                let former = write.clone();
                let write = self.write(state, write, subject, kind, journal)?;
                Ok(Ready::Now(Box::new(Pending { write, way, former })))
            }
        }
    }

    pub(crate) async fn served(&self, write: &InFlight) -> Result<(Subject, Arc<Kind>), Box<StepError>> {
        served(self.run, &self.graph, write).await
    }

    /// The write as its run made it, as far as that is known.
    pub(crate) fn write(
        &self,
        state: &StackState,
        write: &InFlight,
        subject: Subject,
        kind: Arc<Kind>,
        journal: &Arc<dyn Journal>,
    ) -> Result<Write, Box<StepError>> {
        let run = self.run;
        let known = View { index: &self.graph.index, values: &self.values, fallback: &[] };
        let config = run.program().provider_config(&subject.provider, &known).map_err(|findings| {
            let findings: Vec<Diagnostic> = findings.into_iter().map(|finding| run.redacted(finding)).collect();
            subject.invalid(Task::Configure, findings)
        })?;
        if !config.is_wholly_known() {
            let cause = Cause::ProviderUnknown(subject.provider.clone());
            return Err(subject.cause(Task::Configure, cause, Vec::new()));
        }
        let node = self.graph.index_of(&write.address).map(|i| &self.graph.nodes[i]);
        let declared = node.filter(|node| node.declared);
        let inputs = write.desired.as_deref().cloned().or_else(|| {
            // An intent of an older host has their digest: the stack may still say the same. Otherwise they are told
            // from the object later.
            let wanted = declared.and_then(|_| prepare(run, &subject, &kind, &known).ok()).map(|found| found.inputs);
            wanted.filter(|inputs| inputs_digest(&write.operation, inputs) == write.inputs)
        });
        inputs.iter().for_each(|inputs| run.ctx.redactor.learn(inputs));
        Ok(Write {
            run: run.clone(),
            journal: journal.clone(),
            kind,
            subject,
            operation: write.operation.clone(),
            task: write.kind,
            action: match write.kind {
                WriteKind::Create => Action::Create,
                WriteKind::Update => Action::Update,
                WriteKind::Delete if declared.is_some() => Action::Replace { order: ReplaceOrder::DeleteFirst },
                WriteKind::Delete => Action::Delete,
            },
            config,
            inputs: inputs.unwrap_or_else(Value::null),
            planned: None,
            prior: state.resources.get(&write.address).cloned().map(Arc::new),
            depends_on: node.map(|node| node.depends_on.clone()).unwrap_or_default(),
        })
    }
}

impl Pending {
    /// Settles it and tells how it ended.
    async fn settle(mut self) -> Ended {
        let run = self.write.run.clone();
        if run.ctx.cancel.level().is_some() {
            return End::Interrupted.into();
        }
        let began_ms = run.ctx.clock.monotonic_ms();
        let ended = match self.way {
            Way::Resume => self.write.goes_on(&self.former).await,
            Way::Repeat => self.write.again().await,
            Way::LookUp => self.write.look(Reading::Operation).await,
            Way::Read => self.write.look(Reading::State).await,
            Way::Keep | Way::ByHand => self.write.kept(),
        };
        self.write.tell(&ended.end, began_ms);
        ended
    }
}

impl Write {
    async fn goes_on(&self, former: &InFlight) -> Ended {
        let provider = match self.run.configured(&self.subject, &self.config, Mode::Write).await {
            Ok(provider) => provider,
            Err(error) => return End::Failed { error, left: None, in_flight: true }.into(),
        };
        self.started(Task::Resume);
        let checkpoint = former.checkpoint.as_deref().unwrap_or_default();
        let answer = self.resume(&provider, checkpoint).await;
        self.drive(&provider, answer, former.partial.clone(), Since::Checkpoint).await
    }

    async fn again(&mut self) -> Ended {
        let provider = match self.run.configured(&self.subject, &self.config, Mode::Write).await {
            Ok(provider) => provider,
            Err(error) => return End::Failed { error, left: None, in_flight: true }.into(),
        };
        match self.present(&provider).await {
            Ok(prior) => self.prior = prior.map(|entry| Arc::new(entry.into_owned())),
            Err(error) => return End::Failed { error, left: None, in_flight: true }.into(),
        }
        self.begin(&provider, 1).await
    }

    /// Reports how it ended.
    fn tell(&self, end: &End, began_ms: u64) {
        let (address, action) = (self.subject.address.clone(), self.action);
        let duration_ms = self.run.ctx.clock.monotonic_ms().saturating_sub(began_ms);
        let (message, operation) = match end {
            End::Written(entry) => {
                let unchanged = self.prior.as_ref() == Some(entry);
                return self.run.emit(Event::StepFinished { address, action, unchanged, duration_ms });
            }
            End::Removed => {
                let unchanged = self.prior.is_none();
                return self.run.emit(Event::StepFinished { address, action, unchanged, duration_ms });
            }
            End::Failed { error, .. } => (error.one_line(), error.operation.clone()),
            End::Journal { error, .. } => (error.to_string(), Some(self.operation.clone())),
            End::Interrupted => {
                let reason = "stopped, the next run goes on with it".to_owned();
                return self.run.emit(Event::StepSkipped { address, action, reason, because: None });
            }
            End::Unchanged(_) => return,
        };
        self.run.emit(Event::StepFailed { address, action, message, operation, duration_ms });
    }
}
