//! `state pull`.

use cofferdam_home::DocumentSecrets;

use super::look::of_serial;
use crate::args::{Format, Global, PullArgs};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::session::Session;
use crate::talk;

/// Prints the state as one JSON document.
pub fn run(session: &Session, global: &Global, project: &Project, args: &PullArgs) -> CliResult<Exit> {
    let name = &args.stack.stage;
    let mut stage = session.read_stage(project, name)?;
    let state = match args.at.at {
        Some(serial) => {
            let versions = stage.history()?;
            of_serial(session, &mut stage, name, &versions, serial)?
        }
        None => {
            let loaded = stage.load()?;
            for write in &loaded.in_flight {
                talk::say(&format!("a write of `{}` is in flight; the document does not tell of it", write.address));
            }
            loaded.state
        }
    };
    let secrets = if args.show_secrets { DocumentSecrets::Clear } else { DocumentSecrets::Encrypted };
    let mut text = stage.to_document(&state, secrets)?;
    if global.format == Format::Human {
        let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| bug(&error))?;
        text = serde_json::to_string_pretty(&json).map_err(|error| bug(&error))?;
    }
    // Not through the redactor: what is in clear was asked for.
    talk::data(&format!("{text}\n"));
    Ok(Exit::Done)
}

fn bug(error: &serde_json::Error) -> CliError {
    CliError::new(Exit::Bug, format!("the document could not be laid out: {error}"))
}
