//! Preparations of accounts and projects, each with a record in the home. The record is a sequence of whole objects, of
//! which the highest number counts; whoever changes it creates the next number. One process at a time holds the lease of
//! the scope and does the steps, the intent before and the result after each; the others wait and adopt the record. A
//! step that was cut off is repeated with its operation id. A process that was paused and has lost its lease finds the
//! next number taken, or is found out when it lists the numbers after it made one.

pub(crate) mod aws;
mod prepare;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_model::bootstrap::BootstrapScope;

use crate::lease::{Leased, Taking, Times};
use crate::places::number_of;
use crate::store::{Created, Store};
use crate::{BootstrapError, Clock, Entropy, Held};

pub use prepare::{Prepared, Watch};
pub use record::{BootstrapRecord, BootstrapStatus, MAX_RECORD_BYTES, StepRecord};

/// What the names of all records begin with.
pub(crate) const BOOTSTRAPS: &str = "bootstrap/";
/// Objects that stay beside the one that counts: for readers that are slow.
const KEPT: u64 = 4;
/// How often to look again where what was found was removed meanwhile.
const READS: usize = 64;

/// One scope's preparation in a home.
pub struct Bootstrap {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    scope: BootstrapScope,
    leased: Leased,
    times: Times,
    is_probed: bool,
}

/// A record and the number of its object; 0 before the first.
struct Numbered {
    number: u64,
    record: BootstrapRecord,
}

impl Bootstrap {
    /// The preparation of a scope whose record lies in a store. Reads nothing yet.
    ///
    /// # Errors
    /// When a part of the scope is not what it should be.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        scope: BootstrapScope,
        lease: Duration,
    ) -> Result<Self, BootstrapError> {
        scope.check().map_err(BootstrapError::Scope)?;
        let leased = Leased { prefix: format!("{BOOTSTRAPS}{}/lease/", scope.id()), of: format!("{scope}") };
        Ok(Self { store, clock, entropy, scope, leased, times: Times::new(lease), is_probed: false })
    }

    /// Looks, before the first record, whether the store gives a name only once: for servers that nobody vouches for.
    #[must_use]
    pub fn probed(self) -> Self {
        Self { is_probed: true, ..self }
    }

    /// The records in a store, of whichever scopes; for each what is wrong with it where it cannot be read.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn all(store: &dyn Store) -> Result<Vec<Result<BootstrapRecord, BootstrapError>>, BootstrapError> {
        let mut newest: BTreeMap<String, u64> = BTreeMap::new();
        for object in store.list(BOOTSTRAPS)? {
            let Some((folder, _)) = object.key.rsplit_once('/') else { continue };
            let id = folder.strip_prefix(BOOTSTRAPS).and_then(|folder| folder.strip_suffix("/record"));
            let (Some(id), Some(number)) = (id, number_of(&object.key, "json")) else { continue };
            let known = newest.entry(id.to_owned()).or_default();
            *known = number.max(*known);
        }
        let mut records = Vec::new();
        for (id, number) in newest {
            let key = format!("{BOOTSTRAPS}{id}/record/{number:010}.json");
            // Replaced by a newer one, or removed, since the listing: whoever does that knows better.
            let Some(bytes) = store.get(&key)? else { continue };
            records.push(BootstrapRecord::read_of(&store.place(&key), &bytes, &id));
        }
        Ok(records)
    }

    /// The scope.
    #[must_use]
    pub fn scope(&self) -> &BootstrapScope {
        &self.scope
    }

    /// The record; none where the scope was never prepared.
    ///
    /// # Errors
    /// When the store cannot be read, or the record is damaged or of a newer format.
    pub fn read(&self) -> Result<Option<BootstrapRecord>, BootstrapError> {
        Ok(self.latest()?.map(|numbered| numbered.record))
    }

    /// Who prepares it at this moment; none where nobody does.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn held(&self) -> Result<Option<Held>, BootstrapError> {
        Ok(self.taking().held()?)
    }

    fn taking(&self) -> Taking<'_> {
        Taking {
            store: &self.store,
            leased: &self.leased,
            clock: &self.clock,
            times: self.times,
            entropy: &*self.entropy,
        }
    }

    fn records(&self) -> String {
        format!("{BOOTSTRAPS}{}/record/", self.scope.id())
    }

    fn object(&self, number: u64) -> String {
        format!("{}{number:010}.json", self.records())
    }

    fn numbers(&self) -> Result<Vec<u64>, BootstrapError> {
        let listed = self.store.list(&self.records())?;
        Ok(listed.iter().filter_map(|object| number_of(&object.key, "json")).collect())
    }

    fn latest(&self) -> Result<Option<Numbered>, BootstrapError> {
        for _ in 0..READS {
            let Some(number) = self.numbers()?.into_iter().max() else { return Ok(None) };
            let key = self.object(number);
            // Others have written so many newer ones that this one is gone.
            let Some(bytes) = self.store.get(&key)? else { continue };
            let record = BootstrapRecord::read(&self.store.place(&key), &bytes, &self.scope)?;
            return Ok(Some(Numbered { number, record }));
        }
        Err(BootstrapError::Busy(self.scope.to_string()))
    }

    /// Makes a record the one that counts; false where another process has changed it since it was read.
    fn commit(&self, before: u64, record: &BootstrapRecord) -> Result<bool, BootstrapError> {
        let text = record.text();
        if text.len() > MAX_RECORD_BYTES {
            return Err(BootstrapError::TooLong(text.len()));
        }
        let number = before + 1;
        let key = self.object(number);
        if self.store.create(&key, &text)? == Created::Taken {
            return Ok(false);
        }
        let numbers = self.numbers()?;
        if numbers.iter().any(|other| *other > number) {
            // The number was free only because it was long ago.
            self.store.delete(&[key])?;
            return Ok(false);
        }
        let old: Vec<String> =
            numbers.into_iter().filter(|other| *other + KEPT < number).map(|number| self.object(number)).collect();
        if !old.is_empty() {
            self.store.delete(&old)?;
        }
        Ok(true)
    }

    /// Removes the record, where the store has not gone with what was prepared.
    fn forget(&self) -> Result<(), BootstrapError> {
        let Ok(numbers) = self.numbers() else { return Ok(()) };
        let keys: Vec<String> = numbers.into_iter().map(|number| self.object(number)).collect();
        Ok(self.store.delete(&keys)?)
    }
}
