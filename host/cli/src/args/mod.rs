//! The command line: what can be asked, and the help that teaches it.

mod bootstrap;
mod key;
mod secret;
mod state;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use cofferdam_engine::Refresh;
use cofferdam_model::{ResourceType, StageName};

use crate::exit;

pub use bootstrap::{BootstrapArgs, BootstrapCommand, GcArgs, PolicyArgs, PolicyFor, TargetArgs};
pub use key::{AddArgs, KeyArgs, KeyCommand, RemoveArgs, RotateKeyArgs};
pub use secret::{Alphabet, RotateArgs, SecretArgs, SecretCommand, SetArgs};
pub use state::{
    DiffArgs, ImportArgs, ListArgs, MvArgs, PullArgs, PushArgs, RmArgs, RollbackArgs, SettleArgs, ShowEntryArgs,
    StateCommand, VerifyArgs, WriteArgs,
};

const ABOUT: &str = "Deploys infrastructure with sandboxed provider plugins";
const EXAMPLES: &str = "\
Examples:
  cofferdam plan                         what would change
  cofferdam deploy --stage production    show it, ask, do it
  cofferdam deploy --yes --format json   the same in CI
  cofferdam plan --out release.plan      keep the plan, and do exactly that later:
  cofferdam deploy release.plan
  cofferdam output url                   one output's value

A stack is a folder of `.hcl` files; run cofferdam in it, or name it with --dir.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "cofferdam", version, about = ABOUT, after_help = EXAMPLES, after_long_help = concat_help())]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

impl Cli {
    /// Reads the command line; ends the process where it makes no sense.
    pub fn read() -> Self {
        let matches = Self::command().get_matches();
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let Command::Deploy(deploy) = &mut cli.command {
            let source = matches.subcommand().and_then(|(_, deploy)| deploy.value_source("stage"));
            deploy.stage_is_given = source.is_some_and(|source| source != ValueSource::DefaultValue);
        }
        cli
    }
}

fn concat_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit::TABLE)
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// The folder of the stack
    #[arg(long, short = 'C', global = true, value_name = "FOLDER", default_value = ".")]
    pub dir: PathBuf,
    /// How to report: `human` for people, `json` for programs (JSON Lines on stdout)
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Show what plugins log: -v for information, -vv for everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How a command reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// JSON Lines.
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the stack without planning: syntax, references, variables, plugins and schemas
    Validate(StackArgs),
    /// Show what a deploy would change
    #[command(after_help = "\
Examples:
  cofferdam plan                       what would change
  cofferdam plan --out release.plan    the same, and keep it: `cofferdam deploy release.plan` does exactly this
  cofferdam plan --destroy             what `cofferdam destroy` would remove")]
    Plan(PlanArgs),
    /// Make the remote objects what the stack says; shows the plan and asks first
    #[command(after_help = "\
Examples:
  cofferdam deploy                     plan, ask, do it
  cofferdam deploy --yes               plan and do it, in CI
  cofferdam deploy release.plan        do what `plan --out release.plan` has shown, without asking
  cofferdam deploy --home aws          with the state in your account of AWS, which is prepared where it has to be

A saved plan is the approval, and has the values of its variables with it. Where anything that it \
was made from is another one now (a file of the stack, a variable, a plugin, the state), the \
deploy refuses it, says what has moved, and changes nothing.")]
    Deploy(DeployCommand),
    /// Remove everything that the stack made in this stage; shows the plan and asks first
    Destroy(DeployArgs),
    /// Show a saved plan; changes nothing
    #[command(after_help = "\
Examples:
  cofferdam show release.plan                  as `cofferdam plan` has shown it
  cofferdam show release.plan --format json    the same for programs
  head -1 release.plan                         what stands in clear: which stack and stage, when, by whom")]
    Show(ShowArgs),
    /// Bring the state up to date with the remote objects; changes none of them
    Refresh(RefreshArgs),
    /// Print the outputs of the last deploy
    Output(OutputArgs),
    /// Set, list and remove the secrets of a stage, which stacks read with `secret("name")`
    Secret(SecretArgs),
    /// Look at and change the keys of the home: who opens its secrets
    Key(KeyArgs),
    /// Look at the state, and mend it
    #[command(subcommand)]
    State(StateCommand),
    /// Look after what deploys prepare in an account once: the buckets for states and assets
    Bootstrap(BootstrapArgs),
    /// Look after the home, in which the states of all stacks live
    #[command(subcommand)]
    Home(HomeCommand),
    /// Give back the lease of a run that is no more
    #[command(after_help = "\
Examples:
  cofferdam unlock --stage production           where the run is dead and its lease has not ended yet
  cofferdam unlock --stage production --force   shut out a run that is alive; it can write nothing afterwards")]
    Unlock(UnlockArgs),
    /// Look at plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  cofferdam completions bash > /etc/bash_completion.d/cofferdam
  cofferdam completions zsh  > \"${fpath[1]}/_cofferdam\"
  cofferdam completions fish > ~/.config/fish/completions/cofferdam.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the version, the contract that it serves and the bundled plugins
    Version,
    /// Compiles a component from stdin to stdout; how cofferdam calls itself.
    #[command(name = crate::commands::COMPILE, hide = true)]
    Compile,
}

/// Which stack, stage and variables.
#[derive(Clone, Debug, Args)]
pub struct StackArgs {
    /// The stage: one deployment of the stack, with a state of its own
    #[arg(long, short, env = "COFFERDAM_STAGE", default_value = "dev", value_parser = stage)]
    pub stage: StageName,
    /// Where the state is, in the place of the stack's `home`: `local`, `local:PATH`, `aws`, `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "HOME")]
    pub home: Option<String>,
    /// Set a variable, over files and `COFFERDAM_VAR_` variables
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = assignment)]
    pub vars: Vec<(String, String)>,
    /// Set variables from a file of `name = value` lines (HCL), or from a `.json` file
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
}

/// How to plan.
#[derive(Clone, Debug, Args)]
pub struct PlanOptions {
    /// Which objects are read before comparing: none, what the change touches, or all
    #[arg(long, value_enum, default_value_t = RefreshChoice::Changed, value_name = "WHICH")]
    pub refresh: RefreshChoice,
    /// The most plugin calls at one time
    #[arg(long, value_name = "N", default_value = "10")]
    pub parallelism: NonZeroUsize,
}

/// Which objects are read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RefreshChoice {
    /// None.
    None,
    /// What would change, and what is read for free.
    Changed,
    /// All.
    All,
}

impl From<RefreshChoice> for Refresh {
    fn from(choice: RefreshChoice) -> Self {
        match choice {
            RefreshChoice::None => Self::None,
            RefreshChoice::Changed => Self::Changed,
            RefreshChoice::All => Self::All,
        }
    }
}

/// What a command does where another run holds the lease.
#[derive(Clone, Debug, Args)]
pub struct LockArgs {
    /// How long to wait for another run to end, such as `30s` or `5m`; without it, exit with 6 at once
    #[arg(long, value_name = "DURATION", value_parser = duration_ms)]
    pub lock_wait: Option<u64>,
}

impl LockArgs {
    /// The wait, milliseconds.
    pub fn wait_ms(&self) -> u64 {
        self.lock_wait.unwrap_or(0)
    }
}

/// `unlock`.
#[derive(Debug, Args)]
pub struct UnlockArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// Also take the lease from a run that is alive; that run can write nothing from then on
    #[arg(long)]
    pub force: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub options: PlanOptions,
    /// Plan the removal of everything that the stack made in this stage
    #[arg(long)]
    pub destroy: bool,
    /// Save the plan, encrypted, for `cofferdam deploy FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 10 where changes are pending
    #[arg(long)]
    pub exit_code: bool,
}

/// `deploy`.
#[derive(Debug, Args)]
pub struct DeployCommand {
    /// A saved plan: do exactly this, without planning and without asking
    #[arg(value_name = "FILE", conflicts_with_all = ["vars", "var_files", "refresh"])]
    pub plan: Option<PathBuf>,
    #[command(flatten)]
    pub args: DeployArgs,
    /// Whether the stage was named, on the command line or in the environment.
    #[arg(skip)]
    pub stage_is_given: bool,
}

/// `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The saved plan
    #[arg(value_name = "FILE")]
    pub plan: PathBuf,
}

/// `deploy` and `destroy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub options: PlanOptions,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// `refresh`.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    /// The most plugin calls at one time
    #[arg(long, value_name = "N", default_value = "10")]
    pub parallelism: NonZeroUsize,
}

/// `output`.
#[derive(Debug, Args)]
pub struct OutputArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// One output: its bare value is printed, a secret one too
    pub name: Option<String>,
    /// Show secret values in the listing
    #[arg(long)]
    pub show_secrets: bool,
}

/// `home …`.
#[derive(Debug, Subcommand)]
pub enum HomeCommand {
    /// Move a home to another store: copy it, compare it, and mark the old one as moved
    #[command(after_help = "\
Examples:
  cofferdam home migrate local:.cofferdam local:/srv/cofferdam
  cofferdam home migrate local:.cofferdam local:/srv/cofferdam --yes --lock-wait 10m

Takes the leases of all stages, copies every object, compares every copy byte by byte, and loads every stage from the new
home; only then is the old one marked. From then on runs that still name it are refused, with the new place. One that was
cut off goes on when it is run again. Afterwards name the new place as the `home` of your stacks.")]
    Migrate(MigrateArgs),
}

/// `home migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The home, such as `local:.cofferdam`
    pub from: String,
    /// Where it goes, such as `local:/srv/cofferdam`; nothing is there yet
    #[arg(required_unless_present = "give_up", conflicts_with = "give_up")]
    pub to: Option<String>,
    /// Give up a migration that was killed: the home stays where it is, and can be written again
    #[arg(long, conflicts_with = "lock_wait")]
    pub give_up: bool,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// `plugin …`.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Show what a plugin is, asks for and offers
    #[command(after_help = "\
Examples:
  cofferdam plugin inspect local
  cofferdam plugin inspect ./target/wasm32-wasip2/release/acme.wasm
  cofferdam plugin inspect local --type local_file")]
    Inspect {
        /// A file, or the name of a bundled plugin
        plugin: String,
        /// Show the schema of one resource type
        #[arg(long = "type", value_name = "TYPE", value_parser = resource_type)]
        ty: Option<ResourceType>,
    },
}

fn stage(text: &str) -> Result<StageName, String> {
    StageName::new(text).map_err(|error| error.to_string())
}

fn resource_type(text: &str) -> Result<ResourceType, String> {
    ResourceType::new(text).map_err(|error| error.to_string())
}

fn duration_ms(text: &str) -> Result<u64, String> {
    cofferdam_stack::duration_ms(text).map_err(str::to_owned)
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".into()),
    }
}
