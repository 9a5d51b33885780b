//! What the commands about states share when they look: a state of the history, and the wording of what is not there.

use cofferdam_engine::closest;
use cofferdam_home::{Stage, Version};
use cofferdam_model::state::StackState;
use cofferdam_model::{Address, StageName};

use crate::commands::plan::{learn, load};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::session::Session;

/// The current state with everything that the journal says, or that of a serial; its secrets are known to the redactor.
pub fn state_at(session: &Session, project: &Project, name: &StageName, at: Option<u64>) -> CliResult<StackState> {
    let mut stage = session.read_stage(project, name)?;
    match at {
        None => Ok(load(session, &mut stage)?.state),
        Some(serial) => {
            let versions = stage.history()?;
            of_serial(session, &mut stage, name, &versions, serial)
        }
    }
}

/// The state of a serial that the history has.
///
/// # Errors
/// Also when it has none such, with those that it has.
pub fn of_serial(
    session: &Session,
    stage: &mut Stage,
    name: &StageName,
    versions: &[Version],
    serial: u64,
) -> CliResult<StackState> {
    if !versions.iter().any(|version| version.serial == serial) {
        let error = CliError::new(Exit::Failed, format!("the history of stage `{name}` has no serial {serial}"));
        return Err(match (versions.first(), versions.last()) {
            (Some(first), Some(last)) => {
                error.hint(format!("it has {} to {}; `cofferdam state history` lists them", first.serial, last.serial))
            }
            _ => error.hint("nothing was deployed to this stage yet"),
        });
    }
    let state = stage.at(serial)?;
    learn(session, &state);
    Ok(state)
}

/// The error for an address that a state does not have.
pub fn unknown_address(state: &StackState, address: &Address) -> CliError {
    let names: Vec<String> = state.resources.keys().map(ToString::to_string).collect();
    let hint = match closest(&address.to_string(), names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`cofferdam state list` shows what there is".to_owned(),
    };
    let message = format!("the state of stage `{}` has no resource `{address}`", state.stage);
    CliError::new(Exit::Failed, message).hint(hint)
}
