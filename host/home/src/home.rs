//! A home: what holds the state of every stack. [`Home::open`] only looks; the first write access makes what is
//! missing.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cofferdam_model::{StackName, StageName};
use serde::{Deserialize, Serialize};

use crate::entropy::random_hex;
use crate::lease::{Attempt, Held, Holder, Lease, Leased, TIME_TO_LIVE, Taking, Times};
use crate::moved::{self, Moved};
use crate::places::{Places, STACKS};
use crate::snapshot::checksum;
use crate::store::{Created, Store, probe};
use crate::vault::Vault;
use crate::{
    Access, Clock, Damage, Entropy, Form, Keys, NewerFormat, OpenHomeError, OpenStageError, Stage, UnlockError,
};

/// The format that is written.
const FORMAT: u64 = 1;
pub(crate) const NAME: &str = "home.json";

/// The text of `home.json`.
#[derive(Serialize, Deserialize)]
struct HomeFile {
    format: u64,
    /// Random; tells copies and other homes apart.
    id: String,
    /// The beginning of a checksum over the two.
    sum: String,
}

impl HomeFile {
    fn new(id: String) -> Self {
        Self { format: FORMAT, sum: sum(FORMAT, &id), id }
    }
}

fn sum(format: u64, id: &str) -> String {
    checksum(format!("{format} {id}").as_bytes())[..16].to_owned()
}

#[derive(Deserialize)]
struct Version {
    format: u64,
}

/// What a home is given from outside.
pub struct HomeCtx {
    /// Where its objects lie.
    pub store: Arc<dyn Store>,
    /// What opens its secrets.
    pub keys: Keys,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A home in a store.
pub struct Home {
    store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    form: Form,
    history: usize,
    lease: Duration,
    /// What this process has seen in `home.json`.
    known: OnceLock<String>,
}

impl Home {
    /// How many snapshots a stage keeps by default.
    pub const HISTORY: usize = 50;

    /// Opens the home in a store, which need not have one yet. Makes nothing.
    ///
    /// # Errors
    /// When `home.json` is damaged, unreadable or of a newer format.
    pub fn open(ctx: HomeCtx) -> Result<Self, OpenHomeError> {
        let HomeCtx { store, keys, clock, entropy } = ctx;
        let known = check(&*store)?.map_or_else(OnceLock::new, OnceLock::from);
        let form = keys.encryption.form;
        let vault = Arc::new(Vault::new(Arc::clone(&store), keys, Arc::clone(&clock), entropy));
        Ok(Self { store, vault, clock, form, history: Self::HISTORY, lease: TIME_TO_LIVE, known })
    }

    /// With another number of snapshots to keep, at least one.
    #[must_use]
    pub fn with_history(mut self, snapshots: usize) -> Self {
        self.history = snapshots.max(1);
        self
    }

    /// With another time to live of leases that nobody renews; from 5 seconds on, because stores tell times in whole
    /// seconds.
    #[must_use]
    pub fn with_lease(mut self, time_to_live: Duration) -> Self {
        self.lease = time_to_live.max(Duration::from_secs(5));
        self
    }

    /// Opens a stage of a stack. Write access takes its lease, without waiting, and holds it until the stage is
    /// dropped; read access takes none, makes nothing, and sees a state that was whole at one moment.
    ///
    /// # Errors
    /// When another run holds the lease, or the home cannot be made.
    pub fn open_stage(&self, stack: &StackName, stage: &StageName, access: Access) -> Result<Stage, OpenStageError> {
        let places = Places { stack: stack.clone(), stage: stage.clone() };
        let lease = match access {
            Access::Read => None,
            Access::Write(holder) => {
                self.make()?;
                let lease = self.take(&places, &holder)?;
                moved::check(&*self.store)?;
                // From here on nobody drops a key that this run may encrypt with: it has to be the newest.
                self.vault.ring().forget_current();
                Some(lease)
            }
        };
        Ok(self.stage(places, lease))
    }

    /// Opens a stage to write, also where the home is being moved: for the one who moves it.
    pub(crate) fn open_to_move(
        &self,
        stack: &StackName,
        stage: &StageName,
        holder: &Holder,
    ) -> Result<Stage, OpenStageError> {
        let places = Places { stack: stack.clone(), stage: stage.clone() };
        let lease = self.take(&places, holder)?;
        Ok(self.stage(places, Some(lease)))
    }

    fn take(&self, places: &Places, holder: &Holder) -> Result<Lease, OpenStageError> {
        match self.taking(&places.leased()).take(holder, false)? {
            Attempt::Taken(lease) => Ok(lease),
            Attempt::Held(held) => {
                let Places { stack, stage } = places.clone();
                Err(OpenStageError::Locked { stack, stage, held: Box::new(held) })
            }
        }
    }

    /// Where the home is now, where it has moved. What is left here may be read, and is as old as the move.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn moved(&self) -> Result<Option<Moved>, OpenHomeError> {
        moved::mark(&*self.store, moved::MOVED)
    }

    /// Who holds the lease of a stage; none where nobody does.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn held(&self, stack: &StackName, stage: &StageName) -> Result<Option<Held>, OpenStageError> {
        let places = Places { stack: stack.clone(), stage: stage.clone() };
        Ok(self.taking(&places.leased()).held()?)
    }

    /// Takes the lease from whoever has it, also from one who is alive, shuts that run out of the log, and gives the
    /// lease back.
    ///
    /// # Errors
    /// When the store cannot be written, or the log is damaged.
    pub fn unlock(&self, stack: &StackName, stage: &StageName, by: &Holder) -> Result<(), UnlockError> {
        moved::check(&*self.store)?;
        let places = Places { stack: stack.clone(), stage: stage.clone() };
        match self.taking(&places.leased()).take(by, true)? {
            Attempt::Taken(lease) => Ok(self.stage(places, Some(lease)).load_text().map(drop)?),
            // Another run takes it at this very moment, again and again: the old holder is shut out by that one.
            Attempt::Held(_) => Ok(()),
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(crate) fn check_keyring(&self, revision: u64) -> Result<Option<usize>, crate::KeyError> {
        self.vault.ring().check(revision)
    }

    fn stage(&self, places: Places, lease: Option<Lease>) -> Stage {
        let (store, vault, clock) = self.parts();
        Stage::new(store, places, vault, clock, lease, (self.history, self.form))
    }

    fn taking<'a>(&'a self, leased: &'a Leased) -> Taking<'a> {
        Taking {
            store: &self.store,
            leased,
            clock: &self.clock,
            times: Times::new(self.lease),
            entropy: self.vault.entropy(),
        }
    }

    /// What tells this home and others apart; none where there is no home yet.
    ///
    /// # Errors
    /// When `home.json` is damaged, unreadable or of a newer format.
    pub fn id(&self) -> Result<Option<String>, OpenHomeError> {
        check(&*self.store)
    }

    /// The same as far as this process has seen it, without looking again.
    #[must_use]
    pub fn known_id(&self) -> Option<&str> {
        self.known.get().map(String::as_str)
    }

    /// The same, of a home that is made where it is not there yet.
    ///
    /// # Errors
    /// The same, and when the home cannot be made.
    pub fn id_of_made(&self) -> Result<String, OpenHomeError> {
        self.make()?;
        let gone = || Damage { place: self.store.place(NAME), line: None, what: "it is gone again".to_owned() };
        Ok(self.id()?.ok_or_else(gone)?)
    }

    /// What the parts of a home share.
    pub(crate) fn parts(&self) -> (Arc<dyn Store>, Arc<Vault>, Arc<dyn Clock>) {
        (Arc::clone(&self.store), Arc::clone(&self.vault), Arc::clone(&self.clock))
    }

    /// Makes the home where it is not there yet.
    pub(crate) fn make(&self) -> Result<(), OpenHomeError> {
        if let Some(id) = check(&*self.store)? {
            self.known.get_or_init(|| id);
            return Ok(());
        }
        if self.store.directory().is_none() {
            // A file system holds a name by itself; a server may not.
            probe(&*self.store, self.vault.entropy())?;
        }
        let text = home_file(self.vault.entropy());
        let made = match self.store.create(NAME, &text)? {
            Created::Made => serde_json::from_slice(&text).ok().map(|home: HomeFile| home.id),
            // Another process made it first.
            Created::Taken => check(&*self.store)?,
        };
        if let Some(id) = made {
            self.known.get_or_init(|| id);
        }
        Ok(())
    }
}

/// The text of a new `home.json`.
pub(crate) fn home_file(entropy: &dyn Entropy) -> Vec<u8> {
    serde_json::to_vec(&HomeFile::new(random_hex::<16>(entropy))).expect("a number and a string are JSON")
}

/// The id in `home.json`, where that is there; an error where this program cannot work with it.
pub(crate) fn check(store: &dyn Store) -> Result<Option<String>, OpenHomeError> {
    let place = store.place(NAME);
    let damaged = |what: String| Damage { place: place.clone(), line: None, what };
    let bytes = match store.get(NAME)? {
        Some(bytes) => bytes,
        None if !is_left_alone(store)? => return Ok(None),
        // Another process may have made it just now.
        None => store.get(NAME)?.ok_or_else(|| damaged("it is missing".to_owned()))?,
    };
    if bytes.is_empty() {
        return Err(damaged("it is empty".to_owned()).into());
    }
    let no_home = |error| damaged(format!("it does not describe a home ({error})"));
    let version: Version = serde_json::from_slice(&bytes).map_err(no_home)?;
    if version.format > FORMAT {
        return Err(NewerFormat { place, found: version.format, known: FORMAT }.into());
    }
    let home: HomeFile = serde_json::from_slice(&bytes).map_err(no_home)?;
    if home.sum != sum(home.format, &home.id) {
        return Err(damaged("the checksum does not match".to_owned()).into());
    }
    Ok(Some(home.id))
}

/// Whether there are stages, so that there was a home; not where one is about to arrive.
fn is_left_alone(store: &dyn Store) -> Result<bool, OpenHomeError> {
    Ok(!store.list(STACKS)?.is_empty() && store.get(moved::ARRIVING)?.is_none())
}
