//! `key …`: who opens the secrets of a home, and what they are encrypted with.

use std::collections::BTreeMap;

use cofferdam_engine::Stop;
use cofferdam_home::{
    Home, KeyChange, KeyringInfo, KmsSettings, Member, OpenStageError, Recipient, ReencryptError, Reencrypted, Role,
    SettingsOf,
};
use cofferdam_model::program::Program as _;
use cofferdam_model::{StackName, StageName};
use serde_json::json;

use super::ask::Ask;
use crate::args::{AddArgs, Format, Global, KeyCommand, RemoveArgs, RotateKeyArgs};
use crate::environment::Environment;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::keys::recipient;
use crate::project::Project;
use crate::render::table::Table;
use crate::render::time::utc;
use crate::session::{LOCK_POLL, Session, stopped};
use crate::talk;

/// Runs the command.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    command: &KeyCommand,
) -> CliResult<Exit> {
    match command {
        KeyCommand::List(_) => list(session, global, project),
        KeyCommand::AddRecipient(args) => add(session, project, args),
        KeyCommand::Rotate(args) => {
            let ask = Ask::new("key rotate", args.yes, global, surroundings)?;
            let question = "Make a new data key, and encrypt every state and secret of this home with it?";
            rotate(session, project, args, (ask, question), &KeyChange::Rotate).await
        }
        KeyCommand::RemoveRecipient(args) => {
            let ask = Ask::new("key remove-recipient", args.rotate.yes, global, surroundings)?;
            let change = removal(session, project, args)?;
            let question = "Make a new data key that they do not get, and encrypt every state and secret with it?";
            rotate(session, project, &args.rotate, (ask, question), &change).await
        }
    }
}

fn list(session: &Session, global: &Global, project: &Project) -> CliResult<Exit> {
    let home = session.home(project)?;
    let Some(ring) = home.keyring()? else {
        session.reporter.say("this home has no keys yet; the first secret makes them");
        return Ok(Exit::Done);
    };
    let usage = home.key_usage()?;
    let newest = ring.keys.last().map(|key| key.number);
    match global.format {
        Format::Json => json_list(session, &ring, &usage),
        Format::Human => {
            let mut table = Table::new(&["KEY", "SINCE", "OBJECTS", ""]);
            for key in &ring.keys {
                let encrypts = if Some(key.number) == newest { "encrypts" } else { "opens" };
                let objects = usage.get(&key.number).copied().unwrap_or(0).to_string();
                table.row(vec![key.number.to_string(), utc(key.since_ms), objects, encrypts.to_owned()]);
            }
            let mut who = Table::new(&["OPENED BY", "ROLE", "SINCE"]);
            for Member { recipient, role, since_ms } in &ring.members {
                who.row(vec![recipient.shown(), role_name(*role).to_owned(), utc(*since_ms)]);
            }
            if ring.passphrase {
                who.row(vec!["the passphrase".to_owned()]);
            }
            ring.wrappers.iter().for_each(|id| who.row(vec![id.clone()]));
            talk::data(&format!("{}\n{}", table.render(), who.render()));
        }
    }
    if !ring.members.iter().any(|member| member.role == Role::Recovery) {
        session.reporter.say(
            "There is no recovery key. Make one with age-keygen, keep it offline, and add its public key:\n  \
             cofferdam key add-recipient --recovery age1…",
        );
    }
    let setting = project.stack.encryption();
    let stack = setting.recipients.iter().filter_map(|text| text.parse::<Recipient>().ok());
    let people = stack
        .filter(|recipient| !ring.members.iter().any(|member| member.recipient == *recipient))
        .map(|recipient| format!("`{}`", recipient.shown()));
    let keys = setting.kms.iter().map(|kms| service(&kms.key)).filter(|id| !ring.wrappers.contains(id));
    let missing: Vec<String> = people.chain(keys.map(|id| format!("`{id}`"))).collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        session.reporter.say(&format!("The stack names {names} as well; to let them in: cofferdam key add-recipient"));
    }
    Ok(Exit::Done)
}

fn json_list(session: &Session, ring: &KeyringInfo, usage: &BTreeMap<u64, usize>) {
    for key in &ring.keys {
        session.reporter.json(&json!({
            "type": "data_key", "number": key.number, "since_ms": key.since_ms,
            "objects": usage.get(&key.number).copied().unwrap_or(0),
            "encrypts": ring.keys.last().is_some_and(|newest| newest.number == key.number),
        }));
    }
    for member in &ring.members {
        session.reporter.json(&json!({
            "type": "recipient", "recipient": member.recipient.to_string(), "role": role_name(member.role),
            "since_ms": member.since_ms,
        }));
    }
    session.reporter.json(&json!({ "type": "keyring", "passphrase": ring.passphrase, "services": ring.wrappers }));
}

/// How a keyring calls a key of AWS KMS.
fn service(key: &str) -> String {
    KmsSettings { key: key.to_owned(), ..KmsSettings::default() }.id()
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Recovery => "recovery",
    }
}

fn add(session: &Session, project: &Project, args: &AddArgs) -> CliResult<Exit> {
    let role = if args.recovery { Role::Recovery } else { Role::Member };
    let members = args.recipients.iter().map(|text| Ok((recipient(text)?, role))).collect::<CliResult<Vec<_>>>()?;
    let home = session.home(project)?;
    let (known, services) = home.keyring()?.map(|ring| (ring.members, ring.wrappers)).unwrap_or_default();
    let ring = home.change_keys(&KeyChange::Add { members, passphrase: args.passphrase })?;
    let new: Vec<&Member> = ring.members.iter().filter(|member| !known.contains(member)).collect();
    let new_services: Vec<&String> = ring.wrappers.iter().filter(|id| !services.contains(id)).collect();
    for member in &new {
        let (recipient, role) = (member.recipient.to_string(), role_name(member.role));
        session.reporter.json(&json!({ "type": "recipient_added", "recipient": recipient, "role": role }));
        session.reporter.say(&format!("`{}` opens the secrets of this home now.", member.recipient.shown()));
    }
    for id in &new_services {
        session.reporter.json(&json!({ "type": "recipient_added", "recipient": id, "role": "service" }));
        session.reporter.say(&format!("Whom `{id}` lets decrypt opens the secrets of this home now."));
    }
    if args.passphrase {
        session.reporter.say("The passphrase opens the secrets of this home.");
    } else if new.is_empty() && new_services.is_empty() {
        session.reporter.say("Nothing was changed: they open the secrets of this home already.");
    }
    Ok(Exit::Done)
}

/// Whom a removal means: a service by its id or its key, anybody else by key, by comment, or by the beginning of a key.
fn removal(session: &Session, project: &Project, args: &RemoveArgs) -> CliResult<KeyChange> {
    let (known, services) =
        session.home(project)?.keyring()?.map(|ring| (ring.members, ring.wrappers)).unwrap_or_default();
    let (mut members, mut wrappers) = (Vec::new(), Vec::new());
    for text in args.recipients.iter().map(|text| text.trim()) {
        if let Some(id) = services.iter().find(|id| *id == text || **id == service(text)) {
            wrappers.push(id.clone());
        } else {
            members.push(meant(&known, text)?);
        }
    }
    let setting = project.stack.encryption();
    let named = setting.recipients.iter().filter_map(|text| text.parse::<Recipient>().ok());
    let named = named.filter(|recipient| members.contains(recipient)).map(|recipient| recipient.shown());
    let keys = setting.kms.iter().map(|kms| service(&kms.key)).filter(|id| wrappers.contains(id));
    for name in named.chain(keys) {
        session.reporter.say(&format!(
            "The stack still names `{name}`: take it out of `encryption`, or the next `key rotate` lets it in again."
        ));
    }
    Ok(KeyChange::Remove { members, passphrase: args.passphrase, wrappers })
}

fn meant(known: &[Member], text: &str) -> CliResult<Recipient> {
    let is = |recipient: &Recipient| {
        recipient.to_string() == text || recipient.key() == text || recipient.comment() == Some(text)
    };
    let mut found: Vec<&Recipient> = known.iter().map(|member| &member.recipient).filter(|r| is(r)).collect();
    if found.is_empty() && text.len() >= 8 {
        found = known.iter().map(|member| &member.recipient).filter(|r| r.key().starts_with(text)).collect();
    }
    match found[..] {
        [one] => Ok(one.clone()),
        [] => Err(CliError::new(Exit::Usage, format!("the keys of this home are not wrapped for `{text}`"))
            .hint("`cofferdam key list` shows for whom they are")),
        _ => Err(CliError::new(Exit::Usage, format!("`{text}` means more than one recipient"))
            .hint("write the whole public key")),
    }
}

/// Changes the keyring, encrypts every stage anew, and drops what nothing needs any more.
async fn rotate(
    session: &Session,
    project: &Project,
    args: &RotateKeyArgs,
    (ask, question): (Ask, &str),
    change: &KeyChange,
) -> CliResult<Exit> {
    if !ask.agreed(session, question).await? {
        return Ok(Exit::Done);
    }
    let home = session.home(project)?;
    let ring = home.change_keys(change)?;
    let newest = ring.keys.last().map_or(0, |key| key.number);
    session.reporter.json(&json!({ "type": "key_made", "number": newest }));
    session.reporter.say(&format!("Key {newest} encrypts from now on."));
    let until_ms = session.clock.epoch_ms().saturating_add(args.lock.wait_ms());
    let mut left = 0;
    for (stack, stage) in home.stages().map_err(OpenStageError::from)? {
        let settings = match stack == *project.stack.stack() {
            true => SettingsOf::ThisStack,
            false => SettingsOf::AnotherStack,
        };
        match reencrypt(session, &home, (&stack, &stage, settings), until_ms).await {
            Ok(done) => {
                session.reporter.json(&json!({
                    "type": "stage_reencrypted", "stack": stack, "stage": stage, "state": done.state,
                    "secrets": done.secrets,
                }));
                let state = if done.state { "state" } else { "no state" };
                let secrets = if done.secrets == 1 { "1 secret".into() } else { format!("{} secrets", done.secrets) };
                session.reporter.say(&format!("  {stack} {stage}: {state}, {secrets}"));
            }
            Err(Left::Stopped) => return Err(stopped()),
            Err(Left::Failed(error)) => {
                left += 1;
                let error = CliError::from(error);
                session.reporter.json(&json!({
                    "type": "stage_left", "stack": stack, "stage": stage, "error": error.to_json(),
                }));
                session.reporter.say(&format!("  {stack} {stage}: left as it is"));
                session.reporter.say(error.render(project.stack.sources()).trim_end());
            }
        }
    }
    if left > 0 {
        let stages = if left == 1 { "1 stage is".to_owned() } else { format!("{left} stages are") };
        return Err(CliError::new(Exit::Failed, format!("{stages} still encrypted with an older key, which is kept"))
            .hint("run `cofferdam key rotate` again when nobody works there, or wait for them with `--lock-wait 5m`"));
    }
    let dropped = home.drop_unused_keys()?;
    session.reporter.json(&json!({ "type": "keys_dropped", "numbers": dropped }));
    for number in &dropped {
        session.reporter.say(&format!("Key {number} is gone; nothing needs it."));
    }
    for key in ring.keys.iter().filter(|key| key.number != newest && !dropped.contains(&key.number)) {
        session.reporter.say(&format!("Key {} stays for the history.", key.number));
    }
    Ok(Exit::Done)
}

enum Left {
    Stopped,
    Failed(ReencryptError),
}

/// Encrypts a stage anew; waits for another run until then.
async fn reencrypt(
    session: &Session,
    home: &Home,
    (stack, stage, settings): (&StackName, &StageName, SettingsOf),
    until_ms: u64,
) -> Result<Reencrypted, Left> {
    let holder = session.holder("key rotate");
    loop {
        match home.reencrypt((stack, stage), settings, &holder) {
            Ok(done) => return Ok(done),
            Err(ReencryptError::Open(OpenStageError::Locked { .. })) if session.clock.epoch_ms() < until_ms => {}
            Err(error) => return Err(Left::Failed(error)),
        }
        tokio::select! {
            () = session.cancel.reached(Stop::Soft) => return Err(Left::Stopped),
            () = tokio::time::sleep(LOCK_POLL) => {}
        }
    }
}
