//! `state settle`: how a write ended that was cut off, by the user's word.

use cofferdam_engine::{EngineCtx, Settlement};
use cofferdam_home::Loaded;
use cofferdam_model::state::Identity;
use serde_json::json;

use crate::args::SettleArgs;
use crate::commands::deploy::settle as compact;
use crate::commands::plan::load;
use crate::error::{CliError, CliResult, settle_error};
use crate::exit::Exit;
use crate::project::Project;
use crate::session::Session;

/// Runs the command.
pub async fn run(session: &Session, project: &Project, args: &SettleArgs) -> CliResult<Exit> {
    let mut stage = session.write_stage(project, &args.stack.stage, "state settle", &args.lock).await?;
    let Loaded { mut state, in_flight, .. } = load(session, &mut stage)?;
    let Some(write) = in_flight.iter().find(|write| write.address == args.address) else {
        let error = CliError::new(Exit::Failed, format!("no write of `{}` is in flight", args.address));
        let others: Vec<_> = in_flight.iter().map(|write| format!("`{}`", write.address)).collect();
        return Err(match others.is_empty() {
            true => error.hint(format!("nothing is in flight in stage `{}`", args.stack.stage)),
            false => error.hint(format!("in flight: {}", others.join(", "))),
        });
    };
    let how = if args.absent {
        Settlement::Absent
    } else {
        let key = |(key, value): &(String, String)| (key.clone(), value.clone());
        Settlement::Identity(Identity(args.identity.iter().map(key).collect()))
    };
    let engine = session.engine(project, &state, &in_flight, EngineCtx::PARALLELISM).await?;
    let journal = stage.journal()?;
    engine.settle(&mut state, write, how, journal).await.map_err(|error| settle_error(&error, &*project.stack))?;
    let entry = state.resources.get(&args.address);
    session.reporter.json(&json!({
        "type": "settled", "address": args.address, "operation": write.operation, "exists": entry.is_some(),
        "identity": entry.map(|entry| &entry.state.identity),
    }));
    let exists = entry.is_some();
    compact(session, &mut stage, &state)?;
    tell(session, args, exists);
    Ok(Exit::Done)
}

fn tell(session: &Session, args: &SettleArgs, exists: bool) {
    let address = &args.address;
    session.reporter.say(&match exists {
        true => format!("Settled: `{address}` is in the state as it is now."),
        false => format!("Settled: `{address}` has no object; the next deploy makes it if the stack has it."),
    });
}
