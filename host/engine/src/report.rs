//! The end of a deploy: outputs, what is durable, and the outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_model::journal::Record;
use cofferdam_model::{Diagnostic, Severity, Value};
use futures_util::StreamExt;

use crate::deploy::{Deploy, Progress};
use crate::unsettled::{Way, warning};
use crate::values::{View, kept};
use crate::{Action, Event, NotStarted, Outcome, PlanPurpose, Step, StepReport, StepResult};

impl Deploy {
    /// Waits until everything is durable and reports.
    pub(crate) async fn finish(mut self) -> Outcome {
        let mut diagnostics = self.outputs();
        diagnostics.extend(self.left_open().await);
        while let Some(saved) = self.saved.next().await {
            self.noted(saved);
        }
        if self.in_flight.is_empty() && self.journal_error.is_none() && self.command.is_none() {
            let at_ms = self.run.ctx.clock.now_ms();
            let finished = self.journal.append(Record::RunFinished { at_ms }).await;
            self.noted(finished);
        }
        let steps = self.reports();
        for (step, entry) in self.plan.steps.iter().zip(&mut self.entries) {
            if let Some(entry) = entry.take() {
                self.state.resources.insert(step.address.clone(), Arc::unwrap_or_clone(entry));
            }
        }
        let outcome = Outcome {
            state: self.state,
            steps,
            diagnostics,
            in_flight: self.in_flight,
            stopped: self.stopped,
            journal_error: self.journal_error,
            duration_ms: self.run.ctx.clock.monotonic_ms().saturating_sub(self.began_ms),
        };
        self.run.emit(Event::RunFinished {
            done: outcome.done().count(),
            failed: outcome.failed().count(),
            not_started: outcome.not_started().count(),
            interrupted: outcome.interrupted().count(),
            duration_ms: outcome.duration_ms,
        });
        outcome
    }

    /// Writes of former runs that are not settled and that no step is about: nobody wants the resource any more, and
    /// there may be an object.
    async fn left_open(&mut self) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        for write in self.plan.in_flight.iter().filter(|write| !self.index.contains_key(&write.address)) {
            let kind = self.run.former(&write.address, &write.provider).await.ok().flatten().map(|(_, kind)| kind);
            let schema = kind.as_ref().map(|kind| &*kind.schema);
            let finding = warning(write, schema, Way::of(write, schema, false));
            findings.push(Diagnostic { severity: Severity::Error, ..finding });
        }
        findings
    }

    /// Evaluates the outputs; one whose resources were not all made keeps its value.
    fn outputs(&mut self) -> Vec<Diagnostic> {
        if self.journal_error.is_some() {
            return Vec::new();
        }
        let (mut outputs, mut diagnostics) = (BTreeMap::new(), Vec::new());
        if self.plan.purpose == PlanPurpose::Deploy {
            let present: Vec<Option<Value>> = self.entries.iter().map(|entry| entry.as_deref().map(kept)).collect();
            let known = View { index: &self.index, values: &self.values, fallback: &present };
            for name in self.run.program().outputs() {
                let before = self.state.outputs.get(&name).cloned();
                match self.run.program().output(&name, &known) {
                    Ok(value) if value.is_wholly_known() => {
                        self.run.ctx.redactor.learn(&value);
                        outputs.insert(name, value);
                    }
                    Ok(_) => outputs.extend(before.map(|before| (name, before))),
                    Err(findings) => {
                        diagnostics.extend(findings.into_iter().map(|finding| self.run.redacted(finding)));
                        outputs.extend(before.map(|before| (name, before)));
                    }
                }
            }
        } else if !self.progress.iter().all(|step| matches!(step.result, Some(StepResult::Done))) {
            outputs.clone_from(&self.state.outputs);
        }
        if outputs != self.state.outputs {
            self.state.outputs.clone_from(&outputs);
            self.append(Record::Outputs { outputs });
        }
        diagnostics
    }

    fn reports(&mut self) -> Vec<StepReport> {
        let rest = if self.journal_error.is_some() { NotStarted::Journal } else { NotStarted::Stopped };
        let progress = std::mem::take(&mut self.progress);
        let report = |(step, progress): (&Step, Progress)| {
            let result = progress.result.unwrap_or_else(|| match step.action {
                Action::NoOp => StepResult::Unchanged,
                _ => StepResult::NotStarted(rest.clone()),
            });
            let began_ms = progress.began_ms.unwrap_or(progress.ended_ms);
            StepReport {
                address: step.address.clone(),
                action: step.action,
                result,
                old_removed: progress.old_removed && matches!(step.action, Action::Replace { .. }),
                duration_ms: progress.ended_ms.saturating_sub(began_ms),
            }
        };
        let reports: Vec<StepReport> = self.plan.steps.iter().zip(progress).map(report).collect();
        reports.iter().for_each(|report| self.emit_skipped(report));
        reports
    }

    fn emit_skipped(&self, report: &StepReport) {
        let (reason, because) = match &report.result {
            StepResult::NotStarted(NotStarted::Because(other)) => {
                (format!("not started, `{other}` failed"), Some(other.clone()))
            }
            StepResult::NotStarted(NotStarted::Stopped) => ("not started, the run was stopped".into(), None),
            StepResult::NotStarted(NotStarted::Journal) => {
                ("not started, the journal could not be written".into(), None)
            }
            StepResult::Interrupted(_) => ("stopped, the next run resumes it".into(), None),
            StepResult::Unknown(_) => ("cut off, what it did is unknown".into(), None),
            StepResult::Done | StepResult::Unchanged | StepResult::Failed(_) => return,
        };
        let (address, action) = (report.address.clone(), report.action);
        self.run.emit(Event::StepSkipped { address, action, reason, because });
    }
}
