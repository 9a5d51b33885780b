//! Prepares each scope once, however many callers ask: one flight per key, keys in parallel.
//!
//! One mutex guards the map from keys to slots and the graph of who waits for whom, and is never held while anything is
//! awaited. The work runs in a task of its own, so a caller that traps, times out or is cancelled ends nobody's flight
//! but its own waiting. Every caller of a flight gets what came of it. A failure is kept for as long as it says, and
//! never longer than [`KEPT`]; it is never a success.
//!
//! Work may ask for other scopes. Who waits for whom is a graph over keys; the request that would close a circle is
//! refused at once and told the circle, so that none of its members ever waits for itself.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, join_all};
use tokio::sync::oneshot;

use super::sync::{Mutex, spawn};

/// The longest time that a failure is answered from memory.
pub(crate) const KEPT: Duration = Duration::from_secs(60);

/// What a scope is known by.
pub(crate) trait Key: Clone + Eq + Hash + fmt::Display + Send + Sync + 'static {
    /// Whose scope it is: each owner may have so many at most.
    fn owner(&self) -> &str;
}

/// Tells how much time has passed since any fixed moment.
pub(crate) type Elapsed = dyn Fn() -> Duration + Send + Sync;

/// Why a scope is not prepared, for all who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure<F> {
    /// What went wrong.
    pub why: F,
    /// For how long to answer so without trying again.
    pub retry_after: Duration,
}

/// Why a caller gets no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused<K, F> {
    /// The work failed, now or a short while ago; it is done again after that time.
    Failed(Failure<F>),
    /// The work ended without an answer: it panicked, or the host stopped it.
    Lost,
    /// The scope waits for itself: the keys of the circle, each waiting for the next and the last for the first.
    Cycle(Vec<K>),
    /// Its owner has too many scopes.
    TooMany {
        /// How many it may have.
        allowed: usize,
    },
    /// The host shuts down.
    Closed,
}

type Landed<T, F> = Result<T, Failed<F>>;
type Flight<T, F> = Shared<BoxFuture<'static, Landed<T, F>>>;

/// How a flight failed.
#[derive(Clone)]
enum Failed<F> {
    Work(Failure<F>),
    Lost,
}

enum Slot<T, F> {
    InFlight(Flight<T, F>),
    Ready(T),
    Failed { failure: Failure<F>, until: Duration },
}

struct Map<K, T, F> {
    slots: HashMap<K, Slot<T, F>>,
    /// For each key in flight, the keys that its work waits for, and how often.
    waits: HashMap<K, HashMap<K, usize>>,
    is_closed: bool,
}

struct Inner<K, T, F> {
    // Guards the map alone.
    map: Mutex<Map<K, T, F>>,
    elapsed: Box<Elapsed>,
    most: usize,
}

/// The registry. Cheap to clone.
pub(crate) struct Registry<K, T, F> {
    inner: Arc<Inner<K, T, F>>,
}

impl<K, T, F> Clone for Registry<K, T, F> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K: Key, T: Clone + Send + Sync + 'static, F: Clone + Send + Sync + 'static> Registry<K, T, F> {
    /// An empty registry, with at most so many scopes an owner.
    pub fn new(elapsed: impl Fn() -> Duration + Send + Sync + 'static, most: usize) -> Self {
        let map = Map { slots: HashMap::new(), waits: HashMap::new(), is_closed: false };
        Self { inner: Arc::new(Inner { map: Mutex::new(map), elapsed: Box::new(elapsed), most }) }
    }

    /// What is prepared for a key. Where nothing is, `work` prepares it, unless somebody's work is at it already.
    /// `from` is the key whose work asks; none for anybody else.
    ///
    /// May be dropped at any time; the work goes on.
    ///
    /// # Errors
    /// When the work fails, has failed a short while ago, or would wait for itself.
    pub async fn ensure<W>(&self, key: K, from: Option<&K>, work: impl FnOnce() -> W + Send) -> Result<T, Refused<K, F>>
    where
        W: Future<Output = Result<T, Failure<F>>> + Send + 'static,
    {
        let (flight, begin, _edge) = match self.look(&key, from)? {
            Found::Ready(value) => return Ok(value),
            Found::Flight { flight, begin, edge } => (flight, begin, edge),
        };
        if let Some(land) = begin {
            let work = work();
            spawn(async move { land.with(work.await) });
        }
        flight.await.map_err(|failed| match failed {
            Failed::Work(failure) => Refused::Failed(failure),
            Failed::Lost => Refused::Lost,
        })
    }

    /// One look at the map, and what follows from it there.
    fn look(&self, key: &K, from: Option<&K>) -> Result<Found<K, T, F>, Refused<K, F>> {
        let now = (self.inner.elapsed)();
        let mut map = self.inner.map.lock();
        match map.slots.get(key) {
            Some(Slot::Ready(value)) => return Ok(Found::Ready(value.clone())),
            Some(Slot::Failed { failure, until }) if now < *until => {
                return Err(Refused::Failed(Failure { retry_after: *until - now, ..failure.clone() }));
            }
            Some(Slot::InFlight(flight)) => {
                let flight = flight.clone();
                let edge = from.map(|from| self.wait(&mut map, from, key)).transpose()?;
                return Ok(Found::Flight { flight, begin: None, edge });
            }
            Some(Slot::Failed { .. }) => {}
            None => {
                let owned = map.slots.keys().filter(|other| other.owner() == key.owner()).count();
                if owned >= self.inner.most {
                    return Err(Refused::TooMany { allowed: self.inner.most });
                }
            }
        }
        if map.is_closed {
            return Err(Refused::Closed);
        }
        let edge = from.map(|from| self.wait(&mut map, from, key)).transpose()?;
        let (tell, told) = oneshot::channel();
        let flight = told.map(|told| told.unwrap_or(Err(Failed::Lost))).boxed().shared();
        map.slots.insert(key.clone(), Slot::InFlight(flight.clone()));
        let land = Landing { inner: Arc::clone(&self.inner), key: key.clone(), tell: Some(tell) };
        Ok(Found::Flight { flight, begin: Some(land), edge })
    }

    fn wait(&self, map: &mut Map<K, T, F>, from: &K, to: &K) -> Result<Edge<K, T, F>, Refused<K, F>> {
        if let Some(path) = path(&map.waits, to, from) {
            return Err(Refused::Cycle(path));
        }
        *map.waits.entry(from.clone()).or_default().entry(to.clone()).or_default() += 1;
        Ok(Edge { inner: Arc::clone(&self.inner), from: from.clone(), to: to.clone() })
    }

    /// Begins nothing any more, and waits for what is in flight.
    pub async fn drain(&self) {
        let flights: Vec<Flight<T, F>> = {
            let mut map = self.inner.map.lock();
            map.is_closed = true;
            let in_flight = map.slots.values().filter_map(|slot| match slot {
                Slot::InFlight(flight) => Some(flight.clone()),
                Slot::Ready(_) | Slot::Failed { .. } => None,
            });
            in_flight.collect()
        };
        join_all(flights).await;
    }
}

enum Found<K: Key, T: Clone, F: Clone> {
    Ready(T),
    Flight { flight: Flight<T, F>, begin: Option<Landing<K, T, F>>, edge: Option<Edge<K, T, F>> },
}

/// The way from one key to another over those that wait, both ends included.
fn path<K: Key>(waits: &HashMap<K, HashMap<K, usize>>, from: &K, to: &K) -> Option<Vec<K>> {
    let mut came_from: HashMap<&K, Option<&K>> = HashMap::from([(from, None)]);
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        if at == to {
            let mut path: Vec<K> = std::iter::successors(Some(at), |at| came_from[at]).cloned().collect();
            path.reverse();
            return Some(path);
        }
        for waited_for in waits.get(at).into_iter().flat_map(HashMap::keys) {
            came_from.entry(waited_for).or_insert_with(|| {
                next.push(waited_for);
                Some(at)
            });
        }
    }
    None
}

/// The end of a flight: tells the map, then those who wait. Dropped before, it tells that the work is lost.
struct Landing<K: Key, T: Clone, F: Clone> {
    inner: Arc<Inner<K, T, F>>,
    key: K,
    tell: Option<oneshot::Sender<Landed<T, F>>>,
}

impl<K: Key, T: Clone, F: Clone> Landing<K, T, F> {
    fn with(mut self, result: Result<T, Failure<F>>) {
        self.land(result.map_err(Failed::Work));
    }

    fn land(&mut self, mut landed: Landed<T, F>) {
        let Some(tell) = self.tell.take() else { return };
        if let Err(Failed::Work(failure)) = &mut landed {
            failure.retry_after = failure.retry_after.min(KEPT);
        }
        {
            let now = (self.inner.elapsed)();
            let mut map = self.inner.map.lock();
            match &landed {
                Ok(value) => map.slots.insert(self.key.clone(), Slot::Ready(value.clone())),
                Err(Failed::Work(failure)) => {
                    let until = now.saturating_add(failure.retry_after);
                    map.slots.insert(self.key.clone(), Slot::Failed { failure: failure.clone(), until })
                }
                Err(Failed::Lost) => map.slots.remove(&self.key),
            };
        }
        // Nobody may be left who waits.
        let _ = tell.send(landed);
    }
}

impl<K: Key, T: Clone, F: Clone> Drop for Landing<K, T, F> {
    fn drop(&mut self) {
        self.land(Err(Failed::Lost));
    }
}

/// One key's work waits for another key, until this is dropped.
struct Edge<K: Key, T, F> {
    inner: Arc<Inner<K, T, F>>,
    from: K,
    to: K,
}

impl<K: Key, T, F> Drop for Edge<K, T, F> {
    fn drop(&mut self) {
        let mut map = self.inner.map.lock();
        let Some(waits) = map.waits.get_mut(&self.from) else { return };
        if let Some(times) = waits.get_mut(&self.to) {
            *times -= 1;
            if *times == 0 {
                waits.remove(&self.to);
            }
        }
        if waits.is_empty() {
            map.waits.remove(&self.from);
        }
    }
}
