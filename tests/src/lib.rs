//! Support for the end-to-end tests: a hermetic folder, the `cofferdam` binary in it, plugins made for a test, a server
//! to talk to, and what a run said in a form that can be compared.
//!
//! Nothing here names the host's crates: the tests see what a user sees.
#![expect(clippy::panic, reason = "an expectation that fails ends the test")]

mod bucket;
mod gate;
mod invocation;
mod moto;
mod objects;
mod output;
mod paths;
mod plugin;
mod proxy;
mod running;
mod sandbox;
mod server;
mod service;
mod shown;
mod stacks;
mod wire;

pub use bucket::Bucket;
pub use gate::Gate;
pub use invocation::Invocation;
pub use moto::{KEYS, Moto, free_address};
pub use objects::Objects;
pub use output::Output;
pub use paths::{binary, fixture, guests, repository, target, toolchain};
pub use plugin::{described, from_text};
pub use proxy::{Onward, Proxy};
pub use running::Running;
pub use sandbox::Sandbox;
pub use server::Server;
pub use service::{Kept, Service};
pub use shown::shown;
pub use stacks::web_stack;
pub use wire::{Request, Response};
