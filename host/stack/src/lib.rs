//! The stack language: HCL texts in, a [`Program`](cofferdam_model::program::Program) out. Parses, checks references
//! and types of variables, finds cycles, evaluates expressions over what is known so far, and points every finding at
//! its place. Reads no disk and no environment: texts, variables and a [`ReadFile`] are given by the caller.

mod basis;
mod bootstrap;
mod constants;
mod convert;
mod declare;
mod encryption;
mod eval;
mod fields;
mod files;
mod findings;
mod functions;
mod grant;
mod graph;
mod heredoc;
mod inputs;
mod locate;
mod mask;
mod parse;
mod program;
mod providers;
mod references;
mod secrets;
mod settings;
mod source;
mod stack;
mod types;
mod units;
mod variables;

pub use basis::{Basis, Moved, Way};
pub use bootstrap::BootstrapSetting;
pub use encryption::{EncryptionSetting, KmsKey};
pub use fields::RoleSetting;
pub use inputs::{ENVIRONMENT_PREFIX, InputValue, VariableInput, VariableSource};
pub use providers::{PluginSource, ProviderDecl};
pub use secrets::{FoundSecret, ReadSecret, ReadSecretError, WithheldSecrets};
pub use settings::{AwsPlace, HomePlace, HomeSetting, S3Place};
pub use source::{MAX_FILE_BYTES, MAX_TOTAL_BYTES, NoFiles, ReadFile, ReadFileError, SourceTexts, Sources};
pub use stack::{LoadError, LoadOptions, Stack};
pub use units::milliseconds as duration_ms;
