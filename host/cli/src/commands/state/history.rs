//! `state history`.

use serde_json::json;

use crate::args::{Format, Global, StackArgs};
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;
use crate::render::table::Table;
use crate::render::time::utc;
use crate::render::value::printable;
use crate::session::Session;
use crate::talk;

/// Lists the states that are kept, the newest first.
pub fn run(session: &Session, global: &Global, project: &Project, args: &StackArgs) -> CliResult<Exit> {
    let versions = session.read_stage(project, &args.stage)?.history()?;
    let current = versions.last().map(|version| version.serial);
    match global.format {
        Format::Json => {
            for version in versions.iter().rev() {
                session.reporter.json(&json!({
                    "type": "version", "serial": version.serial, "current": Some(version.serial) == current,
                    "at_ms": version.made.at_ms, "by": version.made.by, "resources": version.resources,
                    "bytes": version.bytes,
                }));
            }
        }
        Format::Human if versions.is_empty() => talk::say(&format!("stage `{}` has no history", args.stage)),
        Format::Human => {
            let mut table = Table::new(&["SERIAL", "WHEN", "WHO", "COMMAND", "RESOURCES", "SIZE"]);
            for version in versions.iter().rev() {
                let mark = if Some(version.serial) == current { " (current)" } else { "" };
                let by = &version.made.by;
                table.row(vec![
                    format!("{}{mark}", version.serial),
                    utc(version.made.at_ms),
                    printable(&format!("{} on {}", by.user, by.host)),
                    printable(&by.command),
                    version.resources.to_string(),
                    size(version.bytes),
                ]);
            }
            talk::data(&table.render());
        }
    }
    Ok(Exit::Done)
}

/// A length as people read it.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
