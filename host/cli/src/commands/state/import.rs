//! `state import`.

use std::sync::Arc;

use cofferdam_engine::{EngineCtx, ImportRequest};
use cofferdam_model::journal::Record;

use super::change::Changing;
use crate::args::{Global, ImportArgs};
use crate::commands::validate::warn;
use crate::environment::Environment;
use crate::error::{CliError, CliResult, import_error};
use crate::exit::Exit;
use crate::project::Project;
use crate::session::Session;

/// Makes an object that exists the object of a resource of the stack.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    args: &ImportArgs,
) -> CliResult<Exit> {
    let address = &args.address;
    warn(session, project, &project.warnings);
    let mut changing = Changing::open(session, global, surroundings, project, &args.write, "state import").await?;
    let before = &changing.loaded.state;
    if before.resources.contains_key(address) {
        let message = format!("the state of stage `{}` has an object for `{address}` already", before.stage);
        return Err(CliError::new(Exit::Failed, message)
            .hint(format!("`cofferdam state show {address}` shows it; `cofferdam state rm {address}` forgets it")));
    }
    let writes: Vec<_> = changing.loaded.in_flight.iter().filter(|write| write.address == *address).collect();
    if writes.iter().any(|write| write.checkpoint.is_some()) {
        let message = format!("a write of `{address}` still goes on");
        return Err(CliError::new(Exit::Failed, message).hint("`cofferdam deploy` waits for its end"));
    }
    let engine = session.engine(project, before, &[], EngineCtx::PARALLELISM).await?;
    let request = ImportRequest { address: address.clone(), identity: args.identity.iter().cloned().collect() };
    let entry = engine.import(before, &request).await.map_err(|error| import_error(&error, &*project.stack))?;
    // A create that was cut off made this object: its end is known now.
    let record =
        |operation| Record::Result { operation, address: address.clone(), entry: Some(Arc::new(entry.clone())) };
    let records = writes.iter().map(|write| record(Some(write.operation.clone()))).collect();
    let mut after = before.clone();
    after.resources.insert(address.clone(), entry.clone());
    changing.show(&after);
    if !changing.agreed(&format!("Import it into stage `{}` as `{address}`?", args.write.stack.stage)).await? {
        return Ok(Exit::Done);
    }
    let serial = changing.write_with(records, &after).await?;
    session.reporter.say(&format!(
        "The state is at serial {serial}; the object was not changed. `cofferdam plan` shows where it differs from the stack."
    ));
    Ok(Exit::Done)
}
