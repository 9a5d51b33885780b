//! A plan that a person likes to read: what changes and nothing else, with the reason of every replacement.

use std::fmt::Write as _;

use anstyle::Style;
use cofferdam_engine::{Action, Change, Drift, OutputChange, Plan, PlanPurpose, ReplaceOrder, Step};
use cofferdam_model::redact::Redactor;
use cofferdam_model::{Pointer, Value};

use super::style::{BOLD, CREATE, DELETE, DIM, REPLACE, UPDATE, WARNING, paint};
use super::value::{inline, key_text, printable, show};

/// How far what belongs to a resource stands in.
pub const INDENT: usize = 6;
const SHORT: usize = 48;

/// The whole plan. Values are redacted before they are cut and indented, and so is the text that comes of it.
pub fn render(plan: &Plan, redactor: &Redactor) -> String {
    let mut out = String::new();
    drift(&mut out, &plan.drift, redactor);
    for step in plan.steps.iter().filter(|step| step.action.is_change()) {
        render_step(&mut out, step, redactor);
    }
    outputs(&mut out, &plan.outputs, redactor);
    out.push_str(&summary(plan));
    redactor.redact(&out)
}

/// What was found to have changed, alone.
pub fn render_drift(found: &[Drift], redactor: &Redactor) -> String {
    let mut out = String::new();
    drift(&mut out, found, redactor);
    redactor.redact(&out)
}

fn drift(out: &mut String, drift: &[Drift], redactor: &Redactor) {
    if drift.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}\n", paint(BOLD, "Changed outside of this stack since the last deploy:"));
    for found in drift {
        if found.gone {
            let _ = writeln!(out, "  {} {} is gone", paint(WARNING, "!"), found.address);
            continue;
        }
        let _ = writeln!(out, "  {} {}", paint(WARNING, "!"), found.address);
        for change in &found.changes {
            let _ = writeln!(
                out,
                "      {}: {}",
                place(&change.pointer),
                arrow(change.before.as_ref(), change.after.as_ref(), redactor)
            );
        }
    }
    out.push('\n');
}

fn symbol(action: Action) -> (&'static str, Style, &'static str) {
    match action {
        Action::NoOp => (" ", DIM, "stays as it is"),
        Action::Create => ("+", CREATE, "will be created"),
        Action::Update => ("~", UPDATE, "will be changed in place"),
        Action::Replace { order: ReplaceOrder::DeleteFirst } => {
            ("-/+", REPLACE, "will be replaced: deleted, then created")
        }
        Action::Replace { order: ReplaceOrder::CreateFirst } => {
            ("+/-", REPLACE, "will be replaced: created, then deleted")
        }
        Action::Delete => ("-", DELETE, "will be deleted"),
    }
}

fn render_step(out: &mut String, step: &Step, redactor: &Redactor) {
    let (sign, style, words) = symbol(step.action);
    let _ =
        writeln!(out, "{} {} {}", paint(style, format!("{sign:>3}")), paint(BOLD, &step.address), paint(DIM, words));
    for reason in &step.reasons {
        let _ = writeln!(out, "{:INDENT$}{}", "", paint(REPLACE, format!("because {}", reason.reason)));
    }
    match step.action {
        Action::Create => properties(out, step.after.as_ref(), redactor),
        Action::Delete | Action::NoOp => {}
        Action::Update | Action::Replace { .. } => changes(out, step, redactor),
    }
    out.push('\n');
}

/// The properties of a resource that there is on one side alone.
pub fn properties(out: &mut String, after: Option<&Value>, redactor: &Redactor) {
    let Some(entries) = after.and_then(Value::as_object) else { return };
    let shown: Vec<_> = entries.iter().filter(|(_, value)| !value.is_null()).collect();
    let width = shown.iter().map(|(name, _)| key_text(name).chars().count()).max().unwrap_or(0);
    for (name, value) in shown {
        let _ =
            writeln!(out, "{:INDENT$}{:width$} = {}", "", key_text(name), show(&redactor.redact_value(value), INDENT));
    }
}

fn changes(out: &mut String, step: &Step, redactor: &Redactor) {
    let width = step.changes.iter().map(|change| place(&change.pointer).chars().count()).max().unwrap_or(0);
    for Change { pointer, before, after, replaces, .. } in &step.changes {
        let note = if *replaces { paint(REPLACE, "  # forces the replacement") } else { String::new() };
        let arrow = arrow(before.as_ref(), after.as_ref(), redactor);
        let _ = writeln!(out, "{:INDENT$}{:width$} = {arrow}{note}", "", place(pointer));
    }
}

/// A value before and after.
pub fn arrow(before: Option<&Value>, after: Option<&Value>, redactor: &Redactor) -> String {
    let [before, after] = [before, after].map(|value| value.map(|value| redactor.redact_value(value)));
    match (&before, &after) {
        // Two secrets look alike; that they differ is all that may be said.
        (Some(before), Some(after)) if before.is_secret() && after.is_secret() => "(secret, changed)".to_owned(),
        (Some(before), Some(after)) => match (lines(before), lines(after)) {
            (Some(before), Some(after)) => line_changes(before, after),
            _ => format!("{} {} {}", short(before), paint(DIM, "→"), show(after, INDENT)),
        },
        (None, Some(after)) => format!("{} {}", show(after, INDENT), paint(DIM, "(added)")),
        (Some(before), None) => format!("{} {}", short(before), paint(DIM, "(removed)")),
        (None, None) => String::new(),
    }
}

/// Text of several lines that may be shown.
fn lines(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| text.contains('\n') && !value.is_secret())
}

/// What was, cut to its beginning: the reader wants what will be.
fn short(value: &Value) -> String {
    let whole = inline(value);
    let first = whole.lines().next().unwrap_or_default();
    let cut: String = first.chars().take(SHORT).collect();
    if cut.len() < whole.len() { format!("{cut}{}", paint(DIM, "…")) } else { whole }
}

/// Two texts, line by line: what goes, what comes, and a line around it.
fn line_changes(before: &str, after: &str) -> String {
    let pad = " ".repeat(INDENT + 2);
    let mut out = String::from("<<-EOT\n");
    let diff = similar::TextDiff::from_lines(before, after);
    for (group, operations) in diff.grouped_ops(1).iter().enumerate() {
        if group > 0 {
            let _ = writeln!(out, "{pad}{}", paint(DIM, "…"));
        }
        for change in operations.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let line = printable(change.value().trim_end_matches('\n'));
            let _ = match change.tag() {
                similar::ChangeTag::Delete => writeln!(out, "{pad}{}", paint(DELETE, format!("- {line}"))),
                similar::ChangeTag::Insert => writeln!(out, "{pad}{}", paint(CREATE, format!("+ {line}"))),
                similar::ChangeTag::Equal => writeln!(out, "{pad}  {line}"),
            };
        }
    }
    out.push_str(&" ".repeat(INDENT));
    out.push_str("EOT");
    out
}

/// A pointer as the stack language writes it: `tags.env`, `rules[0].port`.
pub fn place(pointer: &Pointer) -> String {
    let mut out = String::new();
    for part in pointer.parts() {
        if part.chars().all(|c| c.is_ascii_digit()) && !out.is_empty() {
            let _ = write!(out, "[{part}]");
        } else {
            let dot = if out.is_empty() { "" } else { "." };
            let _ = write!(out, "{dot}{}", printable(part));
        }
    }
    out
}

/// Outputs that change.
pub fn outputs(out: &mut String, outputs: &[OutputChange], redactor: &Redactor) {
    let changed: Vec<_> = outputs.iter().filter(|output| output.is_change()).collect();
    if changed.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}\n", paint(BOLD, "Outputs:"));
    let width = changed.iter().map(|output| output.name.chars().count()).max().unwrap_or(0);
    for OutputChange { name, before, after } in changed {
        let (sign, style) = match (before, after) {
            (None, _) => ("+", CREATE),
            (_, None) => ("-", DELETE),
            _ => ("~", UPDATE),
        };
        let text = match (before, after) {
            (None, Some(after)) => show(&redactor.redact_value(after), INDENT),
            (before, after) => arrow(before.as_ref(), after.as_ref(), redactor),
        };
        let _ = writeln!(out, "{} {name:width$} = {text}", paint(style, format!("{sign:>3}")));
    }
    out.push('\n');
}

/// The last line: how much of what.
pub fn summary(plan: &Plan) -> String {
    let counts = plan.counts();
    let parts: Vec<String> = [
        (counts.create, "to create", CREATE),
        (counts.update, "to change", UPDATE),
        (counts.replace, "to replace", REPLACE),
        (counts.delete, "to delete", DELETE),
    ]
    .into_iter()
    .filter(|(count, _, _)| *count > 0)
    .map(|(count, words, style)| paint(style, format!("{count} {words}")))
    .collect();
    if !parts.is_empty() {
        return format!("Plan: {}, {} unchanged.\n", parts.join(", "), counts.no_op);
    }
    if plan.has_changes() {
        return "Plan: no resource changes; the state will be brought up to date.\n".to_owned();
    }
    match plan.purpose {
        PlanPurpose::Deploy => format!("No changes: {} as the stack says.\n", resources(counts.no_op)),
        PlanPurpose::Destroy => "Nothing to delete: the state has no resources.\n".to_owned(),
    }
}

fn resources(count: usize) -> String {
    match count {
        1 => "1 resource is".to_owned(),
        n => format!("{n} resources are"),
    }
}

/// An output after a deploy.
pub fn output_line(name: &str, value: &Value, width: usize) -> String {
    format!("{name:width$} = {}", if value.as_str().is_some() { show(value, 0) } else { inline(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_at_the_cut_of_a_short_value_is_not_shown_in_part() {
        let redactor = Redactor::default();
        redactor.learn_text("correct-horse-battery-staple");
        let before = Value::from(format!("{}correct-horse-battery-staple", "x".repeat(SHORT - 10)).as_str());
        let shown = arrow(Some(&before), Some(&Value::from("y")), &redactor);
        assert!(!shown.contains("corr"), "{shown}");
    }
}
