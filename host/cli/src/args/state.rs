//! `state …`: how people look at the state of a stage, and how they change it by hand.

use clap::{Args, Subcommand};
use cofferdam_model::Address;

use super::{LockArgs, StackArgs};

/// `state …`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List the resources of the state
    List(ListArgs),
    /// Show what the state holds of one resource
    Show(ShowArgs),
    /// List the states that are kept, the newest first: when each was made, by whom, and how large it is
    #[command(after_help = "\
Examples:
  cofferdam state history --stage production
  cofferdam state show web_server.main --at 12    the resource as it was then
  cofferdam state diff 12                         what changed since")]
    History(StackArgs),
    /// Show how two states differ: resources, properties and outputs
    #[command(after_help = "\
Examples:
  cofferdam state diff          what the last change did
  cofferdam state diff 12       from serial 12 to the current state
  cofferdam state diff 12 14    from serial 12 to serial 14

A secret value is never shown, only whether it changed.")]
    Diff(DiffArgs),
    /// Make an old state current again, under a new serial; changes no object
    #[command(after_help = "\
Examples:
  cofferdam state rollback 12 && cofferdam plan --refresh all

Only the state changes: objects that were made since serial 12 go on to exist and are no longer known, and objects that
were deleted since are taken for present until they are read. The plan shows both; `state import` makes the state know
an object again. The state before is kept: `state rollback` with its serial takes this back.")]
    Rollback(RollbackArgs),
}

/// `--at`.
#[derive(Clone, Debug, Args)]
pub struct AtArgs {
    /// The state of the history with this serial, instead of the current one
    #[arg(long, value_name = "SERIAL")]
    pub at: Option<u64>,
}

/// `state list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub at: AtArgs,
}

/// `state show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub at: AtArgs,
    /// Its address, such as `aws_s3_bucket.site`
    #[arg(value_parser = address)]
    pub address: Address,
    /// Show secret values
    #[arg(long)]
    pub show_secrets: bool,
}

/// `state diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// The serial to compare from; without it, the one before the current
    pub from: Option<u64>,
    /// The serial to compare to; without it, the current state
    pub to: Option<u64>,
}

/// What every command that changes a state by hand takes.
#[derive(Debug, Args)]
pub struct WriteArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// `state rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    pub write: WriteArgs,
    /// The serial of the state to go back to
    pub serial: u64,
    /// Also while writes are in flight
    #[arg(long)]
    pub force: bool,
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: cofferdam_model::NameError| error.to_string())
}
