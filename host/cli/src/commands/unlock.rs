//! `unlock`: gives back a lease whose run is no more, or shuts out one that is alive.

use cofferdam_model::program::Program as _;
use serde_json::json;

use crate::args::{Global, UnlockArgs};
use crate::commands::ask::Ask;
use crate::environment::Environment;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::events::duration;
use crate::session::Session;

/// Runs the command.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    args: &UnlockArgs,
) -> CliResult<Exit> {
    let home = session.home(project)?;
    let (stack, stage) = (project.stack.stack(), &args.stack.stage);
    let Some(held) = home.held(stack, stage)? else {
        session.reporter.json(&json!({ "type": "not-locked", "stack": stack, "stage": stage }));
        session.reporter.say(&format!("Stage `{stage}` is not locked."));
        return Ok(Exit::Done);
    };
    let holder = held.holder.as_ref().map_or_else(|| "another run".to_owned(), ToString::to_string);
    if !args.force {
        let ends = held.ends_in.map_or_else(String::new, |ends| {
            let ms = u64::try_from(ends.as_millis()).unwrap_or(u64::MAX);
            format!("; its lease ends in {} unless it goes on", duration(ms))
        });
        return Err(CliError::new(Exit::Locked, format!("stage `{stage}` is locked by {holder}{ends}")).hint(
            "wait for it with `--lock-wait 5m`; where that run must not go on, shut it out: cofferdam unlock --force",
        ));
    }
    let ask = Ask::new("unlock --force", args.yes, global, surroundings)?;
    if !ask.agreed(session, &format!("Shut out {holder}? What it has begun is in flight then.")).await? {
        return Ok(Exit::Done);
    }
    home.unlock(stack, stage, &session.holder("unlock"))?;
    session.reporter.json(&json!({ "type": "unlocked", "stack": stack, "stage": stage, "holder": held.holder }));
    session.reporter.say(&format!("Stage `{stage}` is unlocked; {holder} can write nothing any more."));
    Ok(Exit::Done)
}
