//! `state list`.

use cofferdam_model::state::{Condition, ResourceEntry};
use serde_json::json;

use super::look::state_at;
use crate::args::{Format, Global, ListArgs};
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;
use crate::render::table::Table;
use crate::session::Session;
use crate::talk;

/// Lists the resources.
pub fn run(session: &Session, global: &Global, project: &Project, args: &ListArgs) -> CliResult<Exit> {
    let state = state_at(session, project, &args.stack.stage, args.at.at)?;
    match global.format {
        Format::Json => {
            for (address, entry) in &state.resources {
                session.reporter.json(&json!({
                    "type": "resource", "address": address, "provider": entry.provider, "plugin": entry.plugin,
                    "condition": entry.condition, "depends_on": entry.depends_on,
                }));
            }
        }
        Format::Human if state.resources.is_empty() => {
            talk::say(&format!("stage `{}` has no resources", args.stack.stage));
        }
        Format::Human => {
            let mut table = Table::new(&["RESOURCE", "PROVIDER", "PLUGIN", "CONDITION"]);
            for (address, entry) in &state.resources {
                let plugin = format!("{} {}", entry.plugin.name, entry.plugin.version);
                table.row(vec![address.to_string(), entry.provider.to_string(), plugin, condition(entry).to_owned()]);
            }
            talk::data(&table.render());
        }
    }
    Ok(Exit::Done)
}

/// An entry's condition in words.
pub fn condition(entry: &ResourceEntry) -> &'static str {
    match entry.condition {
        Condition::Whole => "whole",
        Condition::Partial => "partial: the next deploy replaces it",
    }
}
