//! `unlock`: gives back a lease whose run is no more, or shuts out one that is alive.

use cofferdam_engine::Stop;
use cofferdam_model::program::Program as _;

use crate::args::UnlockArgs;
use crate::environment::Environment;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::events::duration;
use crate::session::{Session, stopped};
use crate::talk;

/// Runs the command.
pub async fn run(
    session: &Session,
    surroundings: &Environment,
    project: &Project,
    args: &UnlockArgs,
) -> CliResult<Exit> {
    let home = session.home(project)?;
    let (stack, stage) = (project.stack.stack(), &args.stack.stage);
    let Some(held) = home.held(stack, stage)? else {
        talk::say(&format!("Stage `{stage}` is not locked."));
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
    if !args.yes {
        if !surroundings.stdin_is_terminal {
            return Err(CliError::new(
                Exit::Usage,
                "`cofferdam unlock --force` asks before it shuts out another run, and there is no terminal to ask on",
            )
            .hint("add --yes"));
        }
        let question = format!("Shut out {holder}? What it has begun is in flight then.");
        let agreed = tokio::select! {
            () = session.cancel.reached(Stop::Soft) => return Err(stopped()),
            answer = tokio::task::spawn_blocking(move || talk::confirm(&question)) => answer.unwrap_or(false),
        };
        if !agreed {
            talk::say("Nothing was changed.");
            return Ok(Exit::Done);
        }
    }
    home.unlock(stack, stage, &session.holder("unlock"))?;
    talk::say(&format!("Stage `{stage}` is unlocked; {holder} can write nothing any more."));
    Ok(Exit::Done)
}
