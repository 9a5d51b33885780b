//! The object of a write whose end is not known, as a read finds it: what that makes of the resource's entry.

use std::borrow::Cow;
use std::sync::Arc;

use cofferdam_model::Value;
use cofferdam_model::journal::WriteKind;
use cofferdam_model::provider::{Mode, Provider, Target};
use cofferdam_model::state::{Condition, Identity, ResourceEntry, ResourceState};

use crate::operation::{End, Ended, Write};
use crate::read::{is_older, migrated, read};
use crate::{StepError, Task, marks};

/// By what an object is found.
pub(crate) enum Reading {
    /// By the operation that may have made it.
    Operation,
    /// By what the state holds of it.
    State,
    /// By what the user says.
    Identity(Identity),
}

impl Write {
    /// Reads the object and ends the write by what is there.
    pub(crate) async fn look(&self, reading: Reading) -> Ended {
        self.started(Task::Read);
        let by_operation = matches!(reading, Reading::Operation);
        match self.read(reading).await {
            Ok(Some(entry)) => self.closed(Some(Arc::new(entry))),
            // The create made nothing: what was there before it still is.
            Ok(None) if by_operation => self.kept(),
            Ok(None) => self.closed(None),
            Err(error) => End::Failed { error, left: None, in_flight: true }.into(),
        }
    }

    /// Ends the write with the entry that was there before it.
    pub(crate) fn kept(&self) -> Ended {
        self.closed(self.prior.clone())
    }

    /// Ends the write with an entry, or without one.
    pub(crate) fn closed(&self, entry: Option<Arc<ResourceEntry>>) -> Ended {
        self.result(entry.clone().map_or(End::Removed, End::Written), entry)
    }

    /// The entry of the object that is there.
    pub(crate) async fn read(&self, reading: Reading) -> Result<Option<ResourceEntry>, Box<StepError>> {
        let (run, subject, kind) = (&*self.run, &self.subject, &*self.kind);
        let provider = run.configured(subject, &self.config, Mode::ReadOnly).await?;
        let prior = self.present(&provider).await?;
        let target = match (reading, &prior) {
            (Reading::Identity(identity), _) => Target::Identity(identity),
            (Reading::State, Some(prior)) => Target::State(prior.state.clone()),
            (Reading::Operation | Reading::State, _) => Target::Operation(self.operation.clone()),
        };
        let found = read(run, subject, kind, &provider, target).await?;
        Ok(found.map(|state| self.found(&*provider, state, prior.as_deref())))
    }

    /// The entry before the write, in the present version of its schema.
    pub(crate) async fn present(
        &self,
        provider: &Arc<dyn Provider>,
    ) -> Result<Option<Cow<'_, ResourceEntry>>, Box<StepError>> {
        let Some(prior) = self.prior.as_deref() else { return Ok(None) };
        if !is_older(&self.subject, &self.kind, prior)? {
            return Ok(Some(Cow::Borrowed(prior)));
        }
        let entry = migrated(&self.run, &self.subject, &self.kind, provider, prior).await?;
        Ok(Some(Cow::Owned(entry)))
    }

    fn found(&self, provider: &dyn Provider, state: ResourceState, prior: Option<&ResourceEntry>) -> ResourceEntry {
        let Some(prior) = prior.filter(|_| self.task != WriteKind::Create) else {
            let inputs = self.inputs_of(&state);
            return self.entry(provider, state, &inputs, Condition::Whole);
        };
        let sources = [&self.inputs, &prior.inputs, &prior.state.properties];
        let state = marks::settle(state, &self.kind.schema, &sources, &self.run.ctx.redactor);
        ResourceEntry { state, inputs: self.certain(&prior.inputs), ..prior.clone() }
    }

    /// The inputs of the last write whose end is known, without the write-only ones that this one changed: no read
    /// tells which of the two the object has, so the plan sends them again.
    fn certain(&self, before: &Value) -> Value {
        let mut inputs = before.clone();
        if self.task != WriteKind::Update || self.inputs.is_null() {
            return inputs;
        }
        for pattern in &self.kind.schema.write_only {
            let changed = |place: &cofferdam_model::Pointer| match (before.at(place), self.inputs.at(place)) {
                (Some(before), Some(wanted)) => !before.same(&wanted),
                (before, wanted) => before.is_some() || wanted.is_some(),
            };
            if marks::places(before, pattern).iter().any(changed) {
                marks::remove(&mut inputs, pattern.parts());
            }
        }
        inputs
    }
}
