//! A lease, of a stage or whatever else one process at a time may write: who that is. The highest token counts; see `host/docs/design/home.md`. [`keeper`] keeps
//! it young.

mod keeper;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::places::number_of;
use crate::store::{Created, Store, StoreError};
use crate::{Clock, Entropy, entropy::random_hex};

use keeper::Keeper;

/// How long a token lives by default that nobody writes again.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(20);
/// The longest time to live that is believed of another's token.
const MAX_TIME_TO_LIVE: Duration = Duration::from_secs(600);
/// Longer than any attempt at a lease lasts. Tokens are removed only below one that is older.
const SUPERSEDED: Duration = Duration::from_secs(600);
/// Attempts to take a lease that others take and give back at the same moment.
const ATTEMPTS: usize = 8;

/// Who holds a lease. Shown to others; holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The user's name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// The command, such as `deploy`, without its arguments.
    pub command: String,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// The page of the CI job, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, user, host, command, url, .. } = self;
        write!(f, "`{command}` of {user} on {host}, process {pid}")?;
        url.as_ref().map_or(Ok(()), |url| write!(f, " ({url})"))
    }
}

/// What a lease is of.
#[derive(Clone, Debug)]
pub(crate) struct Leased {
    /// What the names of its tokens begin with; ends with `/`.
    pub prefix: String,
    /// For people: "stage `dev`".
    pub of: String,
}

impl Leased {
    fn token(&self, token: u64) -> String {
        format!("{}{token:010}.json", self.prefix)
    }
}

/// The times of a lease, of which the time to live is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    to_live: Duration,
}

impl Times {
    pub(crate) fn new(to_live: Duration) -> Self {
        Self { to_live }
    }

    /// How often the token is written.
    fn heartbeat(self) -> Duration {
        self.to_live / 4
    }

    /// How long its holder relies on a token, by its own clock, from the beginning of the heartbeat on. Stores may tell
    /// times in whole seconds.
    fn relied_on(self) -> Duration {
        self.to_live.saturating_sub((self.to_live / 5).max(Duration::from_secs(1)))
    }
}

/// A lease as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its token.
    pub token: u64,
    /// Who has it; none where the text cannot be read.
    pub holder: Option<Holder>,
    /// When it ends unless its holder goes on; none where the store tells no times.
    pub ends_in: Option<Duration>,
}

/// Why a holder may not write any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this run no longer holds the lease of {of}: {why}")]
pub struct LeaseLost {
    /// What it was the lease of: "stage `dev`".
    pub of: String,
    /// "another run has taken it".
    pub why: &'static str,
}

/// The text of a token.
#[derive(Serialize, Deserialize)]
struct TokenFile {
    format: u64,
    token: u64,
    /// Random: tells two attempts at one token apart.
    id: String,
    holder: Holder,
    ttl_ms: u64,
    /// Counts the heartbeats.
    beat: u64,
    released: bool,
}

/// A token in a listing.
struct Latest {
    number: u64,
    age: Option<Duration>,
    file: Option<TokenFile>,
}

/// What came of an attempt to take a lease.
pub(crate) enum Attempt {
    Taken(Lease),
    Held(Held),
}

/// What holder and keeper share.
pub(crate) struct Standing {
    clock: Arc<dyn Clock>,
    of: String,
    times: Times,
    /// By the monotonic clock, milliseconds.
    valid_until_ms: AtomicU64,
    lost: AtomicBool,
    /// Whether the next holder has to fence: a write of ours may still be under way, or we have not fenced ourselves.
    suspect: AtomicBool,
}

impl Standing {
    /// Whether this run may write, as far as it can know.
    pub(crate) fn check(&self) -> Result<(), LeaseLost> {
        let lost = |why| Err(LeaseLost { of: self.of.clone(), why });
        if self.lost.load(Ordering::Acquire) {
            return lost("another run has taken it");
        }
        if self.clock.monotonic_ms() >= self.valid_until_ms.load(Ordering::Acquire) {
            return lost("it could not be renewed in time");
        }
        Ok(())
    }

    pub(crate) fn lose(&self) -> LeaseLost {
        self.lost.store(true, Ordering::Release);
        LeaseLost { of: self.of.clone(), why: "another run has taken it" }
    }

    /// From now on the next holder fences.
    pub(crate) fn suspect(&self, suspect: bool) {
        self.suspect.store(suspect, Ordering::Release);
    }

    /// Makes it good for longer; but a lease that is over stays over, for somebody may have found the token too old just
    /// before it was written again.
    fn renewed(&self, began_ms: u64) {
        if self.clock.monotonic_ms() >= self.valid_until_ms.load(Ordering::Acquire) {
            return;
        }
        self.taken(began_ms);
    }

    fn taken(&self, began_ms: u64) {
        let relied_on = u64::try_from(self.times.relied_on().as_millis()).unwrap_or(u64::MAX);
        self.valid_until_ms.store(began_ms.saturating_add(relied_on), Ordering::Release);
    }
}

/// The lease, held until this is dropped; then released, unless the next holder has to fence.
pub(crate) struct Lease {
    pub token: u64,
    pub holder: Holder,
    pub standing: Arc<Standing>,
    /// Whether the one before did not end as it should, so that the log has to be fenced.
    pub unclean: bool,
    _keeper: Keeper,
}

/// What a lease is taken with.
pub(crate) struct Taking<'a> {
    pub store: &'a Arc<dyn Store>,
    pub leased: &'a Leased,
    pub clock: &'a Arc<dyn Clock>,
    pub times: Times,
    pub entropy: &'a dyn Entropy,
}

impl Taking<'_> {
    /// Takes the lease, or tells at once who has it. With `force` also from one who is alive.
    pub(crate) fn take(&self, holder: &Holder, force: bool) -> Result<Attempt, StoreError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let latest = self.latest()?;
            let free = match &latest {
                None => true,
                Some(latest) => force || latest.is_free() || self.store.is_abandoned(&self.key(latest.number)),
            };
            if let Some(latest) = latest.as_ref().filter(|_| !free || attempts > ATTEMPTS) {
                return Ok(Attempt::Held(latest.held()));
            }
            if let Some(lease) = self.make(latest.as_ref(), holder)? {
                return Ok(Attempt::Taken(lease));
            }
        }
    }

    /// Who holds the lease; none where nobody does.
    pub(crate) fn held(&self) -> Result<Option<Held>, StoreError> {
        let latest = self.latest()?;
        Ok(latest
            .filter(|latest| !latest.is_free() && !self.store.is_abandoned(&self.key(latest.number)))
            .map(|latest| latest.held()))
    }

    /// Makes the next token; none where another run was faster.
    fn make(&self, latest: Option<&Latest>, holder: &Holder) -> Result<Option<Lease>, StoreError> {
        let token = latest.map_or(0, |latest| latest.number) + 1;
        let key = self.key(token);
        let ttl_ms = u64::try_from(self.times.to_live.as_millis()).unwrap_or(u64::MAX);
        let id = random_hex::<8>(self.entropy);
        let file = TokenFile { format: 1, token, id, holder: holder.clone(), ttl_ms, beat: 0, released: false };
        let began_ms = self.clock.monotonic_ms();
        if self.store.create(&key, &file.text())? == Created::Taken {
            return Ok(None);
        }
        let hold = self.store.hold(&key)?;
        let listed = self.store.list(&self.leased.prefix)?;
        let numbers: Vec<u64> = listed.iter().filter_map(|object| number_of(&object.key, "json")).collect();
        if numbers.iter().max() != Some(&token) {
            // A name that was free only because it was long ago: somebody has gone on from there.
            drop(hold);
            self.store.delete(&[key])?;
            return Ok(None);
        }
        // Not all at once: a listing that somebody makes at this moment must not miss both the highest token and the one
        // that came instead. A token that another run still writes comes back and counts for nothing.
        let superseded = listed.iter().filter(|object| object.age.is_some_and(|age| age > SUPERSEDED));
        let below = superseded.filter_map(|object| number_of(&object.key, "json")).max().unwrap_or(0);
        let old: Vec<String> = numbers.into_iter().filter(|number| *number < below).map(|n| self.key(n)).collect();
        if !old.is_empty() {
            let _ = self.store.delete(&old);
        }
        let unclean = latest.is_some_and(|latest| !latest.file.as_ref().is_some_and(|file| file.released));
        let standing = Arc::new(Standing {
            clock: Arc::clone(self.clock),
            of: self.leased.of.clone(),
            times: self.times,
            valid_until_ms: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            suspect: AtomicBool::new(unclean),
        });
        standing.taken(began_ms);
        let keeper = Keeper::spawn(Arc::clone(self.store), self.leased.clone(), file, Arc::clone(&standing), hold)?;
        Ok(Some(Lease { token, holder: holder.clone(), standing, unclean, _keeper: keeper }))
    }

    fn key(&self, token: u64) -> String {
        self.leased.token(token)
    }

    fn latest(&self) -> Result<Option<Latest>, StoreError> {
        let listed = self.store.list(&self.leased.prefix)?;
        let numbered = listed.into_iter().filter_map(|object| Some((number_of(&object.key, "json")?, object.age)));
        let Some((number, age)) = numbered.max_by_key(|(number, _)| *number) else { return Ok(None) };
        let text = self.store.get(&self.key(number))?;
        let file = text.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(Some(Latest { number, age, file }))
    }
}

impl Latest {
    fn time_to_live(&self) -> Duration {
        self.file.as_ref().map_or(TIME_TO_LIVE, |file| Duration::from_millis(file.ttl_ms).min(MAX_TIME_TO_LIVE))
    }

    fn is_free(&self) -> bool {
        let released = self.file.as_ref().is_some_and(|file| file.released);
        released || self.age.is_some_and(|age| age > self.time_to_live())
    }

    fn held(&self) -> Held {
        let holder = self.file.as_ref().map(|file| file.holder.clone());
        Held { token: self.number, holder, ends_in: self.age.map(|age| self.time_to_live().saturating_sub(age)) }
    }
}

/// The text of a token that has the number of a lease and is released: for the copy of a home, where the next run is to
/// take a higher one.
pub(crate) fn released(lease: &Lease) -> Vec<u8> {
    let ttl_ms = u64::try_from(TIME_TO_LIVE.as_millis()).unwrap_or(u64::MAX);
    let Lease { token, holder, .. } = lease;
    let (token, holder, id) = (*token, holder.clone(), "moved".to_owned());
    TokenFile { format: 1, token, id, holder, ttl_ms, beat: 0, released: true }.text()
}

/// What a token says, in words; none where it cannot be read.
pub(crate) fn token_in_words(text: &[u8]) -> Option<String> {
    let file: TokenFile = serde_json::from_slice(text).ok()?;
    Some(if file.released { "released".to_owned() } else { format!("of {}", file.holder) })
}

impl TokenFile {
    fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers are JSON")
    }
}
