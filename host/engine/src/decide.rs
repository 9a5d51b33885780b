//! Decides what happens to a resource: from the schema alone, or from what the provider's own plan says.

use cofferdam_model::provider::{Planned, ReplaceOrder as Wanted};
use cofferdam_model::schema::{ReplacementStrategy, ResourceSchema};
use cofferdam_model::state::{Condition, ResourceEntry};
use cofferdam_model::{Diagnostic, Pointer, ProviderKey, Value};

use crate::diff::{diff, differences};
use crate::validate::place_name;
use crate::values::{Unset, published};
use crate::{Action, Change, ReplaceOrder, ReplaceReason, marks, predict};

/// What happens to a resource, and what others may refer to meanwhile.
pub(crate) struct Draft {
    pub action: Action,
    pub changes: Vec<Change>,
    pub reasons: Vec<ReplaceReason>,
    /// The properties after the deploy.
    pub after: Value,
    /// The same as expressions see it.
    pub published: Value,
    pub warnings: Vec<Diagnostic>,
}

const REPLACE: Action = Action::Replace { order: ReplaceOrder::DeleteFirst };

/// Decides from the schema.
pub(crate) fn decide(schema: &ResourceSchema, prior: Option<&ResourceEntry>, inputs: &Value) -> Draft {
    let Some(prior) = prior else { return drafted(schema, Action::Create, None, inputs, None) };
    let changes = diff(schema, inputs, &prior.state.properties, &prior.inputs);
    let reasons = reasons(schema, prior, &changes);
    let action = match (changes.is_empty(), reasons.is_empty()) {
        (_, false) => REPLACE,
        (true, true) => Action::NoOp,
        (false, true) => Action::Update,
    };
    Draft { changes, reasons, ..drafted(schema, action, Some(prior), inputs, None) }
}

/// Decides from a provider's own plan. For a replacement that the provider did not ask for itself, `after` has to be
/// asked for anew, as for a new object: [`Draft::after`] is then what the schema tells.
pub(crate) fn decide_planned(
    schema: &ResourceSchema,
    prior: Option<&ResourceEntry>,
    inputs: &Value,
    planned: &Planned,
) -> Draft {
    let mut after = planned.after.clone();
    schema.mark_sensitive(&mut after);
    marks::carry(inputs, &mut after);
    let Some(prior) = prior else { return drafted(schema, Action::Create, None, inputs, Some(after)) };
    marks::carry(&prior.state.properties, &mut after);
    let mut changes = differences(schema, &prior.state.properties, &after);
    let sent = diff(schema, inputs, &prior.state.properties, &prior.inputs);
    changes.extend(sent.into_iter().filter(|change| schema.is_write_only(&change.pointer)));
    for change in &mut changes {
        if let Some((_, reason)) = planned.replace.iter().find(|(pointer, _)| pointer.contains(&change.pointer)) {
            change.replaces = true;
            change.reason = Some(said(&change.pointer, reason));
        }
    }
    let mut reasons = reasons(schema, prior, &changes);
    for (pointer, reason) in &planned.replace {
        if !reasons.iter().any(|known| known.pointer.as_ref() == Some(pointer)) {
            reasons.push(ReplaceReason { pointer: Some(pointer.clone()), reason: said(pointer, reason) });
        }
    }
    let action = match (changes.is_empty(), reasons.is_empty()) {
        (_, false) => REPLACE,
        (true, true) => Action::NoOp,
        (false, true) => Action::Update,
    };
    let asked = action != REPLACE || !planned.replace.is_empty();
    let mut draft = Draft { changes, reasons, ..drafted(schema, action, Some(prior), inputs, asked.then_some(after)) };
    if action == REPLACE && planned.order == Wanted::CreateFirst && draft.warnings.is_empty() {
        draft.warnings.push(create_first_warning(schema));
    }
    draft
}

impl Draft {
    /// The same, for a new object that takes the place of one that another provider served.
    pub(crate) fn moved(mut self, schema: &ResourceSchema, from: &ProviderKey, to: &ProviderKey) -> Self {
        self.action = REPLACE;
        let reason = format!("served by provider `{from}` so far, `{to}` from now on");
        self.reasons.push(ReplaceReason { pointer: None, reason });
        if schema.replacement == ReplacementStrategy::CreateThenDelete {
            self.warnings.push(create_first_warning(schema));
        }
        self
    }
}

/// A plugin's reason, with the place that it is about.
fn said(at: &Pointer, reason: &str) -> String {
    if at.is_root() { reason.to_owned() } else { format!("{}: {reason}", place_name(at)) }
}

fn reasons(schema: &ResourceSchema, prior: &ResourceEntry, changes: &[Change]) -> Vec<ReplaceReason> {
    let mut reasons: Vec<ReplaceReason> = Vec::new();
    if prior.condition == Condition::Partial {
        let reason = "the last attempt to create it left it incomplete".into();
        reasons.push(ReplaceReason { pointer: None, reason });
    }
    // A change has a reason exactly where it forces a replacement.
    for change in changes {
        let reason = change.reason.clone();
        reasons.extend(reason.map(|reason| ReplaceReason { pointer: Some(change.pointer.clone()), reason }));
    }
    if reasons.is_empty() && !changes.is_empty() && !schema.handlers.update {
        let reason = format!("`{}` cannot change in place", schema.ty);
        reasons.push(ReplaceReason { pointer: None, reason });
    }
    reasons
}

fn drafted(
    schema: &ResourceSchema,
    action: Action,
    prior: Option<&ResourceEntry>,
    inputs: &Value,
    said: Option<Value>,
) -> Draft {
    let after = match (said, action, prior) {
        (_, Action::NoOp, Some(prior)) => prior.state.properties.clone(),
        (Some(after), ..) => after,
        (None, Action::Update, Some(prior)) => predict::updated(schema, prior, inputs),
        _ => predict::created(schema, inputs),
    };
    let unset = if action == Action::NoOp { Unset::Null } else { Unset::Unknown };
    let published = published(schema, &after, Some(inputs), unset);
    let warns = action == REPLACE && schema.replacement == ReplacementStrategy::CreateThenDelete;
    let warnings = if warns { vec![create_first_warning(schema)] } else { Vec::new() };
    Draft { action, changes: Vec::new(), reasons: Vec::new(), after, published, warnings }
}

fn create_first_warning(schema: &ResourceSchema) -> Diagnostic {
    Diagnostic::warning(format!("`{}` wants its new object made before the old one goes", schema.ty))
        .with_detail("this version removes the old object first")
}
