//! The optional interface `bootstrapper`: its bindings, and its answers as the host's own types. Everything that comes in
//! is checked: steps, outputs, lines.

use cofferdam_model::bootstrap::{BootstrapStep, MAX_STEP_OUTPUT, MAX_STEPS, StepDone, check_steps};
use cofferdam_model::document;
use cofferdam_model::error::PluginFault;
use cofferdam_model::redact::Redactor;

use super::convert::{MAX_OPAQUE_BYTES, text};
use super::imports::types as wit;

wasmtime::component::bindgen!({
    path: "../../wit/0.1.0",
    inline: "
        package cofferdam:host;
        world bootstrapping {
            export cofferdam:provider/bootstrapper@0.1.0;
        }
    ",
    with: { "cofferdam:provider/types": super::imports::types },
    exports: { default: async },
});

pub(crate) use exports::cofferdam::provider::bootstrapper as exported;

/// The most lines that a verification may answer.
const MAX_FAULTS: usize = 100;

fn broken(text: impl Into<String>) -> PluginFault {
    PluginFault::Contract(text.into())
}

/// The steps of a plugin.
pub(crate) fn steps_in(steps: Vec<exported::Step>) -> Result<Vec<BootstrapStep>, PluginFault> {
    if steps.len() > MAX_STEPS {
        return Err(broken(format!("{} steps of a bootstrap, more than the {MAX_STEPS} allowed", steps.len())));
    }
    let step = |exported::Step { name, title }| BootstrapStep { name, title, revision: 0 };
    let steps: Vec<BootstrapStep> = steps.into_iter().map(step).collect();
    check_steps(&steps).map_err(|why| broken(format!("its bootstrap has {why}")))?;
    Ok(steps)
}

/// How a step ended.
pub(crate) fn outcome_in(outcome: exported::StepOutcome, redactor: &Redactor) -> Result<StepDone, PluginFault> {
    let pending = match outcome {
        exported::StepOutcome::Done(output) => return Ok(StepDone::Done(output_in(&output, redactor)?)),
        exported::StepOutcome::Pending(pending) => pending,
    };
    if pending.checkpoint.len() > MAX_OPAQUE_BYTES {
        return Err(broken(format!(
            "a checkpoint of {} bytes, more than the {MAX_OPAQUE_BYTES} allowed",
            pending.checkpoint.len()
        )));
    }
    let note = pending.note.map(|note| text(&note, redactor)).unwrap_or_default();
    Ok(StepDone::Pending { poll_after_ms: pending.poll_after_ms.into(), note })
}

/// What a step adds to the record, which is not encrypted.
fn output_in(
    output: &wit::Document,
    redactor: &Redactor,
) -> Result<serde_json::Map<String, serde_json::Value>, PluginFault> {
    if output.json.len() > MAX_STEP_OUTPUT {
        return Err(broken(format!(
            "a step that adds {} bytes to the record, more than the {MAX_STEP_OUTPUT} allowed",
            output.json.len()
        )));
    }
    if !output.secret.is_empty() {
        return Err(broken("a step that adds a secret to the record, which is not encrypted and keeps none"));
    }
    if !output.unknown.is_empty() {
        return Err(broken("a step that adds an unknown value to the record"));
    }
    let value = document::parse(&output.json).map_err(|error| broken(text(&error.to_string(), redactor)))?;
    match document::to_json(&value) {
        serde_json::Value::Object(object) => Ok(object),
        _ => Err(broken(format!("a step that adds a {} to the record, not an object", value.kind()))),
    }
}

/// What a verification found.
pub(crate) fn faults_in(faults: &[String], redactor: &Redactor) -> Vec<String> {
    let line = |fault: &String| text(fault, redactor).replace('\n', " ");
    let mut lines: Vec<String> = faults.iter().take(MAX_FAULTS).map(line).collect();
    if faults.len() > MAX_FAULTS {
        lines.push(format!("and {} more", faults.len() - MAX_FAULTS));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: String) -> wit::Document {
        wit::Document { json, unknown: Vec::new(), secret: Vec::new() }
    }

    #[test]
    fn outputs_are_bounded_objects_without_secrets() {
        let redactor = Redactor::default();
        assert_eq!(output_in(&document("{\"a\":1}".into()), &redactor).expect("fine").len(), 1);
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_STEP_OUTPUT));
        for json in [long, "[]".into(), "{".into(), "null".into(), "{\"a\":1,\"a\":2}".into()] {
            assert!(output_in(&document(json), &redactor).is_err());
        }
        for (unknown, secret) in [(vec!["/a".to_owned()], Vec::new()), (Vec::new(), vec!["/a".to_owned()])] {
            let marked = wit::Document { unknown, secret, ..document("{\"a\":1}".into()) };
            assert!(output_in(&marked, &redactor).is_err());
        }
    }

    #[test]
    fn faults_are_bounded_lines() {
        let lines = faults_in(&vec!["a\nb".to_owned(); 150], &Redactor::default());
        assert_eq!((lines.len(), lines[0].as_str(), lines[100].as_str()), (101, "a b", "and 50 more"));
    }
}
