//! Moves a home to another store: nobody may write into it meanwhile; every object is copied and compared, every stage
//! is loaded from the copy; only then is the old home marked as moved. One that was cut off is gone on with.

use std::collections::BTreeSet;
use std::sync::Arc;

use cofferdam_model::{StackName, StageName};

use crate::home::{NAME, check};
use crate::lease::released;
use crate::moved::{ARRIVING, Arriving, MOVED, MOVING, Moved, mark, set};
use crate::places::{Places, number_of, stage_of};
use crate::store::{Created, Store, StoreError};
use crate::{
    Access, Clock, Entropy, Holder, Home, HomeCtx, Keys, LoadError, Loaded, OpenHomeError, OpenStageError, Stage,
};

/// Objects that are copied at one time.
const AT_ONCE: usize = 64;

/// What a migration is given.
pub struct Migration {
    /// The home.
    pub from: Arc<dyn Store>,
    /// Where it goes; has no home yet.
    pub to: Arc<dyn Store>,
    /// How people call the new place: what those who come to the old one are told.
    pub to_name: String,
    /// Who moves it.
    pub holder: Holder,
    /// What opens its secrets.
    pub keys: Keys,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Objects in the new home.
    pub objects: usize,
    /// Of those, copied now; the others were there from one that was cut off.
    pub copied: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Stages that were loaded from the new home.
    pub stages: usize,
}

/// Why a home was not moved. The old one is what it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is no home.
    #[error("there is no home in `{0}`")]
    NoHome(String),
    /// The target has objects that are not of this home.
    #[error("`{0}` has a home already, or something else")]
    Occupied(String),
    /// Both are the same.
    #[error("`{0}` is where the home is already")]
    Same(String),
    /// A home could not be opened, or has moved elsewhere.
    #[error(transparent)]
    Home(#[from] OpenHomeError),
    /// A stage could not be opened, or another run holds its lease.
    #[error(transparent)]
    Stage(#[from] OpenStageError),
    /// A stage could not be loaded; `state verify` tells more.
    #[error("could not load stack `{stack}` in stage `{stage}`")]
    Load {
        /// The stack.
        stack: StackName,
        /// The stage.
        stage: StageName,
        /// Why.
        #[source]
        source: Box<LoadError>,
    },
    /// A copy differs from what it was made of.
    #[error("`{0}` is not what was copied")]
    Copy(String),
    /// A store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Moves a home.
///
/// # Errors
/// When another run holds a lease, a stage does not load, a copy differs, or a store fails. The old home is then as it
/// was, and what was copied stays for the next attempt.
pub fn migrate(migration: &Migration) -> Result<Migrated, MigrateError> {
    let Migration { from, to, .. } = migration;
    if from.place(NAME) == to.place(NAME) {
        return Err(MigrateError::Same(to.place("")));
    }
    if check(&**from)?.is_none() {
        return Err(MigrateError::NoHome(from.place("")));
    }
    let home = from.get(NAME)?.unwrap_or_default();
    let arriving = Arriving { from: from.place(""), home: String::from_utf8_lossy(&home).into_owned() };
    if let Some(moved) = mark::<Moved>(&**from, MOVED)? {
        // Cut off after everything was done but the last mark.
        if moved.to == migration.to_name && to.get(NAME)?.as_ref() == Some(&home) {
            to.delete(&[ARRIVING.to_owned()])?;
            return Ok(Migrated::default());
        }
        return Err(OpenHomeError::Moved { place: from.place(""), moved: Box::new(moved) }.into());
    }
    claim(&**to, &arriving)?;
    // From now on nobody opens a stage to write: who was faster holds a lease, which is found below.
    let mark = serde_json::to_vec(&migration.mark()).expect("names and numbers are JSON");
    // One that is there is of a migration that goes on, or that was killed: its leases tell which.
    let mut ours = from.create(MOVING, &mark)? == Created::Made;
    migration.carry(&home, &mut ours).inspect_err(|_| {
        if ours {
            // Where this fails as well, the next migration goes on from here.
            let _ = from.delete(&[MOVING.to_owned()]);
        }
    })
}

/// Gives up a migration that was killed: the old home can be written again. What was copied is no home, and stays. False
/// where none was begun.
///
/// # Errors
/// When a run holds a lease, such as a migration that goes on, or the store fails. Nothing is changed then.
pub fn give_up(ctx: HomeCtx, holder: &Holder) -> Result<bool, MigrateError> {
    let from = Arc::clone(&ctx.store);
    if check(&*from)?.is_none() {
        return Err(MigrateError::NoHome(from.place("")));
    }
    if from.get(MOVING)?.is_none() {
        return Ok(false);
    }
    let _held = hold(&Home::open(ctx)?, holder)?;
    from.delete(&[MOVING.to_owned()])?;
    Ok(true)
}

/// Takes the lease of every stage.
fn hold(home: &Home, holder: &Holder) -> Result<Vec<Stage>, MigrateError> {
    let stages = home.stages()?.into_iter();
    stages.map(|(stack, stage)| Ok(home.open_to_move(&stack, &stage, holder)?)).collect()
}

/// Takes a store for the home that arrives; one that an earlier attempt took is taken on.
fn claim(to: &dyn Store, arriving: &Arriving) -> Result<(), MigrateError> {
    if let Some(found) = mark::<Arriving>(to, ARRIVING)? {
        return if found.home == arriving.home { Ok(()) } else { Err(MigrateError::Occupied(to.place(""))) };
    }
    if !to.list("")?.is_empty() {
        return Err(MigrateError::Occupied(to.place("")));
    }
    set(to, ARRIVING, arriving)?;
    // A run that made a home there at this moment has made something before it looked for the mark.
    if to.list("")?.iter().any(|object| object.key != ARRIVING) {
        to.delete(&[ARRIVING.to_owned()])?;
        return Err(MigrateError::Occupied(to.place("")));
    }
    Ok(())
}

impl MigrateError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome(_) => Some("a stack's home is made by its first deploy".to_owned()),
            Self::Occupied(_) => Some("name a place with nothing in it".to_owned()),
            Self::Copy(_) => Some("nothing was moved; try again".to_owned()),
            Self::Load { source, .. } => source.hint(),
            Self::Home(error) => error.hint(),
            Self::Stage(error) => error.hint(),
            Self::Store(error) => error.hint.clone(),
            Self::Same(_) => None,
        }
    }
}

impl Migration {
    fn mark(&self) -> Moved {
        Moved { to: self.to_name.clone(), at_ms: self.clock.now_ms(), by: self.holder.clone() }
    }

    fn home(&self, store: &Arc<dyn Store>) -> Result<Home, OpenHomeError> {
        let (store, keys) = (Arc::clone(store), self.keys.clone());
        Home::open(HomeCtx { store, keys, clock: Arc::clone(&self.clock), entropy: Arc::clone(&self.entropy) })
    }

    /// Does it. `ours` becomes true when the leases say that no other migration goes on.
    fn carry(&self, home: &[u8], ours: &mut bool) -> Result<Migrated, MigrateError> {
        let (from, to) = (&self.from, &self.to);
        let source = self.home(from)?;
        let stages = hold(&source, &self.holder)?;
        *ours = true;
        let mut held = Vec::new();
        for mut open in stages {
            let (_, Places { stack, stage }) = open.store();
            // Shuts out a run that was cut off, so that the copy needs no fence.
            let loaded = open.load().map_err(|error| MigrateError::Load { stack, stage, source: Box::new(error) })?;
            held.push((open, loaded));
        }
        let mut migrated = self.copy()?;
        let target = self.home(to)?;
        for (open, loaded) in &held {
            self.arrived(&target, open, loaded)?;
        }
        migrated.stages = held.len();
        // The new home is one from here on, and the old one no more.
        to.replace(NAME, home)?;
        set(&**from, MOVED, &self.mark())?;
        from.delete(&[MOVING.to_owned()])?;
        to.delete(&[ARRIVING.to_owned()])?;
        Ok(migrated)
    }

    /// Loads a stage from the new home, and expects that it is what the old one holds.
    fn arrived(&self, target: &Home, open: &Stage, loaded: &Loaded) -> Result<(), MigrateError> {
        let (_, places) = open.store();
        let fail = |error| {
            let Places { stack, stage } = places.clone();
            MigrateError::Load { stack, stage, source: Box::new(error) }
        };
        if let Some(lease) = open.lease() {
            lease.standing.check().map_err(|lost| fail(lost.into()))?;
            // The next run is to take a higher token than the log knows, and at once.
            self.to.replace(&places.lease(lease.token), &released(lease))?;
        }
        let copied = target.open_stage(&places.stack, &places.stage, Access::Read)?.load().map_err(fail)?;
        if copied == *loaded { Ok(()) } else { Err(MigrateError::Copy(self.to.place(&places.base()))) }
    }

    /// Copies every object that is part of the home, and compares every copy.
    fn copy(&self) -> Result<Migrated, MigrateError> {
        let (from, to) = (&*self.from, &*self.to);
        let keys: Vec<String> =
            from.list("")?.into_iter().map(|object| object.key).filter(|key| travels(key)).collect();
        let wanted: BTreeSet<&String> = keys.iter().collect();
        // What an earlier attempt copied and the home has dropped since.
        let there: Vec<String> = to.list("")?.into_iter().map(|object| object.key).collect();
        let stale: Vec<String> =
            there.into_iter().filter(|key| key != ARRIVING && key != NAME && !wanted.contains(key)).collect();
        if !stale.is_empty() {
            to.delete(&stale)?;
        }
        let mut migrated = Migrated { objects: keys.len() + 1, ..Migrated::default() };
        for keys in keys.chunks(AT_ONCE) {
            let (originals, copies) = (from.get_many(keys)?, to.get_many(keys)?);
            let mut written: Vec<(String, Vec<u8>)> = Vec::new();
            for ((key, original), copy) in keys.iter().zip(originals).zip(copies) {
                let original = original.ok_or_else(|| MigrateError::Copy(from.place(key)))?;
                migrated.bytes += original.len() as u64;
                if copy.as_ref() != Some(&original) {
                    to.replace(key, &original)?;
                    written.push((key.clone(), original));
                }
            }
            migrated.copied += written.len();
            let keys: Vec<String> = written.iter().map(|(key, _)| key.clone()).collect();
            for ((key, original), copy) in written.iter().zip(to.get_many(&keys)?) {
                if copy.as_ref() != Some(original) {
                    return Err(MigrateError::Copy(to.place(key)));
                }
            }
        }
        Ok(migrated)
    }
}

/// Whether an object goes with the home: all but marks and leases. `home.json` goes last, on its own.
fn travels(key: &str) -> bool {
    let is_mark = [NAME, MOVED, MOVING, ARRIVING].contains(&key);
    let is_lease =
        stage_of(key).is_some_and(|places| key.starts_with(&places.leases()) && number_of(key, "json").is_some());
    !is_mark && !is_lease
}
