//! Goes on with writes that a former run left pending: the checkpoint is in the journal, the remote operation may be
//! done by now.

use std::sync::Arc;

use cofferdam_model::journal::{InFlight, Journal, JournalError, WriteKind};
use cofferdam_model::provider::Mode;
use cofferdam_model::state::StackState;
use cofferdam_model::{Diagnostic, Value};
use futures_util::StreamExt;

use crate::calls::Subject;
use crate::graph::Graph;
use crate::inputs::prepare;
use crate::operation::{End, Ended, Write, inputs_digest};
use crate::run::Run;
use crate::values::{View, kept};
use crate::{Action, Cause, Event, ReplaceOrder, StepError, Task};

/// What came of it.
#[derive(Debug)]
pub struct Recovery {
    /// The state with everything that could be settled.
    pub state: StackState,
    /// What could not; for [`crate::PlanOptions::in_flight`].
    pub in_flight: Vec<InFlight>,
    /// Resumed writes that failed; their ends are known and journalled.
    pub errors: Vec<StepError>,
    /// Why the journal could not be written, if so; the run must end.
    pub journal_error: Option<JournalError>,
}

pub(crate) async fn recover(
    run: &Arc<Run>,
    state: StackState,
    in_flight: Vec<InFlight>,
    journal: Arc<dyn Journal>,
) -> Recovery {
    let mut recovery = Recovery { state, in_flight: Vec::new(), errors: Vec::new(), journal_error: None };
    let graph = Graph::build(run.program().resources(), &recovery.state);
    let values: Vec<Option<Value>> =
        graph.nodes.iter().map(|node| recovery.state.resources.get(&node.address).map(kept)).collect();
    let known = View { index: &graph.index, values: &values, fallback: &[] };
    let mut writes = Vec::new();
    for write in in_flight {
        match pending(run, &recovery.state, &graph, &known, &write, &journal).await {
            Ok(Some(pending)) => writes.push((write, pending)),
            Ok(None) => recovery.in_flight.push(write),
            Err(error) => {
                recovery.errors.push(*error);
                recovery.in_flight.push(write);
            }
        }
    }
    let resumed = writes.into_iter().map(|(write, pending)| async move {
        let began_ms = pending.run.ctx.clock.monotonic_ms();
        let ended = resume(&pending, &write).await;
        pending.tell(&ended.end, began_ms);
        (write, ended)
    });
    let mut resumed = futures_util::stream::iter(resumed).buffered(run.ctx.parallelism.get());
    while let Some((write, ended)) = resumed.next().await {
        settle(&mut recovery, write, ended).await;
    }
    recovery
}

/// The write, ready to be resumed; none where there is nothing to resume it with.
async fn pending(
    run: &Arc<Run>,
    state: &StackState,
    graph: &Graph,
    known: &View<'_>,
    write: &InFlight,
    journal: &Arc<dyn Journal>,
) -> Result<Option<Write>, Box<StepError>> {
    if write.checkpoint.is_none() {
        return Ok(None);
    }
    // A write goes on by what began it, also where the stack no longer has the resource.
    let node = graph.index_of(&write.address).map(|i| &graph.nodes[i]);
    let (mut subject, kind) = match (run.former(&write.address, &write.provider).await?, node) {
        (Some(former), _) => former,
        (None, node) => {
            let subject = Subject::new(&write.address, node.map_or(&write.provider, |node| &node.provider));
            let kind = run.kind(&subject).await?;
            (subject, kind)
        }
    };
    let provider = &subject.provider.clone();
    subject.operation = Some(write.operation.clone());
    subject.plugin = Some(write.plugin.clone());
    let prior = state.resources.get(&write.address).cloned().map(Arc::new);
    let declared = node.filter(|node| node.declared);
    let config = run.program().provider_config(provider, known).map_err(|findings| {
        let findings: Vec<Diagnostic> = findings.into_iter().map(|finding| run.redacted(finding)).collect();
        subject.invalid(Task::Configure, findings)
    })?;
    if !config.is_wholly_known() {
        return Err(subject.cause(Task::Configure, Cause::ProviderUnknown(provider.clone()), Vec::new()));
    }
    let wanted = declared.and_then(|_| prepare(run, &subject, &kind, known).ok()).map(|found| found.inputs);
    // The inputs of the write itself, where the stack still says the same; otherwise told from the object later.
    let inputs = wanted.filter(|inputs| inputs_digest(&write.operation, inputs) == write.inputs);
    Ok(Some(Write {
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
        prior,
        depends_on: node.map(|node| node.depends_on.clone()).unwrap_or_default(),
    }))
}

async fn resume(pending: &Write, write: &InFlight) -> Ended {
    let provider = match pending.run.configured(&pending.subject, &pending.config, Mode::Write).await {
        Ok(provider) => provider,
        Err(error) => return End::Failed { error, left: None, in_flight: true }.into(),
    };
    pending.run.emit(Event::StepStarted {
        address: write.address.clone(),
        action: pending.action,
        task: Task::Resume,
        operation: write.operation.clone(),
    });
    let checkpoint = write.checkpoint.as_deref().unwrap_or_default();
    let answer = pending.resume(&provider, checkpoint).await;
    pending.drive(&provider, answer, write.partial.clone()).await
}

impl Write {
    /// Reports how it ended.
    fn tell(&self, end: &End, began_ms: u64) {
        let (address, action) = (self.subject.address.clone(), self.action);
        let duration_ms = self.run.ctx.clock.monotonic_ms().saturating_sub(began_ms);
        let (message, operation) = match end {
            End::Written(_) | End::Removed => {
                return self.run.emit(Event::StepFinished { address, action, unchanged: false, duration_ms });
            }
            End::Failed { error, .. } => (error.one_line(), error.operation.clone()),
            End::Journal { error, .. } => (error.to_string(), Some(self.operation.clone())),
            End::Interrupted | End::Unchanged(_) => return,
        };
        self.run.emit(Event::StepFailed { address, action, message, operation, duration_ms });
    }
}

async fn settle(recovery: &mut Recovery, write: InFlight, ended: Ended) {
    if let Some(saved) = ended.saved
        && let Err(error) = saved.await
    {
        recovery.journal_error.get_or_insert(error);
    }
    let resources = &mut recovery.state.resources;
    match ended.end {
        End::Written(entry) => {
            resources.insert(write.address, entry.as_ref().clone());
        }
        End::Removed => {
            resources.remove(&write.address);
        }
        End::Failed { error, left, in_flight } => {
            recovery.errors.push(*error);
            if let Some(left) = left {
                resources.insert(write.address.clone(), left.as_ref().clone());
            }
            if in_flight {
                recovery.in_flight.push(write);
            }
        }
        End::Journal { error, .. } => {
            recovery.journal_error.get_or_insert(error);
            recovery.in_flight.push(write);
        }
        End::Interrupted | End::Unchanged(_) => recovery.in_flight.push(write),
    }
}
