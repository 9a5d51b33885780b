//! Plans one resource: what is saved, what is there, what is wanted, and therefore what happens. Guest code runs only
//! where the type asks for it or an object is read.

use std::borrow::Cow;
use std::sync::Arc;

use cofferdam_model::error::{CallError, PluginFault};
use cofferdam_model::provider::{Call, Mode, Planned, Provider};
use cofferdam_model::schema::ReadCost;
use cofferdam_model::state::{ResourceEntry, ResourceState};
use cofferdam_model::{Data, Diagnostic, Value};

use crate::calls::{Subject, bounded};
use crate::decide::{Draft, decide, decide_planned};
use crate::inputs::prepare;
use crate::kinds::Kind;
use crate::planner::{Found, Goal, Planner};
use crate::read::{is_older, looked, migrated};
use crate::retry::retried;
use crate::run::Run;
use crate::values::{Unset, published};
use crate::{Action, Cause, Event, Refresh, RefreshedEntry, ShownChange, Step, StepError, Task, marks};

type Entry<'a> = Option<Cow<'a, ResourceEntry>>;

/// A resource with its type.
struct One {
    subject: Subject,
    kind: Arc<Kind>,
    /// Whether this is what served the object so far, and no longer does.
    former: bool,
}

impl Planner<'_> {
    /// A resource of the stack.
    pub(crate) async fn declared_one(&self, i: usize) -> Found {
        let mut found = Found::default();
        if let Err(error) = self.try_declared(i, &mut found).await {
            // What refers to it is still looked at, without findings that follow from this one.
            self.publish(i, Value::unknown());
            found.error = Some(error);
        }
        found
    }

    async fn try_declared(&self, i: usize, found: &mut Found) -> Result<(), Box<StepError>> {
        let node = &self.graph.nodes[i];
        let mut one = self.one(i).await?;
        let saved = self.state.resources.get(&node.address);
        // An object is looked at, and later removed, by what made it.
        let mut former = self.former(&one, saved).await?;
        let moved = former.is_some();
        let mut entry = self.present(former.as_mut().unwrap_or(&mut one), saved).await?;
        let server = former.as_mut().unwrap_or(&mut one);
        let mut is_read = self.refresh == Refresh::All || server.kind.schema.read_cost == ReadCost::Local;
        if is_read {
            entry = self.look(server, entry, found).await?;
        }
        let prepared = self.with_known(|known| prepare(self.run, &one.subject, &one.kind, known))?;
        let (draft, inputs) = loop {
            let mut warnings = prepared.warnings.clone();
            let prior = entry.as_deref().filter(|_| !moved);
            let inputs = self.checked(&mut one, &prepared.inputs, prior, &mut warnings).await?;
            let mut draft = self.drafted(&mut one, prior, &inputs, &mut warnings).await?;
            if let (Some(former), Some(_)) = (&former, &entry) {
                draft = draft.moved(&one.kind.schema, &former.subject.provider, &node.provider);
            }
            if draft.action.is_change() && !is_read && entry.is_some() {
                is_read = true;
                entry = self.look(former.as_mut().unwrap_or(&mut one), entry, found).await?;
                if !matches!(entry, Some(Cow::Borrowed(_))) {
                    continue;
                }
            }
            found.warnings.extend(warnings);
            break (draft, inputs);
        };
        self.publish(i, draft.published);
        let located = |finding: Diagnostic| self.run.located(&node.address, finding);
        found.warnings.extend(draft.warnings.into_iter().map(located));
        found.refreshed = refreshed(&one, saved, &entry);
        self.emit_planned(&one.subject, draft.action, &draft.changes);
        found.step = Some(Step {
            address: node.address.clone(),
            provider: node.provider.clone(),
            action: draft.action,
            changes: draft.changes,
            reasons: draft.reasons,
            inputs: Some(inputs),
            before: entry.map(|entry| entry.state.properties.clone()),
            after: Some(draft.after),
            depends_on: node.depends_on.clone(),
        });
        Ok(())
    }

    /// A resource of the state that the stack no longer has, or that is to be destroyed.
    pub(crate) async fn leaving_one(&self, i: usize) -> Found {
        let mut found = Found::default();
        if let Err(error) = self.try_leaving(i, &mut found).await {
            found.error = Some(error);
        }
        found
    }

    async fn try_leaving(&self, i: usize, found: &mut Found) -> Result<(), Box<StepError>> {
        let node = &self.graph.nodes[i];
        let mut one = self.one(i).await?;
        let saved = self.state.resources.get(&node.address);
        let entry = self.present(&mut one, saved).await?;
        let entry = self.look(&mut one, entry, found).await?;
        found.refreshed = refreshed(&one, saved, &entry);
        let (Some(entry), Goal::Plan(_)) = (entry, self.goal) else { return Ok(()) };
        self.emit_planned(&one.subject, Action::Delete, &[]);
        found.step = Some(Step {
            address: node.address.clone(),
            provider: node.provider.clone(),
            action: Action::Delete,
            changes: Vec::new(),
            reasons: Vec::new(),
            inputs: None,
            before: Some(entry.state.properties.clone()),
            after: None,
            depends_on: node.depends_on.clone(),
        });
        Ok(())
    }

    async fn one(&self, i: usize) -> Result<One, Box<StepError>> {
        let node = &self.graph.nodes[i];
        let subject = Subject::new(&node.address, &node.provider);
        let kind = self.run.kind(&subject).await?;
        Ok(One { subject, kind, former: false })
    }

    /// What served the object so far, where that is another provider of the stack.
    async fn former(&self, one: &One, saved: Option<&ResourceEntry>) -> Result<Option<One>, Box<StepError>> {
        let Some(saved) = saved.filter(|saved| saved.provider != one.subject.provider) else { return Ok(None) };
        let former = self.run.former(&one.subject.address, &saved.provider).await?;
        Ok(former.map(|(subject, kind)| One { subject, kind, former: true }))
    }

    fn emit_planned(&self, subject: &Subject, action: Action, changes: &[crate::Change]) {
        let changes = changes.iter().map(ShownChange::from).collect();
        self.run.emit(Event::ResourcePlanned { address: subject.address.clone(), action, changes });
    }

    /// The provider, configured to read; none where its configuration is not known yet.
    async fn provider(&self, one: &mut One) -> Result<Option<Arc<dyn Provider>>, Box<StepError>> {
        let config = if one.former { self.former_config(&one.subject)? } else { self.config(&one.subject)? };
        let Some(config) = config else { return Ok(None) };
        let provider = self.run.configured(&one.subject, &config, Mode::ReadOnly).await?;
        one.subject.plugin.get_or_insert_with(|| provider.plugin().clone());
        Ok(Some(provider))
    }

    /// The entry in the present version of its schema.
    async fn present<'e>(&self, one: &mut One, saved: Option<&'e ResourceEntry>) -> Result<Entry<'e>, Box<StepError>> {
        let Some(saved) = saved else { return Ok(None) };
        // What a former run learned is secret in this one too.
        self.run.ctx.redactor.learn(&saved.state.properties);
        self.run.ctx.redactor.learn(&saved.inputs);
        if !is_older(&one.subject, &one.kind, saved)? {
            return Ok(Some(Cow::Borrowed(saved)));
        }
        let Some(provider) = self.provider(one).await? else {
            let cause = Cause::ProviderUnknown(one.subject.provider.clone());
            return Err(one.subject.cause(Task::Migrate, cause, Vec::new()));
        };
        let entry = migrated(self.run, &one.subject, &one.kind, &provider, saved).await?;
        Ok(Some(Cow::Owned(entry)))
    }

    /// Reads the object, where it can be read and reading was not turned off.
    async fn look<'e>(&self, one: &mut One, entry: Entry<'e>, found: &mut Found) -> Result<Entry<'e>, Box<StepError>> {
        let Some(entry) = entry else { return Ok(None) };
        if self.refresh == Refresh::None || !one.kind.schema.handlers.read {
            return Ok(Some(entry));
        }
        let Some(provider) = self.provider(one).await? else { return Ok(Some(entry)) };
        let looked = looked(self.run, &one.subject, &one.kind, &provider, entry).await?;
        found.drift = looked.drift;
        Ok(looked.entry)
    }

    /// The inputs after the type's own check, where it has one.
    async fn checked(
        &self,
        one: &mut One,
        inputs: &Value,
        prior: Option<&ResourceEntry>,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Value, Box<StepError>> {
        if !one.kind.schema.custom_check {
            return Ok(inputs.clone());
        }
        let Some(provider) = self.provider(one).await? else { return Ok(inputs.clone()) };
        let prior = prior.map(|entry| entry.state.clone());
        checked(self.run, &one.subject, &one.kind, &provider, inputs, prior, warnings).await
    }

    /// What happens, by the type's own plan where it has one.
    async fn drafted(
        &self,
        one: &mut One,
        prior: Option<&ResourceEntry>,
        inputs: &Value,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Draft, Box<StepError>> {
        let kind = one.kind.clone();
        let schema = &kind.schema;
        if !schema.custom_plan {
            return Ok(decide(schema, prior, inputs));
        }
        let Some(provider) = self.provider(one).await? else { return Ok(decide(schema, prior, inputs)) };
        let planned = self.planned(one, &provider, prior, inputs, warnings).await?;
        let mut draft = decide_planned(schema, prior, inputs, &planned);
        if matches!(draft.action, Action::Replace { .. }) && planned.replace.is_empty() {
            // The provider was asked about a change in place; what it becomes is a new object.
            let anew = self.planned(one, &provider, None, inputs, warnings).await?;
            let mut after = anew.after;
            schema.mark_sensitive(&mut after);
            marks::carry(inputs, &mut after);
            draft.published = published(schema, &after, Some(inputs), Unset::Unknown);
            draft.after = after;
        }
        Ok(draft)
    }

    async fn planned(
        &self,
        one: &One,
        provider: &Arc<dyn Provider>,
        prior: Option<&ResourceEntry>,
        inputs: &Value,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Planned, Box<StepError>> {
        let (run, subject) = (self.run, &one.subject);
        let planned = retried(run, subject, Task::Plan, |attempt| {
            let (provider, ty, inputs) = (provider.clone(), one.kind.schema.ty.clone(), inputs.clone());
            let prior = prior.map(|entry| entry.state.clone());
            let call = Call { attempt, ..Call::read(&subject.address) };
            bounded(run, async move { provider.plan(call, &ty, prior.as_ref(), &inputs).await })
        })
        .await
        .map_err(|failed| subject.error_after(run, Task::Plan, failed))?;
        if !matches!(planned.after.data(), Data::Object(_)) {
            let fault = PluginFault::Contract("what it planned is no object".into());
            return Err(subject.error(run, Task::Plan, fault.into()));
        }
        run.ctx.redactor.learn(&planned.after);
        sorted(run, subject, Task::Plan, planned.diagnostics.clone(), warnings)?;
        Ok(planned)
    }
}

/// Calls a type's own check.
pub(crate) async fn checked(
    run: &Run,
    subject: &Subject,
    kind: &Kind,
    provider: &Arc<dyn Provider>,
    inputs: &Value,
    prior: Option<ResourceState>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Value, Box<StepError>> {
    let checked = retried(run, subject, Task::Check, |attempt| {
        let (provider, ty, inputs, prior) = (provider.clone(), kind.schema.ty.clone(), inputs.clone(), prior.clone());
        let call = Call { attempt, ..Call::read(&subject.address) };
        bounded(run, async move { provider.check(call, &ty, &inputs, prior.as_ref()).await })
    })
    .await
    .map_err(|failed| subject.error_after(run, Task::Check, failed))?;
    if !matches!(checked.inputs.data(), Data::Object(_)) {
        let error = CallError::Fault(PluginFault::Contract("the inputs that it checked are no object".into()));
        return Err(subject.error(run, Task::Check, error));
    }
    let mut completed = checked.inputs;
    kind.schema.mark_sensitive(&mut completed);
    marks::carry(inputs, &mut completed);
    run.ctx.redactor.learn(&completed);
    sorted(run, subject, Task::Check, checked.diagnostics, warnings)?;
    Ok(completed)
}

/// Keeps warnings; errors end it.
fn sorted(
    run: &Run,
    subject: &Subject,
    task: Task,
    findings: Vec<Diagnostic>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), Box<StepError>> {
    let findings: Vec<Diagnostic> =
        findings.into_iter().map(|finding| run.located(&subject.address, finding)).collect();
    if findings.iter().any(Diagnostic::is_error) {
        return Err(subject.invalid(task, findings));
    }
    warnings.extend(findings);
    Ok(())
}

/// What the deploy has to write into the state of what was found out here.
fn refreshed(one: &One, saved: Option<&ResourceEntry>, entry: &Entry<'_>) -> Option<RefreshedEntry> {
    let entry = match (saved, entry) {
        (None, _) | (_, Some(Cow::Borrowed(_))) => return None,
        (Some(_), None) => None,
        (Some(_), Some(Cow::Owned(entry))) => Some(Arc::new(entry.clone())),
    };
    Some(RefreshedEntry { address: one.subject.address.clone(), entry })
}
