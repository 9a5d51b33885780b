//! `state rm`.

use cofferdam_model::Address;
use cofferdam_model::program::Program as _;
use cofferdam_model::state::{ResourceEntry, StackState};
use serde_json::json;

use super::change::Changing;
use super::look::unknown_address;
use crate::args::{Format, Global, RmArgs};
use crate::environment::Environment;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;
use crate::render::style::{DELETE, paint};
use crate::render::value::printable;
use crate::session::Session;
use crate::talk;

/// Forgets resources; their objects stay.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    args: &RmArgs,
) -> CliResult<Exit> {
    let mut changing = Changing::open(session, global, surroundings, project, &args.write, "state rm").await?;
    let before = &changing.loaded.state;
    let mut after = before.clone();
    for address in &args.addresses {
        if !before.resources.contains_key(address) {
            return Err(unknown_address(before, address));
        }
        after.resources.remove(address);
    }
    let addresses: Vec<&Address> = args.addresses.iter().collect();
    changing.untouched(&addresses)?;
    for (address, entry) in before.resources.iter().filter(|(address, _)| addresses.contains(address)) {
        show(session, global, address, entry, &after);
    }
    let declared = |address: &&&Address| project.stack.resources().iter().any(|node| node.address == ***address);
    for address in addresses.iter().filter(declared) {
        session.reporter.say(&format!("The stack still has `{address}`: the next plan makes another object for it."));
    }
    let count = before.resources.len() - after.resources.len();
    let what = if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") };
    let question = format!("Forget {what} of stage `{}`? The objects stay.", args.write.stack.stage);
    if !changing.agreed(&question).await? {
        return Ok(Exit::Done);
    }
    let serial = changing.write(&after).await?;
    session.reporter.say(&format!("The state is at serial {serial}; no object was changed."));
    Ok(Exit::Done)
}

fn show(session: &Session, global: &Global, address: &Address, entry: &ResourceEntry, after: &StackState) {
    let dependents = after.resources.iter().filter(|(_, entry)| entry.depends_on.contains(address));
    let dependents: Vec<&Address> = dependents.map(|(address, _)| address).collect();
    match global.format {
        Format::Json => {
            session.reporter.json(&json!({
                "type": "forgotten", "address": address, "identity": entry.state.identity, "dependents": dependents,
            }));
        }
        Format::Human => {
            let mut text = format!("{} {address}\n", paint(DELETE, "  -"));
            for dependent in dependents {
                text.push_str(&format!("      `{dependent}` depends on it\n"));
            }
            let keys = entry.state.identity.0.iter().map(|(pointer, value)| {
                let name = pointer.strip_prefix("/properties").unwrap_or(pointer).trim_start_matches('/');
                format!(" --id '{name}={value}'")
            });
            let keys: String = keys.collect();
            if !keys.is_empty() {
                text.push_str(&printable(&format!("      to take it back: cofferdam state import {address}{keys}\n")));
            }
            talk::data(&session.redactor.redact(&text));
        }
    }
}
