//! A plan as one JSON line. Holds nothing that may not be shown.

use cofferdam_engine::{Action, ActionCounts, Plan, PlanPurpose, ReplaceReason, ShownChange};
use cofferdam_model::document::to_shown_json;
use cofferdam_model::{Address, Diagnostic};
use serde::Serialize;

/// The line.
#[derive(Serialize)]
pub struct PlanLine<'a> {
    r#type: &'static str,
    purpose: PlanPurpose,
    stack: String,
    stage: String,
    serial: u64,
    summary: ActionCounts,
    has_changes: bool,
    steps: Vec<StepLine<'a>>,
    drift: Vec<DriftLine<'a>>,
    outputs: Vec<OutputLine<'a>>,
    diagnostics: &'a [Diagnostic],
}

#[derive(Serialize)]
struct StepLine<'a> {
    address: &'a Address,
    provider: String,
    action: Action,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<ShownChange>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [ReplaceReason],
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct DriftLine<'a> {
    address: &'a Address,
    gone: bool,
    places: Vec<String>,
}

#[derive(Serialize)]
struct OutputLine<'a> {
    name: &'a str,
    changes: bool,
    after: Option<serde_json::Value>,
}

/// A plan's line. Steps that do nothing are counted, not listed.
pub fn line(plan: &Plan) -> PlanLine<'_> {
    PlanLine {
        r#type: "plan",
        purpose: plan.purpose,
        stack: plan.stack.to_string(),
        stage: plan.stage.to_string(),
        serial: plan.serial,
        summary: plan.counts(),
        has_changes: plan.has_changes(),
        steps: plan
            .steps
            .iter()
            .filter(|step| step.action.is_change())
            .map(|step| StepLine {
                address: &step.address,
                provider: step.provider.to_string(),
                action: step.action,
                changes: step.changes.iter().map(ShownChange::from).collect(),
                reasons: &step.reasons,
                after: step.after.as_ref().map(to_shown_json),
            })
            .collect(),
        drift: plan
            .drift
            .iter()
            .map(|drift| DriftLine {
                address: &drift.address,
                gone: drift.gone,
                places: drift.changes.iter().map(|change| change.pointer.to_string()).collect(),
            })
            .collect(),
        outputs: plan
            .outputs
            .iter()
            .map(|output| OutputLine {
                name: &output.name,
                changes: output.is_change(),
                after: output.after.as_ref().map(to_shown_json),
            })
            .collect(),
        diagnostics: &plan.diagnostics,
    }
}
