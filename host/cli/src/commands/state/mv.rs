//! `state mv`.

use std::collections::BTreeSet;

use cofferdam_model::Address;
use cofferdam_model::program::Program as _;
use cofferdam_model::state::StackState;
use serde_json::json;

use super::change::Changing;
use super::look::unknown_address;
use crate::args::{Format, Global, MvArgs};
use crate::environment::Environment;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::session::Session;
use crate::talk;

/// Gives a resource another address.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    args: &MvArgs,
) -> CliResult<Exit> {
    let (from, to) = (&args.from, &args.to);
    if from.resource_type() != to.resource_type() {
        let message = format!("`{from}` cannot become `{to}`: an object keeps its type");
        return Err(CliError::new(Exit::Usage, message)
            .hint("where another plugin's type describes the same object: `state rm`, then `state import`"));
    }
    let mut changing = Changing::open(session, global, surroundings, project, &args.write, "state mv").await?;
    let before = &changing.loaded.state;
    if !before.resources.contains_key(from) {
        return Err(unknown_address(before, from));
    }
    if before.resources.contains_key(to) {
        let message = format!("the state of stage `{}` has a resource `{to}` already", before.stage);
        return Err(
            CliError::new(Exit::Failed, message).hint("move that one elsewhere first, or forget it: `state rm`")
        );
    }
    changing.untouched(&[from, to])?;
    let (after, dependents) = moved(before, from, to);
    match global.format {
        Format::Json => {
            session.reporter.json(&json!({ "type": "moved", "from": from, "to": to, "dependents": dependents }));
        }
        Format::Human => {
            let mut text = format!("  {from} → {to}\n");
            for dependent in &dependents {
                text.push_str(&format!("      `{dependent}` depends on it\n"));
            }
            talk::data(&text);
        }
    }
    advise(session, project, from, to);
    if !changing.agreed(&format!("Move it in the state of stage `{}`?", args.write.stack.stage)).await? {
        return Ok(Exit::Done);
    }
    let serial = changing.write(&after).await?;
    session.reporter.say(&format!("The state is at serial {serial}; no object was changed."));
    Ok(Exit::Done)
}

/// The state after the move, and the addresses of what depends on what was moved.
fn moved(before: &StackState, from: &Address, to: &Address) -> (StackState, BTreeSet<Address>) {
    let mut after = before.clone();
    let mut dependents = BTreeSet::new();
    if let Some(entry) = after.resources.remove(from) {
        after.resources.insert(to.clone(), entry);
    }
    for (address, entry) in &mut after.resources {
        if entry.depends_on.remove(from) {
            entry.depends_on.insert(to.clone());
            dependents.insert(address.clone());
        }
    }
    (after, dependents)
}

/// What the stack says about the two addresses, where it does not follow.
fn advise(session: &Session, project: &Project, from: &Address, to: &Address) {
    let declared = |address: &Address| project.stack.resources().iter().any(|node| node.address == *address);
    if !declared(to) {
        session
            .reporter
            .say(&format!("The stack has no `{to}`: rename the block as well, or the next plan deletes it."));
    } else if declared(from) {
        session.reporter.say(&format!("The stack still has `{from}`: the next plan makes another object for it."));
    }
}
