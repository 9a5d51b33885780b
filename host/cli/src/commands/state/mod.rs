//! `state …`: looking at the state of a stage, and changing it by hand. [`change`] is what everything that changes it
//! goes through.

mod change;
mod diff;
mod history;
mod import;
mod list;
mod look;
mod mv;
mod pull;
mod push;
mod repair;
mod rm;
mod rollback;
mod settle;
mod show;
mod verify;

use crate::args::{Global, StackArgs, StateCommand};
use crate::environment::Environment;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;
use crate::session::Session;

/// Runs one of the commands.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    command: &StateCommand,
) -> CliResult<Exit> {
    match command {
        StateCommand::List(args) => list::run(session, global, project, args),
        StateCommand::Show(args) => show::run(session, global, project, args),
        StateCommand::History(args) => history::run(session, global, project, args),
        StateCommand::Diff(args) => diff::run(session, global, project, args),
        StateCommand::Rollback(args) => rollback::run(session, global, surroundings, project, args).await,
        StateCommand::Mv(args) => mv::run(session, global, surroundings, project, args).await,
        StateCommand::Rm(args) => rm::run(session, global, surroundings, project, args).await,
        StateCommand::Import(args) => import::run(session, global, surroundings, project, args).await,
        StateCommand::Settle(args) => settle::run(session, project, args).await,
        StateCommand::Pull(args) => pull::run(session, global, project, args),
        StateCommand::Push(args) => push::run(session, global, surroundings, project, args).await,
        StateCommand::Verify(args) => verify::run(session, global, project, args),
        StateCommand::Repair(args) => repair::run(session, global, surroundings, project, args).await,
    }
}

/// Whether a command changes nothing in the home.
pub fn only_looks(command: &StateCommand) -> bool {
    match command {
        StateCommand::List(_)
        | StateCommand::Show(_)
        | StateCommand::History(_)
        | StateCommand::Diff(_)
        | StateCommand::Pull(_)
        | StateCommand::Verify(_) => true,
        StateCommand::Rollback(_)
        | StateCommand::Mv(_)
        | StateCommand::Rm(_)
        | StateCommand::Import(_)
        | StateCommand::Settle(_)
        | StateCommand::Push(_)
        | StateCommand::Repair(_) => false,
    }
}

/// The stack that a command is about.
pub fn stack_args(command: &StateCommand) -> &StackArgs {
    match command {
        StateCommand::History(stack) => stack,
        StateCommand::List(args) => &args.stack,
        StateCommand::Show(args) => &args.stack,
        StateCommand::Diff(args) => &args.stack,
        StateCommand::Rollback(args) => &args.write.stack,
        StateCommand::Mv(args) => &args.write.stack,
        StateCommand::Rm(args) => &args.write.stack,
        StateCommand::Import(args) => &args.write.stack,
        StateCommand::Settle(args) => &args.stack,
        StateCommand::Pull(args) => &args.stack,
        StateCommand::Push(args) => &args.write.stack,
        StateCommand::Verify(args) => &args.stack,
        StateCommand::Repair(args) => &args.stack,
    }
}
