//! `home migrate`: moves a home to another store.

use std::sync::Arc;

use cofferdam_engine::Stop;
use cofferdam_home::{Home, HomeCtx, MigrateError, Migrated, Migration, OpenStageError, give_up, migrate};
use cofferdam_stack::EncryptionSetting;
use serde_json::json;

use crate::args::{Global, MigrateArgs};
use crate::commands::ask::Ask;
use crate::environment::{Environment, SystemEntropy};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::session::{LOCK_POLL, Session, stopped};
use crate::{keys, stores};

/// Moves a home.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    args: &MigrateArgs,
) -> CliResult<Exit> {
    let ask = Ask::new("home migrate", args.yes, global, surroundings)?;
    let from = stores::open_named(session, &args.from)?;
    let Some(to) = &args.to else { return stays(session, ask, from).await };
    let to = stores::open_named(session, to)?;
    session
        .reporter
        .say(&format!("The home of `{}` moves to `{}`; from then on the old place is only read.", from.name, to.name));
    if !ask.agreed(session, "Move it?").await? {
        return Ok(Exit::Done);
    }
    let mut keys = keys::keys(session, &EncryptionSetting::default())?;
    let (clock, entropy) = (session.clock.clone(), Arc::new(SystemEntropy));
    let home =
        HomeCtx { store: from.store.clone(), keys: keys.clone(), clock: clock.clone(), entropy: entropy.clone() };
    if let Some(ring) = Home::open(home)?.keyring()? {
        keys.encryption.wrappers = keys::services(&ring.wrappers);
    }
    let migration = Arc::new(Migration {
        from: from.store,
        to: to.store,
        to_name: to.name.clone(),
        holder: session.holder("home migrate"),
        keys,
        clock,
        entropy,
    });
    let Migrated { objects, copied, bytes, stages } = moved(session, args, migration).await?;
    session.reporter.json(&json!({
        "type": "migrated", "to": to.name, "objects": objects, "copied": copied, "bytes": bytes, "stages": stages,
    }));
    if objects == 0 {
        session.reporter.say(&format!("The home is in `{}` already; nothing was left to do.", to.name));
        return Ok(Exit::Done);
    }
    session.reporter.say(&format!(
        "{objects} objects of {stages} stages are in `{}`, compared byte by byte and loaded.\n\
         Name it as the `home` of the stacks that use it; the old place keeps its copy and is only read.",
        to.name
    ));
    Ok(Exit::Done)
}

/// `--give-up`: a home whose migration was killed stays where it is.
async fn stays(session: &Session, ask: Ask, from: stores::NamedStore) -> CliResult<Exit> {
    session.reporter.say(&format!("The home of `{}` stays where it is, if no migration goes on.", from.name));
    if !ask.agreed(session, "Give the migration up?").await? {
        return Ok(Exit::Done);
    }
    let keys = keys::keys(session, &EncryptionSetting::default())?;
    let (clock, entropy) = (session.clock.clone(), Arc::new(SystemEntropy));
    let ctx = HomeCtx { store: from.store, keys, clock, entropy };
    let given_up = give_up(ctx, &session.holder("home migrate"))?;
    session.reporter.json(&json!({ "type": "migration-given-up", "home": from.name, "was_begun": given_up }));
    session.reporter.say(&match given_up {
        true => format!("The migration is given up; `{}` can be written again.", from.name),
        false => format!("No migration of `{}` was begun; nothing was changed.", from.name),
    });
    Ok(Exit::Done)
}

/// Moves it as soon as no run holds a lease, for as long as it was told to wait.
async fn moved(session: &Session, args: &MigrateArgs, migration: Arc<Migration>) -> CliResult<Migrated> {
    let until_ms = session.clock.epoch_ms().saturating_add(args.lock.wait_ms());
    loop {
        let this = Arc::clone(&migration);
        let result = tokio::task::spawn_blocking(move || migrate(&this)).await;
        let result = result.map_err(|error| CliError::new(Exit::Bug, format!("the migration ended: {error}")))?;
        match result {
            Ok(migrated) => return Ok(migrated),
            Err(MigrateError::Stage(OpenStageError::Locked { .. })) if session.clock.epoch_ms() < until_ms => {}
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = session.cancel.reached(Stop::Soft) => return Err(stopped()),
            () = tokio::time::sleep(LOCK_POLL) => {}
        }
    }
}
