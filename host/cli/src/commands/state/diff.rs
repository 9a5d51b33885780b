//! `state diff`.

use cofferdam_engine::StateDiff;
use serde_json::json;

use super::look::of_serial;
use crate::args::{DiffArgs, Format, Global};
use crate::commands::plan::load;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::state_diff;
use crate::session::Session;
use crate::talk;

/// Compares two states of the history.
pub fn run(session: &Session, global: &Global, project: &Project, args: &DiffArgs) -> CliResult<Exit> {
    let name = &args.stack.stage;
    let mut stage = session.read_stage(project, name)?;
    let loaded = load(session, &mut stage)?;
    let versions = stage.history()?;
    // A run that was cut off before its snapshot is the last change of all.
    let last = loaded.state.serial;
    let before = if loaded.recovered { Some(last) } else { versions.iter().rev().nth(1).map(|version| version.serial) };
    let Some(from) = args.from.or(before).filter(|serial| *serial > 0) else {
        let message = format!("the history of stage `{name}` has no state before the current one");
        return Err(CliError::new(Exit::Failed, message).hint("`cofferdam state history` lists what it has"));
    };
    let before = of_serial(session, &mut stage, name, &versions, from)?;
    let (after, to) = match args.to {
        Some(to) => (of_serial(session, &mut stage, name, &versions, to)?, format!("serial {to}")),
        None if loaded.recovered => (loaded.state, format!("serial {last} and the run after it")),
        None => (loaded.state, format!("serial {last}")),
    };
    let diff = StateDiff::between(&before, &after);
    match global.format {
        Format::Json => {
            state_diff::lines(&diff).for_each(|line| session.reporter.json(&line));
            session.reporter.json(&json!({
                "type": "difference", "from": from, "to": after.serial, "journal": args.to.is_none() && loaded.recovered,
                "is_empty": diff.is_empty(), "unchanged": diff.unchanged,
            }));
        }
        Format::Human if diff.is_empty() => {
            talk::data(&format!("No differences between serial {from} and {to}.\n"));
        }
        Format::Human => {
            let summary = state_diff::summary(&diff);
            let text =
                format!("{}From serial {from} to {to}: {summary}.\n", state_diff::render(&diff, &session.redactor));
            talk::data(&session.redactor.redact(&text));
        }
    }
    Ok(Exit::Done)
}
