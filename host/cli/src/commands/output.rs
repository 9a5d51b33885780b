//! `output`: what the last deploy gave back.

use cofferdam_model::document::{to_json, to_shown_json};
use cofferdam_model::state::StackState;
use cofferdam_model::{Data, Value};
use serde_json::json;

use crate::args::{Format, Global, OutputArgs};
use crate::commands::plan::learn;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::plan::output_line;
use crate::render::value::inline;
use crate::session::Session;
use crate::talk;

/// Runs the command.
pub fn run(session: &Session, global: &Global, project: &Project, args: &OutputArgs) -> CliResult<Exit> {
    let state = session.read_stage(project, &args.stack.stage)?.load()?.state;
    let Some(name) = &args.name else {
        if state.outputs.is_empty() {
            talk::say(&format!("stage `{}` has no outputs", args.stack.stage));
        }
        if !args.show_secrets {
            learn(session, &state);
        }
        print(session, global, &state, args.show_secrets);
        return Ok(Exit::Done);
    };
    let Some(value) = state.outputs.get(name) else {
        let names: Vec<_> = state.outputs.keys().map(|name| format!("`{name}`")).collect();
        let hint = if names.is_empty() {
            format!("stage `{}` has none; deploy it first", args.stack.stage)
        } else {
            format!("there are {}", names.join(", "))
        };
        return Err(CliError::new(Exit::Failed, format!("there is no output `{name}`")).hint(hint));
    };
    // Asked for by name: the bare value, a secret one too.
    talk::data(&match (global.format, value.data()) {
        (Format::Json, _) => format!("{}\n", to_json(value)),
        (Format::Human, Data::String(text)) => format!("{text}\n"),
        (Format::Human, _) => format!("{}\n", inline(&value.without_marks())),
    });
    Ok(Exit::Done)
}

/// Prints every output, secrets hidden; nothing where there is none.
pub fn print_all(session: &Session, global: &Global, state: &StackState) {
    if global.format == Format::Human && !state.outputs.is_empty() {
        talk::say("");
    }
    print(session, global, state, false);
}

fn print(session: &Session, global: &Global, state: &StackState, show_secrets: bool) {
    let shown = |value: &Value| if show_secrets { value.without_marks() } else { value.clone() };
    match global.format {
        Format::Human => {
            let width = state.outputs.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            for (name, value) in &state.outputs {
                // Without a mark too, an output may hold what is secret elsewhere.
                let value = if show_secrets { shown(value) } else { session.redactor.redact_value(value) };
                let line = output_line(name, &value, width);
                talk::data(&format!("{}\n", if show_secrets { line } else { session.redactor.redact(&line) }));
            }
        }
        Format::Json => {
            let outputs: serde_json::Map<_, _> = state
                .outputs
                .iter()
                .map(|(name, value)| {
                    (name.clone(), json!({ "value": to_shown_json(&shown(value)), "secret": value.has_secret() }))
                })
                .collect();
            session.reporter.json(&json!({ "type": "outputs", "outputs": outputs }));
        }
    }
}
