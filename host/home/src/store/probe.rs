//! Finds out whether a store gives a name only once, before a home is built on it: creations are raced against each
//! other. A store that checks and then writes lets several of them through.

use std::sync::Barrier;

use crate::Entropy;
use crate::entropy::random_hex;

use super::{Created, Store, StoreError};

/// Creations of one object at the same time.
const RACERS: usize = 32;
/// Races before a home is made, each for an object of its own. A store that looks and then writes is seen in about half
/// of them.
const HOME_ROUNDS: usize = 24;
/// Before a bootstrap, which loses requests to such a store and nothing else: a home in its bucket is looked at anew.
pub(crate) const BOOTSTRAP_ROUNDS: usize = 8;
/// The length of an object, bytes: long enough that writing it takes a moment.
const LENGTH: usize = 4096;
/// Races without a verdict, because creations failed, after which there is none at all.
const FAILURES: usize = 2;

/// Why a store cannot hold a home.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It could not be used at all.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It gives a name more than once.
    #[error("`{place}` cannot hold a home, because it does not give a name only once: {seen}")]
    NotExclusive {
        /// The store.
        place: String,
        /// What was seen: "17 of 32 creations of one object succeeded".
        seen: String,
    },
}

impl ProbeError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint.clone(),
            Self::NotExclusive { .. } => Some(
                "two runs could write at the same time here and lose track of resources; use a bucket of Amazon S3, a \
                 server that holds `If-None-Match: *` on PutObject while others write, or a directory"
                    .to_owned(),
            ),
        }
    }
}

/// Races creations of fresh objects below `probe/`, and removes the objects. To be called before the first object of a
/// home is made; takes some seconds.
///
/// # Errors
/// When the store gives a name more than once, or cannot be used.
pub fn probe(store: &dyn Store, entropy: &dyn Entropy) -> Result<(), ProbeError> {
    probe_in(HOME_ROUNDS, store, entropy)
}

/// The same with a number of races.
pub(crate) fn probe_in(rounds: usize, store: &dyn Store, entropy: &dyn Entropy) -> Result<(), ProbeError> {
    let token = random_hex::<16>(entropy);
    let names: Vec<String> = (0..=rounds).map(|round| format!("probe/{token}/{round}")).collect();
    let seen = run(store, &names);
    let removed = store.delete(&names);
    match seen? {
        Some(seen) => {
            let place = store.place("").trim_end_matches('/').to_owned();
            Err(ProbeError::NotExclusive { place, seen })
        }
        None => Ok(removed?),
    }
}

/// What was seen that must not be.
fn run(store: &dyn Store, names: &[String]) -> Result<Option<String>, StoreError> {
    let Some((first, races)) = names.split_first() else { return Ok(None) };
    if store.create(first, b"1")? == Created::Taken {
        return Ok(Some("an object under a name that nobody else knows was there already".to_owned()));
    }
    if store.create(first, b"2")? == Created::Made {
        return Ok(Some("a second creation of an object succeeded".to_owned()));
    }
    let mut failures = Vec::new();
    for name in races {
        match race(store, name) {
            Ok(Some(seen)) => return Ok(Some(seen)),
            Ok(None) => {}
            Err(error) => failures.push(error),
        }
        if failures.len() >= FAILURES {
            break;
        }
    }
    failures.pop().map_or(Ok(None), Err)
}

fn race(store: &dyn Store, name: &str) -> Result<Option<String>, StoreError> {
    let start = Barrier::new(RACERS);
    let results: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    store.create(name, &content(racer))
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut made = Vec::new();
    let mut failed = None;
    for (racer, result) in results.into_iter().enumerate() {
        match result {
            Ok(Created::Made) => made.push(racer),
            Ok(Created::Taken) => {}
            Err(error) => failed = Some(error),
        }
    }
    if made.len() > 1 {
        return Ok(Some(format!("{} of {RACERS} creations of one object succeeded", made.len())));
    }
    // A creation that failed may have made it; then there is no verdict.
    if let Some(error) = failed {
        return Err(error);
    }
    let found = store.get(name)?;
    Ok(match (made.first(), found) {
        (None, _) => Some(format!("none of {RACERS} creations of one object succeeded")),
        (Some(_), None) => Some("an object that was made is not there".to_owned()),
        (Some(winner), Some(found)) if found != content(*winner) => {
            Some(format!("1 of {RACERS} creations of one object succeeded, and the object is another one's"))
        }
        _ => None,
    })
}

fn content(racer: usize) -> Vec<u8> {
    format!("{racer:LENGTH$}").into_bytes()
}
