//! The text of a plan around its steps. Writes in flight have none: a plan with some is not saved.

use std::sync::Arc;

use cofferdam_model::state::ResourceEntry;
use cofferdam_model::stored::Stored;
use cofferdam_model::{Address, Diagnostic, Pointer, StackName, StageName};
use serde::{Deserialize, Serialize};

use super::entry::EntryText;
use super::step::{StepText, restored, stored};
use crate::{Drift, DriftChange, OutputChange, Plan, PlanPurpose, RefreshedEntry, Step};

/// A [`Plan`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanText {
    purpose: PlanPurpose,
    stack: StackName,
    stage: StageName,
    lineage: String,
    serial: u64,
    steps: Vec<StepText>,
    drift: Vec<DriftText>,
    refreshed: Vec<RefreshedText>,
    outputs: Vec<OutputText>,
    diagnostics: Vec<Diagnostic>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DriftText {
    address: Address,
    gone: bool,
    changes: Vec<DriftChangeText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DriftChangeText {
    pointer: Pointer,
    before: Option<Stored>,
    after: Option<Stored>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshedText {
    address: Address,
    entry: Option<EntryText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputText {
    name: String,
    before: Option<Stored>,
    after: Option<Stored>,
}

impl From<&Plan> for PlanText {
    fn from(plan: &Plan) -> Self {
        Self {
            purpose: plan.purpose,
            stack: plan.stack.clone(),
            stage: plan.stage.clone(),
            lineage: plan.lineage.clone(),
            serial: plan.serial,
            steps: plan.steps.iter().map(StepText::from).collect(),
            drift: plan.drift.iter().map(DriftText::from).collect(),
            refreshed: plan.refreshed.iter().map(RefreshedText::from).collect(),
            outputs: plan.outputs.iter().map(OutputText::from).collect(),
            diagnostics: plan.diagnostics.clone(),
        }
    }
}

impl From<PlanText> for Plan {
    fn from(text: PlanText) -> Self {
        Self {
            purpose: text.purpose,
            stack: text.stack,
            stage: text.stage,
            lineage: text.lineage,
            serial: text.serial,
            steps: text.steps.into_iter().map(Step::from).collect(),
            drift: text.drift.into_iter().map(Drift::from).collect(),
            refreshed: text.refreshed.into_iter().map(RefreshedEntry::from).collect(),
            outputs: text.outputs.into_iter().map(OutputChange::from).collect(),
            in_flight: Vec::new(),
            diagnostics: text.diagnostics,
        }
    }
}

impl From<&Drift> for DriftText {
    fn from(drift: &Drift) -> Self {
        let change = |change: &DriftChange| DriftChangeText {
            pointer: change.pointer.clone(),
            before: stored(change.before.as_ref()),
            after: stored(change.after.as_ref()),
        };
        let Drift { address, gone, changes } = drift;
        Self { address: address.clone(), gone: *gone, changes: changes.iter().map(change).collect() }
    }
}

impl From<DriftText> for Drift {
    fn from(text: DriftText) -> Self {
        let change = |text: DriftChangeText| DriftChange {
            pointer: text.pointer,
            before: restored(text.before),
            after: restored(text.after),
        };
        let DriftText { address, gone, changes } = text;
        Self { address, gone, changes: changes.into_iter().map(change).collect() }
    }
}

impl From<&RefreshedEntry> for RefreshedText {
    fn from(refreshed: &RefreshedEntry) -> Self {
        let RefreshedEntry { address, entry } = refreshed;
        Self { address: address.clone(), entry: entry.as_deref().map(EntryText::from) }
    }
}

impl From<RefreshedText> for RefreshedEntry {
    fn from(text: RefreshedText) -> Self {
        let RefreshedText { address, entry } = text;
        Self { address, entry: entry.map(|entry| Arc::new(ResourceEntry::from(entry))) }
    }
}

impl From<&OutputChange> for OutputText {
    fn from(output: &OutputChange) -> Self {
        let OutputChange { name, before, after } = output;
        Self { name: name.clone(), before: stored(before.as_ref()), after: stored(after.as_ref()) }
    }
}

impl From<OutputText> for OutputChange {
    fn from(text: OutputText) -> Self {
        let OutputText { name, before, after } = text;
        Self { name, before: restored(before), after: restored(after) }
    }
}
