//! The writes of a deploy: what a half of a step has to do, with the values that are known when its turn comes.

use std::sync::Arc;

use cofferdam_model::journal::{Record, WriteKind};
use cofferdam_model::state::ResourceEntry;
use cofferdam_model::{OperationId, Value};

use crate::calls::Subject;
use crate::deploy::Deploy;
use crate::edges::{is_remove, step_of};
use crate::ends::task_of;
use crate::inputs::prepare;
use crate::operation::Write;
use crate::unsettled::{Way, held, step_hint};
use crate::values::{Unset, View, published};
use crate::{Action, Cause, StepError, StepResult, Task};

impl Deploy {
    /// A resource that stays as it is.
    pub(crate) fn keep(&mut self, i: usize) {
        let (Some(entry), Ok(kind)) = (&self.entries[i], &self.kinds[i]) else { return };
        let value = published(&kind.schema, &entry.state.properties, Some(&entry.inputs), Unset::Null);
        self.values[i] = Some(value);
        self.progress[i].result = Some(StepResult::Unchanged);
    }

    /// Writes down what the stack now says of an object that needs no change: its inputs, references and provider.
    pub(crate) fn update_notes(&mut self, i: usize, inputs: Option<Value>) {
        let step = &self.plan.steps[i];
        let Some(entry) = &self.entries[i] else { return };
        let planned = step.inputs.clone().filter(Value::is_wholly_known);
        let inputs = inputs.or(planned).unwrap_or_else(|| entry.inputs.clone());
        if inputs == entry.inputs && step.depends_on == entry.depends_on && step.provider == entry.provider {
            return;
        }
        let entry = Arc::new(ResourceEntry {
            inputs,
            depends_on: step.depends_on.clone(),
            provider: step.provider.clone(),
            ..entry.as_ref().clone()
        });
        let address = step.address.clone();
        self.entries[i] = Some(entry.clone());
        self.append(Record::Result { operation: None, address, entry: Some(entry) });
    }

    /// Why a half must not be started: a former run's write of the resource is not settled.
    pub(crate) fn unsettled(&self, half: usize) -> Option<Box<StepError>> {
        let i = step_of(half);
        let step = &self.plan.steps[i];
        let write = held(&self.plan.in_flight, &step.address)?;
        let schema = self.kinds[i].as_ref().ok().map(|kind| &*kind.schema);
        let operation = write.operation.clone();
        let way = Way::of(write, schema, self.entries[i].is_some());
        let mut subject = Subject::new(&step.address, &step.provider);
        subject.operation = Some(operation.clone());
        let hint = step_hint(write, schema, way);
        let cause = match way {
            Way::Resume => Cause::InFlight { operation, hint },
            _ => Cause::Unsettled { operation, hint },
        };
        let task = if step.action == Action::NoOp { write.kind.into() } else { task_of(half, step) };
        Some(subject.cause(task, cause, Vec::new()))
    }

    /// The write of a half; none for the removal of an object that its plugin does not remove.
    pub(crate) fn write(&mut self, half: usize) -> Result<Option<Write>, Box<StepError>> {
        let i = step_of(half);
        let step = &self.plan.steps[i];
        let (subject, kind) = if is_remove(half) {
            self.removers[i].clone()?
        } else {
            (Subject::new(&step.address, &step.provider), self.kinds[i].clone()?)
        };
        let (task, inputs, prior) = if is_remove(half) {
            if !kind.schema.handlers.delete || self.entries[i].is_none() {
                return Ok(None);
            }
            (WriteKind::Delete, Value::null(), self.entries[i].clone())
        } else {
            let known = View { index: &self.index, values: &self.values, fallback: &[] };
            let prepared = prepare(&self.run, &subject, &kind, &known)?;
            match step.action {
                Action::Update => (WriteKind::Update, prepared.inputs, self.entries[i].clone()),
                _ => (WriteKind::Create, prepared.inputs, None),
            }
        };
        let config = self.config(&subject, task == WriteKind::Delete)?;
        let step = &self.plan.steps[i];
        Ok(Some(Write {
            run: self.run.clone(),
            journal: self.journal.clone(),
            kind,
            subject,
            operation: OperationId::from_random(self.run.ctx.entropy.bytes()),
            task,
            action: step.action,
            config,
            inputs,
            planned: step.inputs.clone(),
            prior,
            depends_on: step.depends_on.clone(),
        }))
    }

    pub(crate) fn config(&mut self, subject: &Subject, removes: bool) -> Result<Value, Box<StepError>> {
        // What removes is configured by what was there, as far as nothing has taken its place yet.
        let fallback = if removes { self.before.as_slice() } else { &[] };
        if !removes && let Some(config) = self.configs.get(&subject.provider) {
            return Ok(config.clone());
        }
        let known = View { index: &self.index, values: &self.values, fallback };
        let config = self.run.program().provider_config(&subject.provider, &known).map_err(|findings| {
            let findings = findings.into_iter().map(|finding| self.run.redacted(finding)).collect();
            subject.invalid(Task::Configure, findings)
        })?;
        if !config.is_wholly_known() {
            let cause = Cause::ProviderUnknown(subject.provider.clone());
            return Err(subject.cause(Task::Configure, cause, Vec::new()));
        }
        if !removes {
            self.configs.insert(subject.provider.clone(), config.clone());
        }
        Ok(config)
    }

    /// Drops an object from the state without a call.
    pub(crate) fn forget(&mut self, half: usize) {
        let i = step_of(half);
        if self.entries[i].take().is_some() {
            let address = self.plan.steps[i].address.clone();
            self.append(Record::Result { operation: None, address, entry: None });
        }
        self.removed(half);
    }
}
