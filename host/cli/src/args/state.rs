//! `state …`: how people look at the state of a stage, and how they change it by hand.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cofferdam_model::Address;

use super::{LockArgs, StackArgs};

/// `state …`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List the resources of the state
    List(ListArgs),
    /// Show what the state holds of one resource
    Show(ShowEntryArgs),
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
    /// Give a resource of the state another address, as its block in the stack has it now
    #[command(after_help = "\
Examples:
  cofferdam state mv web_server.main web_server.front    the block was renamed: nothing is to be replaced

What refers to it in the state is changed with it. The type stays the same: an object does not become another one.")]
    Mv(MvArgs),
    /// Forget resources without deleting their objects
    #[command(after_help = "\
Examples:
  cofferdam state rm web_server.main
  cofferdam state rm web_server.main web_disk.data --yes

Remove the blocks from the stack, too, or the next plan makes the objects anew. `state import` takes an object back.")]
    Rm(RmArgs),
    /// Make an object that exists the object of a resource of the stack
    #[command(after_help = "\
Examples:
  cofferdam state import web_server.main --id id=i-0a1b2c
  cofferdam state import local_file.config --id directory=out --id filename=app.conf

The stack has the resource's block already, and the state has no object for it. The object is read and not changed; the
next plan shows where it differs from the block. `cofferdam plugin inspect PLUGIN --type TYPE` tells what names an
object. A create that was cut off and did make its object is settled by importing it.")]
    Import(ImportArgs),
    /// Say how a write ended that was cut off and that nobody but you can look up
    #[command(after_help = "\
Examples:
  cofferdam state settle acme_zone.main --absent                it made nothing, or the object is gone
  cofferdam state settle acme_zone.main --identity id=zone-17   the object is there, and this names it")]
    Settle(SettleArgs),
    /// Print the state as one JSON document
    #[command(after_help = "\
Examples:
  cofferdam state pull > state.json
  cofferdam state pull --show-secrets > state.json    for another home; keep it safe

Secrets are encrypted: they open in this stage of this home alone. host/docs/state.md describes the document.")]
    Pull(PullArgs),
    /// Make a document that `state pull` printed the current state
    #[command(after_help = "\
Examples:
  cofferdam state pull > state.json && $EDITOR state.json && cofferdam state push state.json
  cofferdam state push - --yes < state.json

Refused where the state went on since the document was printed, or is another one altogether: look at `state diff`
before you use --force. The state before stays in the history.")]
    Push(PushArgs),
    /// Check every object of the stage: journal, snapshots, lease, keys; exit with 1 where one is damaged
    #[command(after_help = "\
Examples:
  cofferdam state verify
  cofferdam state verify --all                                   every stage of the home
  cofferdam state verify --format json | jq 'select(.health == \"damaged\")'

Changes nothing and takes no lease. `state repair` goes on from what is whole.")]
    Verify(VerifyArgs),
    /// Go on from what is whole where an object is damaged; keeps a copy of the rest
    #[command(after_help = "\
Examples:
  cofferdam state repair                                         shows what is kept and what is lost, asks, does it
  cofferdam state repair --yes && cofferdam plan --refresh all

What is damaged is copied below `damaged/` of the stage, and the copy compared, before anything is removed. The state
keeps its lineage and gets a higher serial. Where records are lost, the plan shows what they were about, or `state import`
takes the object back.")]
    Repair(WriteArgs),
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
pub struct ShowEntryArgs {
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

/// `state mv`.
#[derive(Debug, Args)]
pub struct MvArgs {
    #[command(flatten)]
    pub write: WriteArgs,
    /// The address that the state has
    #[arg(value_parser = address)]
    pub from: Address,
    /// The address that it is to have
    #[arg(value_parser = address)]
    pub to: Address,
}

/// `state rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    #[command(flatten)]
    pub write: WriteArgs,
    /// Their addresses
    #[arg(value_parser = address, required = true, value_name = "ADDRESS")]
    pub addresses: Vec<Address>,
}

/// `state import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pub write: WriteArgs,
    /// The address of the resource in the stack
    #[arg(value_parser = address)]
    pub address: Address,
    /// A property that names the object; once for each property of the type's identifier
    #[arg(long = "id", value_name = "PROPERTY=VALUE", required = true, value_parser = super::assignment)]
    pub identity: Vec<(String, String)>,
}

/// `state pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub at: AtArgs,
    /// Print secret values in clear
    #[arg(long)]
    pub show_secrets: bool,
}

/// `state push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    #[command(flatten)]
    pub write: WriteArgs,
    /// The document; `-` for stdin
    pub file: PathBuf,
    /// Also where the state went on since, is another one, or has writes in flight
    #[arg(long)]
    pub force: bool,
}

/// `state verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// Every stage of every stack in the home
    #[arg(long)]
    pub all: bool,
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: cofferdam_model::NameError| error.to_string())
}

/// `state settle`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("how").required(true).args(["absent", "identity"])))]
pub struct SettleArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    /// The resource's address; `cofferdam plan` names those in flight
    #[arg(value_parser = address)]
    pub address: Address,
    /// There is no object
    #[arg(long)]
    pub absent: bool,
    /// What names the object: one for each property of the type's `primaryIdentifier`
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::assignment)]
    pub identity: Vec<(String, String)>,
}
