//! One stage of a stack in a home: loads its state, journals a run, and makes the snapshot at the run's end.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use cofferdam_model::journal::Journal;
use cofferdam_model::state::StackState;
use cofferdam_model::{StackName, StageName};

use crate::durable::at;
use crate::entropy::random_hex;
use crate::generation::{Files, Generation, Journaled};
use crate::journal::{Chain, Origin, Places, Replacement, Writer};
use crate::lock::StageLock;
use crate::record::StoredRecord;
use crate::replay::Replay;
use crate::snapshot::Body;
use crate::vault::{OpenError, Vault};
use crate::{Damage, FileError, Holder, JournalStats, LoadError, Loaded, WriteError};

/// What a stage is opened for.
#[derive(Clone, Debug)]
pub enum Access {
    /// To look, beside a writer.
    Read,
    /// To change, alone; with what others are told about it.
    Write(Holder),
}

/// What came of [`Stage::compact`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Compaction {
    /// The snapshot says it all already; nothing was written.
    Unchanged,
    /// Writes are in flight, and only the journal knows them: it stays, and the next run replays it.
    Kept {
        /// How many.
        in_flight: usize,
    },
    /// There is a new snapshot and an empty journal.
    Written {
        /// The lineage that the state has now.
        lineage: String,
        /// The serial that the state has now.
        serial: u64,
    },
}

/// A stage that is open. To drop it waits for what was appended, then releases the lock.
pub struct Stage {
    places: Places,
    vault: Arc<Vault>,
    /// Which snapshot the state of this run grows out of; known once it is loaded.
    base_generation: Generation,
    origin: Option<Origin>,
    /// The snapshot's state, where it is known and the journal has not changed it.
    base: Option<StackState>,
    // In this order: the writer ends before the lock does.
    writer: Option<Writer>,
    lock: Option<StageLock>,
}

impl Stage {
    pub(crate) fn new(
        directory: &Path,
        stack: StackName,
        stage: StageName,
        vault: Arc<Vault>,
        lock: Option<StageLock>,
    ) -> Self {
        let (journal, snapshot) = (directory.join("journal.jsonl"), directory.join("state.json"));
        let places = Places { stack, stage, journal, snapshot };
        Self { places, vault, base_generation: Generation::default(), origin: None, base: None, writer: None, lock }
    }

    /// Loads the snapshot and replays the journal. With write access also cuts off a line that was torn while it was
    /// written.
    ///
    /// # Errors
    /// When a file is damaged, of a newer format, or encrypted for another key, or when they do not fit together.
    pub fn load(&mut self) -> Result<Loaded, LoadError> {
        if let Some(writer) = &self.writer {
            // What failed to be written is not there to be loaded.
            let _ = writer.settle();
        }
        let Places { stack, stage, .. } = self.places.clone();
        let Files { snapshot, journal } = Files::read(&self.places)?;
        let state = match snapshot {
            Some(snapshot) => snapshot.restore(&self.places.snapshot, &stack, &stage, &self.vault)?,
            None => StackState::empty(stack, stage),
        };
        // Only a writer compares.
        let base = self.lock.is_some().then(|| state.clone());
        let mut replay = Replay::new(state);
        if let Some(journal) = &journal {
            self.replay(journal, &mut replay)?;
        }
        let changed = replay.changed();
        let loaded = replay.finish();
        if self.lock.is_some() && self.writer.is_none() {
            let in_flight = loaded.in_flight.iter().map(|step| step.operation.clone()).collect();
            self.base_generation = Generation::of(&loaded.state);
            self.base = base.filter(|_| !changed);
            let tail = journal.map(|journal| self.cut_torn(journal)).transpose()?;
            self.origin = Some(Origin { base: self.base_generation.clone(), tail, in_flight, changed });
        }
        Ok(loaded)
    }

    /// The journal of this run, whose writer begins with the first call. Nothing is written before the first record.
    /// Appends fail once the stage is dropped.
    ///
    /// # Errors
    /// Without write access, or when the stage has not been loaded before and cannot be.
    pub fn journal(&mut self) -> Result<Arc<dyn Journal>, WriteError> {
        self.writer().map(Writer::journal)
    }

    /// What the journal has cost since this stage was opened.
    #[must_use]
    pub fn stats(&self) -> JournalStats {
        self.writer.as_ref().map(Writer::stats).unwrap_or_default()
    }

    /// Puts a snapshot of the state in the place of snapshot and journal. Called once, at the end of a run, when
    /// nothing is appended any more. The state has the lineage and the serial that were loaded, and everything that
    /// the journal says: a state that differs without a record is kept only if nothing is in flight.
    ///
    /// # Errors
    /// Without write access, when the state did not grow out of what was loaded, when a record could not be written
    /// before, or when a file cannot be. Snapshot and journal are then as the last durable record left them.
    pub fn compact(&mut self, state: &StackState) -> Result<Compaction, WriteError> {
        let settled = self.writer()?.settle()?;
        self.check_origin(state)?;
        if settled.in_flight > 0 {
            return Ok(Compaction::Kept { in_flight: settled.in_flight });
        }
        if !settled.changed && self.base.as_ref() == Some(state) {
            return Ok(Compaction::Unchanged);
        }
        let lineage = match state.lineage.as_str() {
            "" => random_hex::<16>(self.vault.entropy()),
            lineage => lineage.to_owned(),
        };
        let generation = Generation { lineage, serial: state.serial + 1 };
        let body = Body::new(state, &generation, &self.vault)?;
        let replacement = Replacement { body, generation: generation.clone(), records: settled.records };
        self.writer()?.replace(replacement)?;
        self.base_generation = generation.clone();
        let Generation { lineage, serial } = generation;
        self.base = Some(StackState { lineage: lineage.clone(), serial, ..state.clone() });
        Ok(Compaction::Written { lineage, serial })
    }

    fn check_origin(&self, state: &StackState) -> Result<(), WriteError> {
        let Places { stack, stage, .. } = &self.places;
        let given = Generation::of(state);
        if (&state.stack, &state.stage, &given) == (stack, stage, &self.base_generation) {
            return Ok(());
        }
        let describe = |stack: &StackName, stage: &StageName, generation: &Generation| {
            format!("{generation} (stack `{stack}`, stage `{stage}`)")
        };
        Err(WriteError::Outdated {
            given: describe(&state.stack, &state.stage, &given),
            found: describe(stack, stage, &self.base_generation),
        })
    }

    fn replay(&self, journal: &Journaled, replay: &mut Replay) -> Result<(), LoadError> {
        let Places { stack, stage, journal: path, .. } = &self.places;
        for (i, range) in journal.scan.records.iter().enumerate() {
            // The header is line 1.
            let damaged = |what| Damage { path: path.clone(), line: Some(i + 2), what };
            let record: StoredRecord = serde_json::from_slice(&journal.bytes[range.clone()])
                .map_err(|error| damaged(format!("the record is not as it should be ({error})")))?;
            replay.play(record.restore(stack, stage, &self.vault).map_err(|error| match error {
                OpenError::Key(error) => LoadError::Key(error),
                OpenError::Damaged(what) => damaged(what).into(),
            })?);
        }
        Ok(())
    }

    /// Cuts off what was torn while it was written; the length and the chain of what is left.
    fn cut_torn(&self, journal: Journaled) -> Result<(u64, Chain), FileError> {
        let Journaled { bytes, scan } = journal;
        let length = scan.whole_bytes as u64;
        if scan.whole_bytes < bytes.len() {
            let path = &self.places.journal;
            let file = OpenOptions::new().write(true).open(path).map_err(at("open", path))?;
            file.set_len(length).and_then(|()| file.sync_data()).map_err(at("repair", path))?;
        }
        Ok((length, scan.chain))
    }

    fn writer(&mut self) -> Result<&Writer, WriteError> {
        if self.lock.is_none() {
            return Err(WriteError::ReadOnly(self.places.stage.clone()));
        }
        if self.writer.is_none() {
            if self.origin.is_none() {
                self.load()?;
            }
            let origin = self.origin.take().expect("loading with write access fills it");
            self.writer = Some(Writer::spawn(self.places.clone(), Arc::clone(&self.vault), origin)?);
        }
        Ok(self.writer.as_ref().expect("filled above"))
    }
}
