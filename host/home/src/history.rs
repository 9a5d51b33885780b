//! The history of a stage: the snapshots that it keeps, each a whole state.

use cofferdam_model::state::StackState;

use crate::places::serial_of;
use crate::snapshot::{Made, Snapshot};
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
        let Some(current) = self.load_text()?.snapshot else { return Ok(Vec::new()) };
        let listed = store.list(&places.states())?;
        // One above the current has no base that names it: its run ended, or was shut out, before that.
        let kept: Vec<_> = listed
            .into_iter()
            .filter(|object| serial_of(&object.key).is_some_and(|serial| serial < current.serial()))
            .collect();
        let keys: Vec<String> = kept.iter().map(|object| object.key.clone()).collect();
        let mut versions = Vec::new();
        for (object, text) in kept.iter().zip(store.get_many(&keys)?) {
            // Gone since it was listed: a run has made a newer one.
            let Some(text) = text else { continue };
            versions.push(version(&Snapshot::read(&store.place(&object.key), &text, None)?, object.bytes));
        }
        versions.push(version(&current, current.bytes()));
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
        let snapshot = Snapshot::read(&store.place(&key), &text, None)?;
        self.restore(snapshot, &store.place(&key))
    }
}

fn version(snapshot: &Snapshot, bytes: u64) -> Version {
    Version { serial: snapshot.serial(), made: snapshot.made().clone(), resources: snapshot.resources(), bytes }
}
