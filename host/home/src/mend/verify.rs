//! Tells of every object what is known of it: whole, damaged, not needed, or of a kind that this program does not know.

use std::collections::BTreeSet;
use std::sync::Arc;

use cofferdam_model::{StackName, StageName};

use super::examine::examine;
use super::lines::Reader;
use crate::lease::token_in_words;
use crate::places::{Places, STACKS, last, number_of, serial_of, stage_of};
use crate::snapshot::Snapshot;
use crate::spare;
use crate::store::{Listed, Store, StoreError};
use crate::{Form, Home, KeyError, LoadError, SecretsError, Stage, keyring, secrets};

/// What kind of object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// `home.json` and what stands beside it.
    Home,
    /// A keyring.
    Key,
    /// The secrets of a stage.
    Secrets,
    /// A token of a lease.
    Lease,
    /// A piece of a journal.
    Journal,
    /// A snapshot.
    Snapshot,
    /// A second copy of the newest snapshot, and of what the journal goes on from.
    Spare,
    /// What a repair moved aside.
    Aside,
    /// Anything else.
    Unknown,
}

impl ObjectKind {
    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Key => "key",
            Self::Secrets => "secrets",
            Self::Lease => "lease",
            Self::Journal => "journal",
            Self::Snapshot => "snapshot",
            Self::Spare => "spare",
            Self::Aside => "aside",
            Self::Unknown => "unknown",
        }
    }
}

/// How an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it was written.
    Whole,
    /// Not needed any more.
    Unused,
    /// Not checked: of a kind or a format that this program does not know.
    Unchecked,
    /// Encrypted for a key that is not here.
    Locked,
    /// Changed since it was written, or missing.
    Damaged,
}

impl Health {
    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Unused => "unused",
            Self::Unchecked => "unchecked",
            Self::Locked => "locked",
            Self::Damaged => "damaged",
        }
    }
}

/// What is known of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name in the home.
    pub key: String,
    /// What it is.
    pub kind: ObjectKind,
    /// How it is.
    pub health: Health,
    /// In words.
    pub note: String,
}

impl Finding {
    fn new(key: &str, kind: ObjectKind, health: Health, note: impl Into<String>) -> Self {
        Self { key: key.to_owned(), kind, health, note: note.into() }
    }
}

impl Home {
    /// Every stage that the home has something of, in the order of their names.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn stages(&self) -> Result<Vec<(StackName, StageName)>, StoreError> {
        let listed = self.store().list(STACKS)?;
        let places = listed.iter().filter_map(|object| stage_of(&object.key));
        let found: BTreeSet<_> = places.map(|places| (places.stack, places.stage)).collect();
        Ok(found.into_iter().collect())
    }

    /// Checks what belongs to no stage: `home.json`, which opening has read, the keys, and what is not known.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verify(&self) -> Result<Vec<Finding>, StoreError> {
        let mut found = Vec::new();
        for Listed { key, .. } in self.store().list("")? {
            if stage_of(&key).is_some() {
                continue;
            }
            found.extend(match key.strip_prefix(keyring::PREFIX) {
                Some(name) => match number_of(name, "json") {
                    Some(revision) => self.keys(&key, revision)?,
                    None => Some(unknown(&key)),
                },
                None if key.starts_with("damaged/") => {
                    Some(Finding::new(&key, ObjectKind::Aside, Health::Unused, "moved aside by a repair"))
                }
                None if key.ends_with(".json") && !key.contains('/') => {
                    Some(Finding::new(&key, ObjectKind::Home, Health::Whole, ""))
                }
                None => Some(unknown(&key)),
            });
        }
        Ok(found)
    }

    /// A keyring; none where it is gone again.
    fn keys(&self, key: &str, revision: u64) -> Result<Option<Finding>, StoreError> {
        let (health, note) = match self.check_keyring(revision) {
            Ok(None) => return Ok(None),
            Ok(Some(members)) => (Health::Whole, format!("opens; {} may open it", counted(members, "key"))),
            Err(KeyError::Store(error)) => return Err(error),
            Err(error @ KeyError::BadKey(_)) => (Health::Damaged, error.to_string()),
            Err(error @ KeyError::Newer(_)) => (Health::Unchecked, error.to_string()),
            Err(error) => (Health::Locked, error.to_string()),
        };
        Ok(Some(Finding::new(key, ObjectKind::Key, health, note)))
    }
}

impl Stage {
    /// Checks every object of the stage. Takes no lease: what a run writes or removes meanwhile is seen or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verify(&self) -> Result<Vec<Finding>, StoreError> {
        let (store, places) = self.store();
        let base = places.base();
        let mut found = Vec::new();
        let (mut pieces, mut snapshots, mut spares) = (Vec::new(), Vec::new(), Vec::new());
        for Listed { key, .. } in store.list(&base)? {
            match key.strip_prefix(&base).and_then(|rest| rest.split_once('/')) {
                Some(("lease", name)) if number_of(name, "json").is_some() => found.extend(lease(&*store, &key)?),
                Some(("journal", name)) if number_of(name, "jsonl").is_some() => pieces.push(key),
                Some(("states", name)) if serial_of(name).is_some() => snapshots.push(key),
                Some(("spare", _)) => spares.push(key),
                Some(("secrets", name)) => match number_of(name, "json") {
                    Some(number) => found.extend(self.secrets(&*store, &places, &key, number)?),
                    None => found.push(unknown(&key)),
                },
                Some(("damaged", _)) => {
                    found.push(Finding::new(&key, ObjectKind::Aside, Health::Unused, "moved aside by a repair"));
                }
                _ => found.push(unknown(&key)),
            }
        }
        let named = journal(&store, &pieces, &mut found)?;
        for key in &snapshots {
            found.extend(self.snapshot(&store, &places, key, named.as_ref())?);
        }
        for key in &spares {
            found.extend(self.spare(&store, &places, key, named.as_ref())?);
        }
        self.whole_stage(&store, &places, &mut found)?;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    fn secrets(
        &self,
        store: &dyn Store,
        places: &Places,
        key: &str,
        number: u64,
    ) -> Result<Option<Finding>, StoreError> {
        let Some(bytes) = store.get(key)? else { return Ok(None) };
        let (health, note) = match secrets::check(self.vault(), places, &store.place(key), &bytes, number) {
            Ok(secrets) => (Health::Whole, counted(secrets, "secret")),
            Err(SecretsError::Damaged(damage)) => (Health::Damaged, damage.what),
            Err(SecretsError::Newer(newer)) => (Health::Unchecked, newer.to_string()),
            Err(error) => (Health::Locked, error.to_string()),
        };
        Ok(Some(Finding::new(key, ObjectKind::Secrets, health, note)))
    }

    fn snapshot(
        &self,
        store: &Arc<dyn Store>,
        places: &Places,
        key: &str,
        named: Option<&(u64, String)>,
    ) -> Result<Option<Finding>, StoreError> {
        let Some(bytes) = store.get(key)? else { return Ok(None) };
        let finding = |health, note: String| Ok(Some(Finding::new(key, ObjectKind::Snapshot, health, note)));
        let place = store.place(key);
        let read = Snapshot::read(&place, &bytes, serial_of(key).unwrap_or(0), None);
        let whole = read.as_ref().is_ok_and(|snapshot| snapshot.form() == Form::Whole);
        let opened = read.and_then(|snapshot| snapshot.open(&place, places, self.vault()));
        let said = opened.as_ref().map(|snapshot| (snapshot.serial(), snapshot.resources())).ok();
        let restored = opened.and_then(|snapshot| snapshot.restore(&place, places, self.vault()));
        match (restored, said) {
            (Ok(_), Some((serial, resources))) => {
                let form = if whole { ", encrypted as a whole" } else { "" };
                let resources = format!("{}{form}", counted(resources, "resource"));
                let is_current = named.is_some_and(|(_, name)| name == last(key));
                match named {
                    _ if is_current => finding(Health::Whole, format!("serial {serial}, current, {resources}")),
                    Some((current, _)) if serial < *current => {
                        finding(Health::Whole, format!("serial {serial}, {resources}"))
                    }
                    _ => finding(Health::Unused, format!("serial {serial}, {resources}; the journal does not name it")),
                }
            }
            (Err(LoadError::Damaged(damage)), _) => finding(Health::Damaged, damage.what),
            (Err(LoadError::Newer(newer)), _) => finding(Health::Unchecked, newer.to_string()),
            (Err(error), _) => finding(Health::Locked, error.to_string()),
            (Ok(_), None) => Ok(None),
        }
    }

    fn spare(
        &self,
        store: &Arc<dyn Store>,
        places: &Places,
        key: &str,
        named: Option<&(u64, String)>,
    ) -> Result<Option<Finding>, StoreError> {
        let Some(bytes) = store.get(key)? else { return Ok(None) };
        let finding = |health, note: String| Ok(Some(Finding::new(key, ObjectKind::Spare, health, note)));
        let Some(spare) = spare::read(places, key, &bytes) else { return Ok(Some(unknown(key))) };
        let place = store.place(key);
        let read = Snapshot::read(&place, &spare.snapshot, spare.serial, None);
        let opened = read.and_then(|snapshot| snapshot.open(&place, places, self.vault()));
        match opened.and_then(|snapshot| snapshot.restore(&place, places, self.vault())) {
            Ok(_) if spare.base.is_none() => finding(Health::Damaged, "line 2: it is no whole base".to_owned()),
            Ok(_) if named.is_some_and(|(_, name)| *name == spare.name) => {
                finding(Health::Whole, format!("of serial {}, current", spare.serial))
            }
            Ok(_) => finding(Health::Unused, format!("of serial {}; the next one replaces it", spare.serial)),
            Err(LoadError::Damaged(damage)) => finding(Health::Damaged, damage.what),
            Err(LoadError::Newer(newer)) => finding(Health::Unchecked, newer.to_string()),
            Err(error) => finding(Health::Locked, error.to_string()),
        }
    }

    /// What no single object shows: what is missing, and a log that is ahead of every lease.
    fn whole_stage(&self, store: &Arc<dyn Store>, places: &Places, found: &mut Vec<Finding>) -> Result<(), StoreError> {
        let repair = match examine(store, places, self.vault()) {
            Ok(repair) => repair,
            Err(LoadError::Store(error)) => return Err(error),
            // The objects themselves tell.
            Err(_) => return Ok(()),
        };
        let root = store.place(&places.base());
        for damage in repair.iter().flat_map(|repair| &repair.damaged) {
            let name = damage.place.strip_prefix(&root).unwrap_or(&damage.place).trim_start_matches('/');
            let key = format!("{}{name}", places.base());
            let kind = match name.split('/').next() {
                Some("states") => ObjectKind::Snapshot,
                Some("spare") => ObjectKind::Spare,
                Some("lease") => ObjectKind::Lease,
                _ => ObjectKind::Journal,
            };
            match found.iter_mut().find(|finding| finding.key == key) {
                Some(finding) if finding.health == Health::Damaged => {}
                Some(finding) => (finding.health, finding.note) = (Health::Damaged, damage.what.clone()),
                None => found.push(Finding::new(&key, kind, Health::Damaged, damage.what.clone())),
            }
        }
        Ok(())
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn unknown(key: &str) -> Finding {
    Finding::new(key, ObjectKind::Unknown, Health::Unchecked, "no kind of object that this cofferdam knows")
}

fn lease(store: &dyn Store, key: &str) -> Result<Option<Finding>, StoreError> {
    let Some(text) = store.get(key)? else { return Ok(None) };
    Ok(Some(match token_in_words(&text) {
        Some(words) => Finding::new(key, ObjectKind::Lease, Health::Whole, words),
        None => {
            let note = "it cannot be read; it ends by its age, and the next run takes the lease";
            Finding::new(key, ObjectKind::Lease, Health::Damaged, note)
        }
    }))
}

/// Checks the pieces of the log; the serial and the name of the snapshot that it goes on from.
fn journal(
    store: &Arc<dyn Store>,
    keys: &[String],
    found: &mut Vec<Finding>,
) -> Result<Option<(u64, String)>, StoreError> {
    let mut reader = Reader::new();
    for (key, bytes) in keys.iter().zip(store.get_many(keys)?) {
        if let (Some(bytes), Some(number)) = (bytes, number_of(key, "jsonl")) {
            reader.piece(number, key.clone(), &bytes);
        }
    }
    let base = reader.pieces.iter().rposition(|piece| piece.header().is_some());
    for (i, piece) in reader.pieces.iter().enumerate() {
        let below = base.is_some_and(|base| i < base);
        let records = piece.lines.iter().filter(|line| line.framing.is_none()).count();
        let records = counted(records, "record");
        let finding = |health, note: String| Finding::new(&piece.key, ObjectKind::Journal, health, note);
        found.push(match (piece.newer, piece.trouble) {
            (Some(found), _) => finding(Health::Unchecked, format!("has format {found}, which is newer")),
            _ if below && piece.is_fence() => finding(Health::Unused, "shuts out a run that was cut off".to_owned()),
            _ if below => finding(Health::Unused, "left over; the next snapshot removes it".to_owned()),
            (None, Some((Some(line), what))) => finding(Health::Damaged, format!("line {line}: {what}")),
            (None, Some((None, what))) => finding(Health::Damaged, what.to_owned()),
            (None, None) if Some(i) == base => finding(Health::Whole, format!("base, {records}")),
            (None, None) => finding(Health::Whole, records),
        });
    }
    let header = base.and_then(|base| reader.pieces[base].header());
    Ok(header.and_then(|header| header.base.as_ref()).map(|base| (base.serial, base.name.clone())))
}
