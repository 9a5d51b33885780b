//! Which snapshot and which journal belong together, and how a reader gets such a pair beside a writer.

use std::fmt;

use cofferdam_model::state::StackState;
use serde::{Deserialize, Serialize};

use crate::journal::{Places, Scan};
use crate::snapshot::Snapshot;
use crate::{LoadError, durable};

/// How often a reader looks again when a writer replaces the files between its two reads.
const READS: usize = 8;

/// A snapshot among all that a stage ever had; the one before the first is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Generation {
    pub lineage: String,
    pub serial: u64,
}

impl Generation {
    pub(crate) fn of(state: &StackState) -> Self {
        Self { lineage: state.lineage.clone(), serial: state.serial }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.serial {
            0 => f.write_str("the empty state before the first snapshot"),
            serial => write!(f, "snapshot {serial} of lineage {}", self.lineage),
        }
    }
}

/// The files of a stage, which fit together.
pub(crate) struct Files {
    /// None before the first.
    pub snapshot: Option<Snapshot>,
    /// None where the snapshot has all its records, or where there is none.
    pub journal: Option<Journaled>,
}

/// A journal's bytes, checked.
pub(crate) struct Journaled {
    pub bytes: Vec<u8>,
    pub scan: Scan,
}

enum Fit {
    /// The journal goes on from the snapshot.
    Live,
    /// The snapshot has taken up this very journal: a run ended, or was cut off, between the two.
    Absorbed,
    /// Neither.
    Foreign,
}

fn fit(snapshot: Option<&Snapshot>, scan: &Scan) -> Fit {
    let (base, absorbed) = match snapshot {
        Some(snapshot) => (snapshot.generation(), Some(&snapshot.absorbed)),
        None => (Generation::default(), None),
    };
    if scan.header.base == base {
        Fit::Live
    } else if absorbed == Some(&scan.chain.sum) {
        Fit::Absorbed
    } else {
        Fit::Foreign
    }
}

impl Files {
    /// Reads snapshot and journal, without a lock. The snapshot is read first and replaced first: a pair that does not
    /// fit has an old snapshot and a new journal, and is read again.
    pub(crate) fn read(places: &Places) -> Result<Self, LoadError> {
        let mut reads = 1;
        loop {
            let snapshot = durable::read(&places.snapshot)?;
            let snapshot = snapshot.map(|bytes| Snapshot::read(&places.snapshot, &bytes)).transpose()?;
            let Some(bytes) = durable::read(&places.journal)? else { return Ok(Self { snapshot, journal: None }) };
            let scan = Scan::new(places, &bytes)?;
            match fit(snapshot.as_ref(), &scan) {
                Fit::Live => return Ok(Self { snapshot, journal: Some(Journaled { bytes, scan }) }),
                Fit::Absorbed => return Ok(Self { snapshot, journal: None }),
                Fit::Foreign if reads < READS => reads += 1,
                Fit::Foreign => {
                    return Err(LoadError::Mismatch {
                        journal_path: places.journal.clone(),
                        snapshot_path: places.snapshot.clone(),
                        journal: scan.header.base.to_string(),
                        snapshot: snapshot
                            .map_or_else(Generation::default, |snapshot| snapshot.generation())
                            .to_string(),
                    });
                }
            }
        }
    }
}
