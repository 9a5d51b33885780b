//! The arguments of `bootstrap …`.

use clap::{Args, Subcommand, ValueEnum};

use super::StackArgs;

const EXAMPLES: &str = "\
Examples:
  cofferdam bootstrap status                              what is prepared, in every account the stack uses
  cofferdam bootstrap status --region eu-west-1 --region us-east-1
  cofferdam bootstrap verify                              look at the real buckets and their settings
  cofferdam bootstrap repair --yes                        make right what is missing or was changed
  cofferdam bootstrap policy --for work                   the IAM policy for whoever deploys
  cofferdam bootstrap gc --dry-run                        what no state needs any more in the bucket for assets
  cofferdam bootstrap destroy --region eu-west-1          remove it, with everything in it

A bootstrap prepares an account and region once: a bucket for states and one for assets, encrypted, versioned, closed to
the public and to requests without TLS. A deploy makes it where it is missing; a plan says so and makes nothing.

What plugins prepare themselves has its records in the home of the stack; the commands call the plugins for it, so that
the stack has to have their providers.";

/// `bootstrap …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BootstrapArgs {
    #[command(subcommand)]
    pub command: BootstrapCommand,
}

/// What to do with the bootstraps of a stack.
#[derive(Debug, Subcommand)]
pub enum BootstrapCommand {
    /// Show what is prepared; changes nothing
    Status(TargetArgs),
    /// Look at the real buckets and their settings; changes none of them
    Verify(TargetArgs),
    /// Make right what a verification finds wrong, and prepare what was never prepared
    Repair(ChangeArgs),
    /// Remove the buckets with everything in them; refused while a state lies there
    Destroy(ChangeArgs),
    /// Remove assets that no state needs any more; asks first
    Gc(GcArgs),
    /// Print the IAM policy that allows what is needed, and nothing else
    Policy(PolicyArgs),
}

impl BootstrapCommand {
    /// Which bootstraps, and of which stack.
    pub fn targets(&self) -> &TargetArgs {
        match self {
            Self::Status(targets) | Self::Verify(targets) => targets,
            Self::Repair(args) | Self::Destroy(args) => &args.targets,
            Self::Gc(args) => &args.targets,
            Self::Policy(args) => &args.targets,
        }
    }

    /// Whether plugins are called, where plugins have prepared something.
    pub fn calls_plugins(&self) -> bool {
        matches!(self, Self::Verify(_) | Self::Repair(_) | Self::Destroy(_))
    }
}

/// Which bootstraps: of the home where that is in an account, and of every credential of AWS that the stack grants.
#[derive(Clone, Debug, Args)]
pub struct TargetArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// The region in the place of the configured one; again for others
    #[arg(long = "region", value_name = "REGION")]
    pub regions: Vec<String>,
    /// The namespace in the place of the stack's
    #[arg(long)]
    pub namespace: Option<String>,
}

/// `bootstrap repair` and `bootstrap destroy`.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// `bootstrap gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
    /// Keep what was published in this time, such as 30m or 24h
    #[arg(long, value_name = "DURATION", default_value = "168h", value_parser = super::duration_ms)]
    pub older_than: u64,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// `bootstrap policy`.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
    /// For whom: who prepares the account, who works in it, who collects assets, or who destroys it
    #[arg(long = "for", value_enum, default_value_t = PolicyFor::Prepare, value_name = "WHOM")]
    pub whom: PolicyFor,
}

/// For whom a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyFor {
    /// Who prepares the account
    Prepare,
    /// Who works in an account that is prepared
    Work,
    /// Who removes assets that nothing needs: `bootstrap gc`
    Gc,
    /// Who destroys the preparation
    Destroy,
}
