//! The arguments of `key …`.

use clap::{Args, Subcommand};

use super::{LockArgs, StackArgs};

const EXAMPLES: &str = "\
Examples:
  cofferdam key list                                     who opens this home, and which keys it has
  cofferdam key add-recipient \"$(cat ada.pub)\"           ada opens it from now on
  cofferdam key add-recipient --recovery age1…           a key that lies in a safe
  cofferdam key remove-recipient ada@laptop --yes        ada opens nothing that is new
  cofferdam key rotate                                   a new key, and everything encrypted with it

A home is everything below its folder or bucket: keys belong to all stacks and stages in it.";

/// `key …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct KeyArgs {
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What to do with the keys of a home.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the data keys of the home, what they encrypt, and who opens them
    List(StackArgs),
    /// Make a new data key, encrypt states and secrets with it, and drop keys that nothing needs
    Rotate(RotateKeyArgs),
    /// Let somebody else open the home: what it has, and what comes
    AddRecipient(AddArgs),
    /// Make a new data key that somebody does not get, and encrypt states and secrets with it
    RemoveRecipient(RemoveArgs),
}

impl KeyCommand {
    /// The stack, whose home it is.
    pub fn stack(&self) -> &StackArgs {
        match self {
            Self::List(stack) => stack,
            Self::Rotate(args) => &args.stack,
            Self::AddRecipient(args) => &args.stack,
            Self::RemoveRecipient(args) => &args.rotate.stack,
        }
    }
}

/// `key rotate`.
#[derive(Debug, Args)]
pub struct RotateKeyArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// `key add-recipient`.
#[derive(Debug, Args)]
pub struct AddArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// Public keys: `age1…`, `ssh-ed25519 AAAA…` or `ssh-rsa AAAA…`; without any, those that the stack names, and its
    /// keys of AWS KMS
    #[arg(value_name = "RECIPIENT")]
    pub recipients: Vec<String>,
    /// They are recovery keys: for the day on which every other is lost
    #[arg(long)]
    pub recovery: bool,
    /// Let the passphrase in COFFERDAM_PASSPHRASE open it as well
    #[arg(long)]
    pub passphrase: bool,
}

/// `key remove-recipient`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Public keys, or how `key list` shows them: the comment of an SSH key, the beginning of a key; a key of AWS KMS
    #[arg(value_name = "RECIPIENT", required_unless_present = "passphrase")]
    pub recipients: Vec<String>,
    /// The passphrase opens it no longer
    #[arg(long)]
    pub passphrase: bool,
    #[command(flatten)]
    pub rotate: RotateKeyArgs,
}
