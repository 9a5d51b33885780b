//! `state verify`.

use cofferdam_home::{Access, Finding, Health, ObjectKind};
use cofferdam_model::program::Program as _;
use serde_json::json;

use crate::args::{Format, Global, VerifyArgs};
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;
use crate::render::style::{ERROR, WARNING, paint};
use crate::render::table::Table;
use crate::render::value::printable;
use crate::session::Session;
use crate::talk;

/// Checks every object of a stage, or of all.
pub fn run(session: &Session, global: &Global, project: &Project, args: &VerifyArgs) -> CliResult<Exit> {
    let home = session.home(project)?;
    let stages =
        if args.all { home.stages()? } else { vec![(project.stack.stack().clone(), args.stack.stage.clone())] };
    let mut found = home.verify()?;
    for (stack, stage) in &stages {
        found.extend(home.open_stage(stack, stage, Access::Read)?.verify()?);
    }
    match global.format {
        Format::Json => found.iter().for_each(|finding| session.reporter.json(&line(finding))),
        Format::Human if found.is_empty() => talk::say("there is no home yet"),
        Format::Human => talk::data(&table(&found)),
    }
    let count = |health| found.iter().filter(|finding| finding.health == health).count();
    let (damaged, locked) = (count(Health::Damaged), count(Health::Locked));
    session.reporter.json(&json!({
        "type": "verified", "objects": found.len(), "damaged": damaged, "locked": locked,
        "unchecked": count(Health::Unchecked),
    }));
    if found.is_empty() {
        return Ok(Exit::Done);
    }
    if damaged + locked == 0 {
        let unchecked = match count(Health::Unchecked) {
            0 => String::new(),
            n => format!(" {n} could not be checked."),
        };
        session.reporter.say(&format!("{} objects, none damaged.{unchecked}", found.len()));
        return Ok(Exit::Done);
    }
    if damaged > 0 {
        let text = format!("{damaged} of {} objects are damaged or missing.", found.len());
        session.reporter.say(&paint(ERROR, text));
        let of_keys = |finding: &&Finding| finding.kind == ObjectKind::Key;
        let (keys, others): (Vec<_>, Vec<_>) =
            found.iter().filter(|finding| finding.health == Health::Damaged).partition(of_keys);
        if !others.is_empty() {
            session.reporter.say("`cofferdam state repair` goes on from what is whole and keeps a copy of the rest.");
        }
        for finding in keys {
            session.reporter.say(&format!("Nothing makes `{}` anew: restore it from a backup.", finding.key));
        }
    }
    if locked > 0 {
        let text = format!("{locked} of {} objects are encrypted for a key that is not here.", found.len());
        session.reporter.say(&paint(WARNING, text));
    }
    Ok(Exit::Failed)
}

fn line(finding: &Finding) -> serde_json::Value {
    json!({
        "type": "object", "key": finding.key, "kind": finding.kind.as_str(), "health": finding.health.as_str(),
        "note": finding.note,
    })
}

fn table(found: &[Finding]) -> String {
    let mut table = Table::new(&["OBJECT", "KIND", "HEALTH", "NOTE"]);
    for finding in found {
        table.row(vec![
            printable(&finding.key),
            finding.kind.as_str().to_owned(),
            finding.health.as_str().to_owned(),
            printable(&finding.note),
        ]);
    }
    table.render()
}
