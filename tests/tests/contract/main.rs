//! What the host makes of a file that is offered as a plugin, before anything of it runs for a user.

mod cache;
mod fixtures;
mod limits;
mod manifests;
mod refusals;

use cofferdam_tests::{Output, Sandbox};

/// Offers bytes as a plugin.
fn inspect(bytes: &[u8]) -> Output {
    let sandbox = Sandbox::new();
    sandbox.file("plugin.wasm", bytes);
    sandbox.run(&["plugin", "inspect", "./plugin.wasm"])
}
