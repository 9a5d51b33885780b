//! One stage of a stack in a home: loads its state, journals a run, and makes the snapshot at the run's end.

use std::sync::Arc;

use cofferdam_model::journal::Journal;
use cofferdam_model::state::StackState;

use crate::entropy::random_hex;
use crate::journal::read::{self, Found};
use crate::journal::scan::{Log, Text};
use crate::journal::sealed::RecordText;
use crate::journal::{Chain, Header, LeaseLine, Origin, Replacement, Scribe, Steps, Writer, finish};
use crate::lease::Lease;
use crate::places::{Places, number_of};
use crate::record::decode;
use crate::replay::Replay;
use crate::snapshot::{Body, Made, Snapshot};
use crate::store::{Created, Store, StoreError};
use crate::vault::{OpenError, Vault};
use crate::{Clock, Damage, Form, Holder, JournalStats, LoadError, Loaded, WriteError};

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
    /// There is a new snapshot, and a journal with nothing but the writes in flight.
    Written {
        /// The lineage that the state has now.
        lineage: String,
        /// The serial that the state has now.
        serial: u64,
        /// Writes whose end is not known; the journal keeps what is known of them.
        in_flight: usize,
    },
}

/// A stage that is open. To drop it waits for what was appended, then gives the lease back.
pub struct Stage {
    store: Arc<dyn Store>,
    places: Places,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    history: usize,
    /// What is written.
    form: Form,
    /// What is there, once it is loaded; none where there is nothing.
    found: Option<Form>,
    /// Whether a run that did not end as it should has been shut out.
    fenced: bool,
    /// Which snapshot the state of this run grows out of; known once it is loaded.
    generation: (String, u64),
    origin: Option<Origin>,
    /// The snapshot's state, where it is known and the journal has not changed it.
    base: Option<StackState>,
    // In this order: the writer ends before the lease does.
    writer: Option<Writer>,
    lease: Option<Lease>,
}

impl Stage {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        places: Places,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        lease: Option<Lease>,
        (history, form): (usize, Form),
    ) -> Self {
        let generation = (String::new(), 0);
        Self {
            store,
            places,
            vault,
            clock,
            history,
            form,
            found: None,
            fenced: false,
            generation,
            origin: None,
            base: None,
            writer: None,
            lease,
        }
    }

    /// Loads the snapshot and replays the journal. With write access also shuts out a run before that did not end as
    /// it should.
    ///
    /// # Errors
    /// When an object is damaged, of a newer format, or encrypted for another key, or when another run has taken the
    /// lease.
    pub fn load(&mut self) -> Result<Loaded, LoadError> {
        if let Some(writer) = &self.writer {
            // What failed to be written is not there to be loaded.
            let _ = writer.settle();
        }
        let found = self.load_text()?;
        let next = found.next();
        let Found { log, snapshot, below } = found;
        let Places { stack, stage } = self.places.clone();
        let base = log.as_ref().and_then(|log| log.header.base.clone());
        let records = log.as_ref().filter(|log| !log.records.is_empty());
        let records = records.map(|log| if log.sealed { Form::Whole } else { Form::Values });
        self.found = snapshot.as_ref().map(Snapshot::form).or(records);
        let state = match (snapshot, &base) {
            (Some(snapshot), Some(base)) => {
                self.restore(snapshot, &self.store.place(&self.places.state(&base.name)))?
            }
            _ => StackState::empty(stack, stage),
        };
        // Only a writer compares.
        let kept = self.lease.is_some().then(|| state.clone());
        let mut replay = Replay::new(state);
        let steps = log.as_ref().map(|log| self.replay(log, &mut replay)).transpose()?.unwrap_or_default();
        let changed = replay.changed();
        let loaded = replay.finish();
        if self.lease.is_some() && self.writer.is_none() {
            self.generation = (loaded.state.lineage.clone(), loaded.state.serial);
            self.base = kept.filter(|_| !changed);
            let mut steps = steps;
            let in_flight = loaded.in_flight.iter().filter_map(|step| steps.take(&step.operation)).collect();
            let (first, fences) = log.as_ref().map_or((1, [].into()), |log| (log.base(), log.fences.clone()));
            let chain = log.map(|log| log.chain);
            self.origin = Some(Origin { base, chain, next, first, fences, below, in_flight, changed });
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

    /// Makes a snapshot of the state and a journal that goes on from there. Called when nothing is appended. The state
    /// has the lineage and the serial that were loaded, and everything that the journal says.
    ///
    /// # Errors
    /// Without write access, when the state did not grow out of what was loaded, when a record could not be written
    /// before, when the lease is lost, or when the store cannot be written. Snapshot and journal are then as the last
    /// durable record left them.
    pub fn compact(&mut self, state: &StackState) -> Result<Compaction, WriteError> {
        let settled = self.writer()?.settle()?;
        self.check_origin(state)?;
        let same_form = self.found.is_none_or(|found| found == self.form);
        if !settled.changed && same_form && self.base.as_ref() == Some(state) {
            return Ok(Compaction::Unchanged);
        }
        self.renew(state)
    }

    /// Does what [`Stage::compact`] does, also where nothing has changed: everything is encrypted anew.
    ///
    /// # Errors
    /// As [`Stage::compact`].
    pub fn renew(&mut self, state: &StackState) -> Result<Compaction, WriteError> {
        let settled = self.writer()?.settle()?;
        self.check_origin(state)?;
        let lineage = match state.lineage.as_str() {
            "" => random_hex::<16>(self.vault.entropy()),
            lineage => lineage.to_owned(),
        };
        let serial = state.serial + 1;
        let by = self.lease.as_ref().map(|lease| lease.holder.clone());
        let by = by.ok_or_else(|| WriteError::ReadOnly(self.places.stage.clone()))?;
        let made = Made { at_ms: self.clock.now_ms(), by };
        let body = Body::new(state, &lineage, serial, &made, (&self.vault, self.form))?;
        let history = self.history;
        let replacement = Replacement { body, lineage: lineage.clone(), serial, records: settled.records, history };
        self.writer()?.replace(replacement)?;
        self.generation = (lineage.clone(), serial);
        self.found = Some(self.form);
        self.base = Some(StackState { lineage: lineage.clone(), serial, ..state.clone() });
        Ok(Compaction::Written { lineage, serial, in_flight: settled.in_flight })
    }

    fn check_origin(&self, state: &StackState) -> Result<(), WriteError> {
        let Places { stack, stage } = &self.places;
        let (lineage, serial) = &self.generation;
        if (&state.stack, &state.stage, &state.lineage, &state.serial) == (stack, stage, lineage, serial) {
            return Ok(());
        }
        let describe = |stack, stage, lineage: &str, serial| match serial {
            0 => format!("the empty state before the first snapshot (stack `{stack}`, stage `{stage}`)"),
            serial => format!("snapshot {serial} of lineage {lineage} (stack `{stack}`, stage `{stage}`)"),
        };
        Err(WriteError::Outdated {
            given: describe(&state.stack, &state.stage, &state.lineage, state.serial),
            found: describe(stack, stage, lineage, *serial),
        })
    }

    /// What the stage holds, before anything is decrypted. With a lease that was not given back by the one before,
    /// shuts that one out first.
    pub(crate) fn load_text(&mut self) -> Result<Found, LoadError> {
        let mut found = read::read(&self.store, &self.places)?;
        let Some(lease) = &self.lease else { return Ok(found) };
        if lease.unclean && !self.fenced {
            loop {
                let number = found.next();
                let fenced = self.fence(lease, &found)?;
                // Read again, whoever was faster: the one to be shut out may have made a base meanwhile, and a fence
                // below that would stop nobody.
                found = read::read(&self.store, &self.places)?;
                if fenced && found.log.as_ref().is_some_and(|log| log.last() == number) {
                    break;
                }
            }
            lease.standing.suspect(false);
            self.fenced = true;
        }
        match &found.log {
            Some(log) if log.token > lease.token => Err(self.outrun(lease, log.token)?),
            _ => Ok(found),
        }
    }

    /// Creates the next piece, so that nobody else can; false where somebody was faster, or where there was no log and
    /// now there is one to be fenced.
    fn fence(&self, lease: &Lease, found: &Found) -> Result<bool, LoadError> {
        let mut lines = Vec::new();
        let fences = match &found.log {
            Some(log) if log.token > lease.token => return Err(self.outrun(lease, log.token)?),
            Some(log) => {
                let line = LeaseLine { token: lease.token, fence: true, holder: lease.holder.clone() };
                log.chain.clone().push_lease(line, &mut lines);
                true
            }
            // A base of its own first: a fence stays for ever, and a base must go one day.
            None => {
                let Places { stack, stage } = self.places.clone();
                let journal = random_hex::<8>(self.vault.entropy());
                Chain::begin(Header { journal, stack, stage, token: lease.token, base: None }, &mut lines);
                false
            }
        };
        finish(&mut lines);
        lease.standing.check()?;
        Ok(self.store.create(&self.places.piece(found.next()), &lines)? == Created::Made && fences)
    }

    /// Why a run may not write whose log has a higher token: somebody has it, or it is gone, and nobody can ever write.
    fn outrun(&self, lease: &Lease, token: u64) -> Result<LoadError, StoreError> {
        let leases = self.store.list(&self.places.leases())?;
        if leases.iter().filter_map(|object| number_of(&object.key, "json")).any(|other| other > lease.token) {
            return Ok(lease.standing.lose().into());
        }
        let what = format!("the lease {token}, of a run that wrote, is missing: no other can write");
        Ok(Damage { place: self.store.place(&self.places.leases()), line: None, what }.into())
    }

    /// Plays every record; those that tell of a write in flight.
    fn replay(&self, log: &Log, replay: &mut Replay) -> Result<Steps, LoadError> {
        let mut steps = Steps::default();
        for text in &log.records {
            let opened = RecordText::open(log.body(text), text.number, &self.places, &self.vault);
            let record = opened.and_then(|text| decode(&text, &self.places, &self.vault));
            let record = record.map_err(|error| match error {
                OpenError::Key(error) => LoadError::Key(error),
                OpenError::Damaged(what) => self.damaged(log, text, what).into(),
            })?;
            steps.note(&record);
            replay.play(record);
        }
        Ok(steps)
    }

    /// The store, and the names of the stage's objects.
    pub(crate) fn store(&self) -> (Arc<dyn Store>, Places) {
        (Arc::clone(&self.store), self.places.clone())
    }

    /// The lease, where there is write access.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Forgets what was loaded: the log is another one now, and nobody is left to be shut out.
    pub(crate) fn forget(&mut self) {
        (self.origin, self.base, self.writer, self.found) = (None, None, None, None);
        self.generation = (String::new(), 0);
        self.fenced = true;
    }

    /// Goes on in the form that is there; in the one of the settings where there is nothing. Called once it is loaded, and
    /// before anything is written.
    pub(crate) fn keep_form(&mut self) {
        self.form = self.found.unwrap_or(self.form);
    }

    /// What writes records, and in which form.
    pub(crate) fn scribe<'a>(&'a self, places: &'a Places) -> Scribe<'a> {
        Scribe { places, vault: &self.vault, form: self.form }
    }

    /// What encrypts and decrypts.
    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// A snapshot's state, decrypted.
    pub(crate) fn restore(&self, snapshot: Snapshot, place: &str) -> Result<StackState, LoadError> {
        snapshot.open(place, &self.places, &self.vault)?.restore(place, &self.places, &self.vault)
    }

    fn damaged(&self, log: &Log, text: &Text, what: String) -> Damage {
        Damage { place: log.pieces[text.piece].place.clone(), line: Some(text.line), what }
    }

    fn writer(&mut self) -> Result<&Writer, WriteError> {
        if self.lease.is_none() {
            return Err(WriteError::ReadOnly(self.places.stage.clone()));
        }
        if self.writer.is_none() && self.origin.is_none() {
            self.load()?;
        }
        if let (None, Some(lease), Some(origin)) = (&self.writer, &self.lease, self.origin.take()) {
            let (store, vault) = (Arc::clone(&self.store), Arc::clone(&self.vault));
            self.writer = Some(Writer::spawn(store, self.places.clone(), (vault, self.form), lease, origin)?);
        }
        self.writer.as_ref().ok_or_else(|| WriteError::ReadOnly(self.places.stage.clone()))
    }
}
