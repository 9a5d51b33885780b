//! `state show`.

use cofferdam_model::document::{to_json, to_shown_json};
use serde_json::json;

use super::list::condition;
use super::look::{state_at, unknown_address};
use crate::args::{Format, Global, ShowEntryArgs};
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;
use crate::render::value::{key_text, show as show_value};
use crate::session::Session;
use crate::talk;

/// Shows one resource.
pub fn run(session: &Session, global: &Global, project: &Project, args: &ShowEntryArgs) -> CliResult<Exit> {
    let (address, reveal) = (&args.address, args.show_secrets);
    let state = state_at(session, project, &args.stack.stage, args.at.at)?;
    let Some(entry) = state.resources.get(address) else { return Err(unknown_address(&state, address)) };
    let properties = if reveal { entry.state.properties.without_marks() } else { entry.state.properties.clone() };
    match global.format {
        Format::Json => {
            let shown = if reveal { to_json(&properties) } else { to_shown_json(&properties) };
            let line = json!({
                "type": "resource", "address": address, "provider": entry.provider, "plugin": entry.plugin,
                "condition": entry.condition, "depends_on": entry.depends_on, "identity": entry.state.identity,
                "schema_version": entry.state.schema_version, "properties": shown,
            });
            // Not through the redactor: what is shown is what was asked for.
            talk::data(&format!("{line}\n"));
        }
        Format::Human => {
            let plugin = &entry.plugin;
            let mut out = format!(
                "{address}\n  provider    {}\n  plugin      {} {} ({})\n  condition   {}\n",
                entry.provider,
                plugin.name,
                plugin.version,
                plugin.digest.short(),
                condition(entry)
            );
            if !entry.depends_on.is_empty() {
                let names: Vec<_> = entry.depends_on.iter().map(ToString::to_string).collect();
                out.push_str(&format!("  depends on  {}\n", names.join(", ")));
            }
            out.push('\n');
            let entries = properties.as_object().into_iter().flatten();
            let width = entries.clone().map(|(name, _)| key_text(name).chars().count()).max().unwrap_or(0);
            for (name, value) in entries {
                out.push_str(&format!("  {:width$} = {}\n", key_text(name), show_value(value, 2)));
            }
            talk::data(&out);
        }
    }
    Ok(Exit::Done)
}
