//! The text of one step of a plan.

use std::collections::BTreeSet;

use cofferdam_model::stored::Stored;
use cofferdam_model::{Address, Pointer, ProviderKey, Value};
use serde::{Deserialize, Serialize};

use crate::{Action, Change, ReplaceReason, Step};

/// A [`Step`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepText {
    address: Address,
    provider: ProviderKey,
    action: Action,
    changes: Vec<ChangeText>,
    reasons: Vec<ReplaceReason>,
    inputs: Option<Stored>,
    before: Option<Stored>,
    after: Option<Stored>,
    depends_on: BTreeSet<Address>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeText {
    pointer: Pointer,
    before: Option<Stored>,
    after: Option<Stored>,
    replaces: bool,
    reason: Option<String>,
}

/// A value that may be missing.
pub(super) fn stored(value: Option<&Value>) -> Option<Stored> {
    value.cloned().map(Stored)
}

/// The way back of [`stored`].
pub(super) fn restored(text: Option<Stored>) -> Option<Value> {
    text.map(|text| text.0)
}

impl From<&Step> for StepText {
    fn from(step: &Step) -> Self {
        let Step { address, provider, action, changes, reasons, inputs, before, after, depends_on } = step;
        Self {
            address: address.clone(),
            provider: provider.clone(),
            action: *action,
            changes: changes.iter().map(ChangeText::from).collect(),
            reasons: reasons.clone(),
            inputs: stored(inputs.as_ref()),
            before: stored(before.as_ref()),
            after: stored(after.as_ref()),
            depends_on: depends_on.clone(),
        }
    }
}

impl From<StepText> for Step {
    fn from(text: StepText) -> Self {
        let StepText { address, provider, action, changes, reasons, inputs, before, after, depends_on } = text;
        Self {
            address,
            provider,
            action,
            changes: changes.into_iter().map(Change::from).collect(),
            reasons,
            inputs: restored(inputs),
            before: restored(before),
            after: restored(after),
            depends_on,
        }
    }
}

impl From<&Change> for ChangeText {
    fn from(change: &Change) -> Self {
        let Change { pointer, before, after, replaces, reason } = change;
        Self {
            pointer: pointer.clone(),
            before: stored(before.as_ref()),
            after: stored(after.as_ref()),
            replaces: *replaces,
            reason: reason.clone(),
        }
    }
}

impl From<ChangeText> for Change {
    fn from(text: ChangeText) -> Self {
        let ChangeText { pointer, before, after, replaces, reason } = text;
        Self { pointer, before: restored(before), after: restored(after), replaces, reason }
    }
}
