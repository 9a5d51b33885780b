//! The commands, one module each.

pub mod ask;
pub mod bootstrap;
mod bootstrap_gc;
mod bootstrap_own;
pub mod deploy;
pub mod deploy_saved;
pub mod home;
pub mod key;
pub mod output;
pub mod plan;
pub mod plugin;
pub mod refresh;
pub mod secret;
pub mod show;
pub mod state;
pub mod unlock;
pub mod validate;
pub mod version;

/// The hidden command by which cofferdam compiles components in a child process.
pub const COMPILE: &str = "__compile";
