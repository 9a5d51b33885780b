//! The arguments of `secret …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cofferdam_model::SecretName;

use super::StackArgs;

const EXAMPLES: &str = "\
Examples:
  cofferdam secret set db_password                   asks for it, without showing it
  cofferdam secret set db_password < password.txt    from stdin, without the newline at its end
  cofferdam secret set tls_key --from-file key.pem   the file as it is
  cofferdam secret rotate db_password --length 40    a new random value
  cofferdam secret list --stage production           names and who set them, no values

In a stack: `password = secret(\"db_password\")`, or `from = \"secret:acme_token\"` for a credential.";

/// `secret …`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SecretArgs {
    #[command(subcommand)]
    pub command: SecretCommand,
}

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Set a secret, from the command line, a file, stdin or the terminal
    Set(SetArgs),
    /// Print the value of a secret
    Get {
        #[command(flatten)]
        stack: StackArgs,
        /// Its name
        #[arg(value_parser = name)]
        name: SecretName,
    },
    /// List the secrets of the stage, without values
    List(StackArgs),
    /// Remove a secret
    Rm {
        #[command(flatten)]
        stack: StackArgs,
        /// Its name
        #[arg(value_parser = name)]
        name: SecretName,
        /// Also where somebody else sets it at this moment
        #[arg(long)]
        force: bool,
    },
    /// Set a secret to a new random value, also one that is not there yet
    Rotate(RotateArgs),
}

impl SecretCommand {
    /// The stack and the stage.
    pub fn stack(&self) -> &StackArgs {
        match self {
            Self::Set(args) => &args.stack,
            Self::Rotate(args) => &args.stack,
            Self::Get { stack, .. } | Self::List(stack) | Self::Rm { stack, .. } => stack,
        }
    }
}

/// `secret set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// Its name: letters, digits, `-` and `_`
    #[arg(value_parser = name)]
    pub name: SecretName,
    /// The value; it stays in the history of your shell, so better leave it out and be asked
    #[arg(conflicts_with = "from_file")]
    pub value: Option<String>,
    /// Take the value from a file, as it is
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
    /// Also where somebody else sets it at this moment
    #[arg(long)]
    pub force: bool,
}

/// `secret rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// Its name
    #[arg(value_parser = name)]
    pub name: SecretName,
    /// How many characters
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(8..=4096))]
    pub length: u16,
    /// Which characters
    #[arg(long, value_enum, default_value_t = Alphabet::Alphanumeric)]
    pub alphabet: Alphabet,
    /// Also where somebody else sets it at this moment
    #[arg(long)]
    pub force: bool,
}

/// The characters of a random value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Alphabet {
    /// Letters and digits.
    Alphanumeric,
    /// The digits of hexadecimal numbers, in lower case.
    Hex,
    /// Letters, digits and the signs of ASCII that no shell or URL takes for its own.
    Symbols,
}

impl Alphabet {
    /// Every character once.
    pub fn characters(self) -> &'static [u8] {
        match self {
            Self::Alphanumeric => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Self::Hex => b"0123456789abcdef",
            Self::Symbols => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+=,",
        }
    }
}

fn name(text: &str) -> Result<SecretName, String> {
    SecretName::new(text).map_err(|error| error.to_string())
}
