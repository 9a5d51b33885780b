//! `state repair`.

use cofferdam_home::{Damage, Home, Lost, Repair, Start};
use cofferdam_model::journal::{InFlight, WriteKind};
use cofferdam_model::state::StackState;
use serde_json::{Value as Json, json};

use crate::args::{Format, Global, WriteArgs};
use crate::commands::ask::Ask;
use crate::commands::plan::learn;
use crate::environment::Environment;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;
use crate::render::style::{BOLD, paint};
use crate::render::value::printable;
use crate::session::Session;
use crate::talk;

/// Goes on from what is whole.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    args: &WriteArgs,
) -> CliResult<Exit> {
    let ask = Ask::new("state repair", args.yes, global, surroundings)?;
    let name = &args.stack.stage;
    let ctx = session.home_ctx(project)?;
    if let Some(damage) = Home::examine(&*ctx.store)? {
        session.reporter.json(&json!({ "type": "repair", "damaged": [damage_line(&damage)] }));
        session.reporter.say(&format!("{damage}\nIt says only that this is a home, and is written anew."));
        if !ask.agreed(session, "Write it anew?").await? {
            return Ok(Exit::Done);
        }
        if let Some(aside) = Home::mend(&ctx)? {
            session.reporter.say(&format!("The damaged one was copied to `{aside}`."));
        }
    }
    let mut stage = session.write_stage(project, name, "state repair", &args.lock).await?;
    let Some(repair) = stage.examine()? else {
        session.reporter.json(&json!({ "type": "whole" }));
        session.reporter.say(&format!("Nothing of stage `{name}` is damaged; nothing was changed."));
        return Ok(Exit::Done);
    };
    learn(session, &repair.state);
    match global.format {
        Format::Json => session.reporter.json(&line(&repair)),
        Format::Human => talk::data(&session.redactor.redact(&text(&repair))),
    }
    if !ask.agreed(session, &format!("Repair stage `{name}`?")).await? {
        return Ok(Exit::Done);
    }
    let repaired = stage.repair(&repair)?;
    session.reporter.json(&json!({
        "type": "repaired", "serial": repaired.serial, "aside": repaired.aside, "moved": repaired.moved,
    }));
    if let Some(aside) = &repaired.aside {
        let moved = if repaired.moved == 1 { "1 object was" } else { &format!("{} objects were", repaired.moved) };
        session.reporter.say(&format!("{moved} moved to `{aside}`."));
    }
    match repair.start {
        Start::Current(serial) => session.reporter.say(&format!("The state is whole, at serial {serial}.")),
        Start::Snapshot(_) | Start::Nothing => session.reporter.say(&format!(
            "The state of stage `{name}` is at serial {}. Next: cofferdam plan --refresh all",
            repaired.serial
        )),
    }
    Ok(Exit::Done)
}

/// What is damaged, what is kept and what is lost, in words.
fn text(repair: &Repair) -> String {
    let mut out = format!("{}\n", paint(BOLD, "Damaged:"));
    for damage in &repair.damaged {
        out.push_str(&format!("  {}\n", printable(&damage.to_string())));
    }
    let resources = |state: &StackState| match state.resources.len() {
        1 => "1 resource".to_owned(),
        n => format!("{n} resources"),
    };
    let kept = match repair.start {
        Start::Current(serial) => format!("the state itself: it is whole, at serial {serial}"),
        Start::Snapshot(serial) => format!("serial {serial} and {} records of the journal behind it", repair.records),
        Start::Nothing => format!("{} records of the journal; there is no whole snapshot", repair.records),
    };
    out.push_str(&format!("\n{}\n  {kept}\n  {}\n", paint(BOLD, "Kept:"), resources(&repair.state)));
    for write in &repair.in_flight {
        out.push_str(&format!("  in flight: the {} of `{}`\n", kind(write), write.address));
    }
    if !repair.unchecked.is_empty() {
        out.push_str(&format!("\n{}\n", paint(BOLD, "Kept, though nothing tells whether it is whole:")));
        repair.unchecked.iter().for_each(|lost| out.push_str(&format!("  {}\n", printable(&lost.words))));
    }
    if !repair.lost.is_empty() {
        out.push_str(&format!("\n{}\n", paint(BOLD, "Lost:")));
        for lost in &repair.lost {
            out.push_str(&format!("  {}\n{}", printable(&lost.words), again(lost)));
        }
        if !matches!(repair.start, Start::Current(_)) {
            out.push_str(
                "\nWhat was lost and still exists is found with `plan --refresh all`, or taken back with `state import`.\n",
            );
        }
    }
    out
}

/// How to find an object again.
fn again(lost: &Lost) -> String {
    let Some(address) = lost.address.as_ref().filter(|_| !lost.identity.is_empty()) else { return String::new() };
    let keys: String = lost.identity.iter().map(|(name, value)| format!(" --id '{name}={value}'")).collect();
    printable(&format!("      cofferdam state import {address}{keys}\n"))
}

fn kind(write: &InFlight) -> &'static str {
    match write.kind {
        WriteKind::Create => "create",
        WriteKind::Update => "update",
        WriteKind::Delete => "delete",
    }
}

fn damage_line(damage: &Damage) -> Json {
    json!({ "place": damage.place, "line": damage.line, "what": damage.what })
}

fn line(repair: &Repair) -> Json {
    let lost = |lost: &Lost| json!({ "words": lost.words, "address": lost.address, "identity": lost.identity });
    let damaged: Vec<Json> = repair.damaged.iter().map(damage_line).collect();
    let start = match repair.start {
        Start::Current(serial) | Start::Snapshot(serial) => Some(serial),
        Start::Nothing => None,
    };
    let in_flight: Vec<Json> = repair
        .in_flight
        .iter()
        .map(|write| json!({ "address": write.address, "kind": write.kind, "operation": write.operation }))
        .collect();
    json!({
        "type": "repair", "damaged": damaged, "from_serial": start, "records": repair.records,
        "resources": repair.state.resources.len(), "in_flight": in_flight,
        "unchecked": repair.unchecked.iter().map(lost).collect::<Vec<_>>(),
        "lost": repair.lost.iter().map(lost).collect::<Vec<_>>(),
    })
}
