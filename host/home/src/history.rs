//! The history of a stage: the snapshots that it keeps, each a whole state.

use cofferdam_model::state::StackState;

use crate::journal::read::Found;
use crate::places::serial_of;
use crate::snapshot::{Made, OpenSnapshot, Snapshot};
use crate::{Damage, LoadError, Stage};

/// A snapshot of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counts the snapshots of a lineage, from 1.
    pub serial: u64,
    /// When it was made, and by whom.
    pub made: Made,
    /// How many resources it has.
    pub resources: usize,
    /// The length of its text, bytes.
    pub bytes: u64,
}

impl Stage {
    /// The snapshots that are kept, the oldest first; the last is the one that the journal goes on from.
    ///
    /// # Errors
    /// When the store cannot be read, or a snapshot is damaged.
    pub fn history(&mut self) -> Result<Vec<Version>, LoadError> {
        let (store, places) = self.store();
        let Found { log, snapshot: Some(current), .. } = self.load_text()? else { return Ok(Vec::new()) };
        let all = store.list(&places.states())?;
        // One above the current has no base that names it: its run ended, or was shut out, before that.
        let kept: Vec<_> = all
            .iter()
            .filter(|object| serial_of(&object.key).is_some_and(|serial| serial < current.serial()))
            .collect();
        let keys: Vec<String> = kept.iter().map(|object| object.key.clone()).collect();
        let mut versions = Vec::new();
        for (object, text) in kept.iter().zip(store.get_many(&keys)?) {
            // Gone since it was listed: a run has made a newer one.
            let Some(text) = text else { continue };
            let place = store.place(&object.key);
            let snapshot = Snapshot::read(&place, &text, serial_of(&object.key).unwrap_or(0), None)?;
            versions.push(version(&snapshot.open(&place, &places, self.vault())?, object.bytes));
        }
        let name = log.and_then(|log| log.header.base).map(|base| places.state(&base.name)).unwrap_or_default();
        let bytes = all.iter().find(|object| object.key == name).map_or(0, |object| object.bytes);
        versions.push(version(&current.open(&store.place(&name), &places, self.vault())?, bytes));
        Ok(versions)
    }

    /// The state of a snapshot that is kept.
    ///
    /// # Errors
    /// When there is none of that serial, or it is damaged or encrypted for another key.
    pub fn at(&mut self, serial: u64) -> Result<StackState, LoadError> {
        let (store, places) = self.store();
        let current = self.load_text()?;
        let base = current.log.and_then(|log| log.header.base).filter(|base| base.serial == serial);
        let key = match base {
            Some(base) => Some(places.state(&base.name)),
            None => store.list(&places.states())?.into_iter().map(|o| o.key).find(|key| serial_of(key) == Some(serial)),
        };
        let missing = || Damage {
            place: format!("{}{serial:010}", store.place(&places.states())),
            line: None,
            what: "the history has no such snapshot".to_owned(),
        };
        let key = key.ok_or_else(missing)?;
        let text = store.get(&key)?.ok_or_else(missing)?;
        let snapshot = Snapshot::read(&store.place(&key), &text, serial, None)?;
        self.restore(snapshot, &store.place(&key))
    }
}

fn version(snapshot: &OpenSnapshot, bytes: u64) -> Version {
    Version { serial: snapshot.serial(), made: snapshot.made().clone(), resources: snapshot.resources(), bytes }
}
