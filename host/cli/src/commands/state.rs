//! `state list` and `state show`.

use cofferdam_model::Address;
use cofferdam_model::document::{to_json, to_shown_json};
use cofferdam_model::state::{Condition, ResourceEntry};
use serde_json::json;

use crate::args::{Format, Global, StackArgs};
use crate::commands::plan::teach;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::table::Table;
use crate::render::value::{key_text, show as show_value};
use crate::session::Session;
use crate::talk;

/// Lists the resources.
pub fn list(session: &Session, global: &Global, project: &Project, args: &StackArgs) -> CliResult<Exit> {
    let state = session.read_stage(project, &args.stage)?.load()?.state;
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
            talk::say(&format!("stage `{}` has no resources", args.stage));
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

/// Shows one resource.
pub fn show(
    session: &Session,
    global: &Global,
    project: &Project,
    args: &StackArgs,
    address: &Address,
    reveal: bool,
) -> CliResult<Exit> {
    let state = session.read_stage(project, &args.stage)?.load()?.state;
    let Some(entry) = state.resources.get(address) else {
        return Err(CliError::new(
            Exit::Failed,
            format!("the state of stage `{}` has no resource `{address}`", args.stage),
        )
        .hint("`cofferdam state list` shows what there is"));
    };
    if !reveal {
        teach(session, &state);
    }
    let properties = if reveal {
        entry.state.properties.without_marks()
    } else {
        session.redactor.redact_value(&entry.state.properties)
    };
    match global.format {
        Format::Json => {
            let shown = if reveal { to_json(&properties) } else { to_shown_json(&properties) };
            let line = json!({
                "type": "resource", "address": address, "provider": entry.provider, "plugin": entry.plugin,
                "condition": entry.condition, "depends_on": entry.depends_on, "identity": entry.state.identity,
                "schema_version": entry.state.schema_version, "properties": shown,
            });
            // Not through the redactor where secrets were asked for.
            talk::data(&format!("{}\n", if reveal { line } else { session.redactor.redact_json(line) }));
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
            talk::data(&if reveal { out } else { session.redactor.redact(&out) });
        }
    }
    Ok(Exit::Done)
}

fn condition(entry: &ResourceEntry) -> &'static str {
    match entry.condition {
        Condition::Whole => "whole",
        Condition::Partial => "partial: the next deploy replaces it",
    }
}
