//! `version`: this binary, the contract that it serves, what is inside.

use serde_json::json;

use crate::args::{Format, Global};
use crate::bundled::BUNDLED;
use crate::exit::Exit;
use crate::talk;

/// Runs the command.
pub fn run(global: &Global) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    let contract = cofferdam_runtime::component::check::SERVED;
    match global.format {
        Format::Json => {
            let plugins: Vec<_> = BUNDLED
                .iter()
                .map(|plugin| json!({ "name": plugin.name, "digest": plugin.digest, "bytes": plugin.bytes }))
                .collect();
            talk::data(&format!(
                "{}\n",
                json!({ "type": "version", "version": version, "contract": contract, "plugins": plugins })
            ));
        }
        Format::Human => {
            talk::data(&format!(
                "cofferdam {version}\ncontract  {} {contract}\n",
                cofferdam_runtime::component::check::PACKAGE
            ));
            for plugin in BUNDLED {
                talk::data(&format!("plugin    {} ({})\n", plugin.name, plugin.digest));
            }
        }
    }
    Exit::Done
}
