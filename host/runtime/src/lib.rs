//! Plugins: loaded, checked, limited and called. The only crate that names the WebAssembly engine.
//!
//! A component's bytes become a [`Plugin`] (checked, compiled, described); a plugin with a grant and a configuration
//! becomes a provider that the engine calls. Every call runs in a fresh instance; nothing a guest does outlives it.

mod assets;
mod bootstrap;
mod call;
pub mod component;
mod contract;
mod egress;
mod engine;
mod host;
mod plugin;
mod provider;
mod providers;

pub use component::cache::{CacheDirectory, CacheError};
pub use component::check::{ContractError, Interface};
pub use component::compile::{CompileError, Compiler, compile_from_stdin};
pub use component::load::{LoadError, Source};
pub use egress::credentials::Environment;
pub use engine::{Runtime, RuntimeError, RuntimeOptions};
pub use host::clock::Clock;
pub use host::log::{LogLevel, LogLine, PluginLog};
pub use plugin::{Manifest, Plugin};
pub use providers::{PluginProviders, ProviderSpec};
