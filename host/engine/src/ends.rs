//! How the halves of a deploy's steps end, and what that means for the state and for what comes after.

use std::time::Duration;

use cofferdam_model::OperationId;
use cofferdam_model::error::PluginFault;

use crate::calls::Subject;
use crate::deploy::{Deploy, Running};
use crate::edges::{is_remove, step_of};
use crate::operation::{End, Ended};
use crate::values::{Unset, published};
use crate::{Action, Cause, Event, Step, StepError, StepResult, Stop, Task};

/// How long a hard stop waits for calls that are being dropped.
const DROP_LIMIT: Duration = Duration::from_millis(500);

impl Deploy {
    pub(crate) fn joined(&mut self, joined: Result<(tokio::task::Id, Ended), tokio::task::JoinError>) {
        let (id, ended) = match joined {
            Ok((id, ended)) => (id, Ok(ended)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some(Running { half, operation }) = self.running.remove(&id) else { return };
        match ended {
            Ok(Ended { end, saved }) => {
                self.saved.extend(saved);
                self.ended(half, operation, end);
            }
            Err(_panicked) => {
                let step = &self.plan.steps[step_of(half)];
                let mut subject = Subject::new(&step.address, &step.provider);
                subject.operation = Some(operation.clone());
                let fault = PluginFault::Trap("the host's side panicked".into());
                let error = subject.error(&self.run, task_of(half, step), fault.into());
                self.in_flight.push(operation);
                self.fail(half, error);
            }
        }
    }

    pub(crate) fn ended(&mut self, half: usize, operation: OperationId, end: End) {
        let i = step_of(half);
        match end {
            End::Written(entry) => {
                if let Ok(kind) = &self.kinds[i] {
                    let (properties, inputs) = (&entry.state.properties, Some(&entry.inputs));
                    self.values[i] = Some(published(&kind.schema, properties, inputs, Unset::Null));
                }
                self.entries[i] = Some(entry);
                self.finished(i, StepResult::Done);
                self.pass_on(half, None);
            }
            End::Unchanged(inputs) => {
                self.update_notes(i, Some(inputs));
                self.keep(i);
                self.finished(i, StepResult::Unchanged);
                self.pass_on(half, None);
            }
            End::Removed => self.removed(half),
            End::Failed { error, left, in_flight } => {
                if left.is_some() {
                    self.entries[i] = left;
                }
                if in_flight {
                    self.in_flight.push(operation);
                }
                self.fail(half, error);
            }
            End::Interrupted => {
                self.progress[i].ended_ms = self.now_ms();
                self.progress[i].result = Some(StepResult::Interrupted(operation.clone()));
                self.in_flight.push(operation);
                self.pass_on(half, Some(i));
            }
            End::Journal { error, in_flight } => {
                let step = &self.plan.steps[i];
                let failed = Subject::new(&step.address, &step.provider).cause(
                    task_of(half, step),
                    Cause::Journal(error.clone()),
                    Vec::new(),
                );
                self.journal_error.get_or_insert(error);
                if in_flight {
                    self.in_flight.push(operation);
                }
                self.fail(half, failed);
            }
        }
    }

    pub(crate) fn removed(&mut self, half: usize) {
        let i = step_of(half);
        self.entries[i] = None;
        self.progress[i].old_removed = true;
        if self.plan.steps[i].action == Action::Delete {
            self.finished(i, StepResult::Done);
        }
        self.pass_on(half, None);
    }

    pub(crate) fn finished(&mut self, i: usize, result: StepResult) {
        let now = self.now_ms();
        let (step, progress) = (&self.plan.steps[i], &mut self.progress[i]);
        progress.ended_ms = now;
        let unchanged = matches!(result, StepResult::Unchanged);
        progress.result = Some(result);
        let duration_ms = now.saturating_sub(progress.began_ms.unwrap_or(now));
        self.run.emit(Event::StepFinished {
            address: step.address.clone(),
            action: step.action,
            unchanged,
            duration_ms,
        });
    }

    pub(crate) fn fail(&mut self, half: usize, error: Box<StepError>) {
        let i = step_of(half);
        let now = self.now_ms();
        let (step, progress) = (&self.plan.steps[i], &mut self.progress[i]);
        progress.ended_ms = now;
        self.run.emit(Event::StepFailed {
            address: step.address.clone(),
            action: step.action,
            message: error.one_line(),
            operation: error.operation.clone(),
            duration_ms: now.saturating_sub(progress.began_ms.unwrap_or(now)),
        });
        progress.result = Some(StepResult::Failed(error));
        self.pass_on(half, Some(i));
    }

    /// Ends what runs, keeping what has ended by itself in this moment.
    pub(crate) async fn drop_running(&mut self) {
        self.stop(Stop::Hard);
        self.writes.abort_all();
        // A call in the middle of guest code ends when that yields; it is not waited for any longer than this.
        let limit = tokio::time::Instant::now() + DROP_LIMIT;
        while let Ok(Some(joined)) = tokio::time::timeout_at(limit, self.writes.join_next_with_id()).await {
            if !joined.as_ref().is_err_and(tokio::task::JoinError::is_cancelled) {
                self.joined(joined);
            }
        }
        let mut running: Vec<Running> = std::mem::take(&mut self.running).into_values().collect();
        running.sort_by_key(|running| running.half);
        for Running { half, operation } in running {
            let i = step_of(half);
            self.progress[i].ended_ms = self.now_ms();
            self.progress[i].result = Some(StepResult::Unknown(Some(operation.clone())));
            self.in_flight.push(operation);
        }
    }
}

/// What a half does.
pub(crate) fn task_of(half: usize, step: &Step) -> Task {
    match (is_remove(half), step.action) {
        (true, _) => Task::Delete,
        (false, Action::Update) => Task::Update,
        (false, _) => Task::Create,
    }
}
