//! How two states differ, in the notation of plans.

use std::fmt::Write as _;

use cofferdam_engine::{Difference, DifferenceKind, OutputChange, ShownChange, StateDiff};
use cofferdam_model::document::to_shown_json;
use cofferdam_model::redact::Redactor;
use serde_json::{Value as Json, json};

use super::plan::{INDENT, arrow, outputs, place, properties};
use super::style::{BOLD, CREATE, DELETE, DIM, UPDATE, paint};

/// The whole comparison, without its summary.
pub fn render(diff: &StateDiff, redactor: &Redactor) -> String {
    let mut out = String::new();
    for difference in &diff.resources {
        resource(&mut out, difference, redactor);
    }
    outputs(&mut out, &diff.outputs, redactor);
    redactor.redact(&out)
}

/// How much of what: `1 added, 2 unchanged`.
pub fn summary(diff: &StateDiff) -> String {
    let kinds = [
        (DifferenceKind::Added, "added", CREATE),
        (DifferenceKind::Changed, "changed", UPDATE),
        (DifferenceKind::Removed, "removed", DELETE),
    ];
    let counted = kinds.into_iter().map(|(kind, words, style)| (diff.count(kind), words, style));
    let mut parts: Vec<String> = counted
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, words, style)| paint(style, format!("{count} {words}")))
        .collect();
    parts.push(format!("{} unchanged", diff.unchanged));
    parts.join(", ")
}

fn resource(out: &mut String, difference: &Difference, redactor: &Redactor) {
    let (sign, style, words) = match difference.kind {
        DifferenceKind::Added => ("+", CREATE, "added"),
        DifferenceKind::Changed => ("~", UPDATE, "changed"),
        DifferenceKind::Removed => ("-", DELETE, "removed"),
    };
    let sign = paint(style, format!("{sign:>3}"));
    let _ = writeln!(out, "{sign} {} {}", paint(BOLD, &difference.address), paint(DIM, words));
    if difference.kind == DifferenceKind::Added {
        properties(out, difference.properties.as_ref(), redactor);
    }
    for aspect in &difference.aspects {
        let _ = writeln!(out, "{:INDENT$}{}: {} {} {}", "", aspect.name, aspect.before, paint(DIM, "→"), aspect.after);
    }
    let width = difference.changes.iter().map(|change| place(&change.pointer).chars().count()).max().unwrap_or(0);
    for change in &difference.changes {
        let text = arrow(change.before.as_ref(), change.after.as_ref(), redactor);
        let _ = writeln!(out, "{:INDENT$}{:width$} = {text}", "", place(&change.pointer));
    }
    out.push('\n');
}

/// The same as JSON lines, one for each resource and output.
pub fn lines(diff: &StateDiff) -> impl Iterator<Item = Json> {
    diff.resources.iter().map(resource_line).chain(diff.outputs.iter().map(output_line))
}

fn resource_line(difference: &Difference) -> Json {
    let changes: Vec<ShownChange> = difference.changes.iter().map(ShownChange::from).collect();
    json!({
        "type": "resource-difference", "address": difference.address, "difference": difference.kind,
        "properties": difference.properties.as_ref().map(to_shown_json), "changes": changes,
        "aspects": difference.aspects,
    })
}

fn output_line(output: &OutputChange) -> Json {
    json!({
        "type": "output-difference", "name": output.name, "before": output.before.as_ref().map(to_shown_json),
        "after": output.after.as_ref().map(to_shown_json),
    })
}
