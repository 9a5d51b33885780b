//! Reads one object, and brings its entry of the state up to date: migration, drift, gone.

use std::borrow::Cow;
use std::sync::Arc;

use cofferdam_model::error::ErrorKind;
use cofferdam_model::provider::{Call, Provider, Target};
use cofferdam_model::state::{ResourceEntry, ResourceState};

use crate::calls::{Subject, bounded};
use crate::diff::drift;
use crate::kinds::Kind;
use crate::retry::retried;
use crate::run::Run;
use crate::{Cause, Drift, Event, ShownChange, StepError, Task, marks};

/// An entry as far as it was looked at.
pub(crate) struct Looked<'a> {
    /// None where the object is gone.
    pub entry: Option<Cow<'a, ResourceEntry>>,
    pub drift: Option<Drift>,
}

/// Brings an entry of an older schema version to the present one.
pub(crate) async fn migrated(
    run: &Run,
    subject: &Subject,
    kind: &Kind,
    provider: &Arc<dyn Provider>,
    entry: &ResourceEntry,
) -> Result<ResourceEntry, Box<StepError>> {
    let state = retried(run, subject, Task::Migrate, |_| {
        let (provider, ty, state) = (provider.clone(), kind.schema.ty.clone(), entry.state.clone());
        bounded(run, async move { provider.migrate(&ty, &state).await })
    })
    .await
    .map_err(|failed| subject.error_after(run, Task::Migrate, failed))?;
    let state = marks::settle(state, &kind.schema, &[&entry.inputs, &entry.state.properties], &run.ctx.redactor);
    Ok(ResourceEntry { state, plugin: provider.plugin().clone(), ..entry.clone() })
}

/// Whether an entry has to be migrated.
pub(crate) fn is_older(subject: &Subject, kind: &Kind, entry: &ResourceEntry) -> Result<bool, Box<StepError>> {
    let (found, known) = (entry.state.schema_version, kind.schema.version);
    if found > known {
        return Err(subject.cause(Task::Migrate, Cause::NewerState { found, known }, Vec::new()));
    }
    Ok(found < known)
}

/// Reads an object; none where there is no such object.
pub(crate) async fn read(
    run: &Run,
    subject: &Subject,
    kind: &Kind,
    provider: &Arc<dyn Provider>,
    target: Target,
) -> Result<Option<ResourceState>, Box<StepError>> {
    run.emit(Event::ReadStarted { address: subject.address.clone() });
    let read = retried(run, subject, Task::Read, |attempt| {
        let (provider, ty, target) = (provider.clone(), kind.schema.ty.clone(), target.clone());
        let call = Call { attempt, ..Call::read(&subject.address) };
        bounded(run, async move { provider.read(call, &ty, target).await })
    })
    .await;
    match read {
        Ok(found) => Ok(found),
        Err(failed) if failed.error.kind() == Some(ErrorKind::NotFound) => Ok(None),
        Err(failed) => Err(subject.error_after(run, Task::Read, failed)),
    }
}

/// Reads the object of an entry.
pub(crate) async fn looked<'a>(
    run: &Run,
    subject: &Subject,
    kind: &Kind,
    provider: &Arc<dyn Provider>,
    entry: Cow<'a, ResourceEntry>,
) -> Result<Looked<'a>, Box<StepError>> {
    let target = Target::State(entry.state.clone());
    let found = read(run, subject, kind, provider, target).await?;
    let Some(state) = found else {
        return Ok(Looked { entry: None, drift: Some(found_drift(run, subject, true, Vec::new())) });
    };
    let state = marks::settle(state, &kind.schema, &[&entry.inputs, &entry.state.properties], &run.ctx.redactor);
    if state == entry.state {
        return Ok(Looked { entry: Some(entry), drift: None });
    }
    let changes = drift(&kind.schema, &entry.state.properties, &state.properties);
    let drift = (!changes.is_empty()).then(|| found_drift(run, subject, false, changes));
    Ok(Looked { entry: Some(Cow::Owned(ResourceEntry { state, ..entry.into_owned() })), drift })
}

fn found_drift(run: &Run, subject: &Subject, gone: bool, changes: Vec<crate::DriftChange>) -> Drift {
    let shown = changes.iter().map(ShownChange::from).collect();
    run.emit(Event::DriftFound { address: subject.address.clone(), gone, changes: shown });
    Drift { address: subject.address.clone(), gone, changes }
}
