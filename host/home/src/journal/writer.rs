//! The thread that writes the journal of one stage. Everything that waits is written at once and made durable at
//! once, so that many steps share one flush. After a failure it writes nothing more.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use cofferdam_model::journal::{Journal, JournalError, Record};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::line::{Chain, Header, LeaseLine, SnapshotRef, finish};
use super::scribe::Scribe;
use super::steps::{self, OpenStep};
use crate::entropy::random_hex;
use crate::journal::read;
use crate::lease::{Lease, Standing};
use crate::places::{Places, serial_of, snapshot_name};
use crate::record::changes_state;
use crate::snapshot::Body;
use crate::spare;
use crate::store::{Created, Store, StoreError, Trouble};
use crate::vault::Vault;
use crate::{Form, LeaseLost, SealError, WriteError};

/// A batch is written when it has so many bytes, even though more waits.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The waits between attempts at a write that failed and may pass: they double from the first to the last.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

type Answer = Result<(), JournalError>;

/// What a journal has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Records made durable.
    pub records: u64,
    /// Pieces that made them durable.
    pub commits: u64,
    /// Bytes of those pieces.
    pub bytes: u64,
}

#[derive(Default)]
struct Counters {
    records: AtomicU64,
    commits: AtomicU64,
    bytes: AtomicU64,
}

/// What a writer goes on from.
pub(crate) struct Origin {
    /// The snapshot.
    pub base: Option<SnapshotRef>,
    /// The chain of the log; none where there is no log yet.
    pub chain: Option<Chain>,
    /// The number of the next piece.
    pub next: u64,
    /// The first number that is part of the log.
    pub first: u64,
    /// Pieces that must stay.
    pub fences: BTreeSet<u64>,
    /// Pieces below the log: fences, and what a run did not come to remove.
    pub below: Vec<u64>,
    /// Writes that the journal has in flight, in the order in which they began.
    pub in_flight: Vec<OpenStep>,
    /// Whether the journal changes the snapshot.
    pub changed: bool,
}

/// A writer with nothing left to do.
pub(crate) struct Settled {
    /// Counts the records since the writer began.
    pub records: u64,
    pub in_flight: usize,
    pub changed: bool,
}

/// A snapshot to be put in the place of the old one, and of the journal.
pub(crate) struct Replacement {
    pub body: Body,
    pub lineage: String,
    pub serial: u64,
    /// As [`Settled::records`] was when the body was made.
    pub records: u64,
    /// Snapshots to keep.
    pub history: usize,
}

enum Message {
    Append(Box<Record>, oneshot::Sender<Answer>),
    Settle(SyncSender<Result<Settled, JournalError>>),
    Replace(Box<Replacement>, SyncSender<Result<SnapshotRef, WriteError>>),
    Close,
}

/// The running thread. To drop it finishes what is queued and waits for the thread.
pub(crate) struct Writer {
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
    place: String,
    standing: Arc<Standing>,
}

impl Writer {
    pub(crate) fn spawn(
        store: Arc<dyn Store>,
        places: Places,
        (vault, form): (Arc<Vault>, Form),
        lease: &Lease,
        origin: Origin,
    ) -> Result<Self, StoreError> {
        let (sender, receiver) = channel();
        let counters = Arc::new(Counters::default());
        let place = store.place(&places.journal());
        let standing = Arc::clone(&lease.standing);
        let line = LeaseLine { token: lease.token, fence: false, holder: lease.holder.clone() };
        let worker = Worker {
            store,
            places,
            vault,
            form,
            standing: Arc::clone(&standing),
            lease: line,
            announced: false,
            chain: origin.chain.clone().unwrap_or_default(),
            origin,
            pending: Vec::new(),
            records: 0,
            failed: None,
            counters: Arc::clone(&counters),
        };
        let thread = std::thread::Builder::new().name("cofferdam-journal".to_owned());
        let thread = thread.spawn(move || worker.run(&receiver)).map_err(|source| StoreError {
            action: "start the writer of",
            place: place.clone(),
            trouble: Trouble::Lasting,
            hint: None,
            source: source.into(),
        })?;
        Ok(Self { sender, thread: Some(thread), counters, place, standing })
    }

    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        let standing = Arc::clone(&self.standing);
        Arc::new(StageJournal { sender: self.sender.clone(), place: self.place.clone(), standing })
    }

    pub(crate) fn stats(&self) -> JournalStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { records, commits, bytes } = &*self.counters;
        JournalStats { records: get(records), commits: get(commits), bytes: get(bytes) }
    }

    /// Waits until everything that was queued before is written.
    pub(crate) fn settle(&self) -> Result<Settled, JournalError> {
        let (reply, answer) = sync_channel(1);
        self.sender.send(Message::Settle(reply)).map_err(|_| closed(&self.place))?;
        answer.recv().map_err(|_| closed(&self.place))?
    }

    pub(crate) fn replace(&self, replacement: Replacement) -> Result<SnapshotRef, WriteError> {
        let (reply, answer) = sync_channel(1);
        let message = Message::Replace(Box::new(replacement), reply);
        self.sender.send(message).map_err(|_| closed(&self.place))?;
        answer.recv().map_err(|_| closed(&self.place))?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Both fail only where the thread is gone, which is what is wanted.
        let _ = self.sender.send(Message::Close);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct StageJournal {
    sender: Sender<Message>,
    place: String,
    standing: Arc<Standing>,
}

impl Journal for StageJournal {
    fn append(&self, record: Record) -> BoxFuture<'static, Answer> {
        let (reply, answer) = oneshot::channel();
        // Where the writer is gone, `reply` is dropped and the answer says so.
        let _ = self.sender.send(Message::Append(Box::new(record), reply));
        let place = self.place.clone();
        async move { answer.await.unwrap_or_else(|_| Err(closed(&place))) }.boxed()
    }

    fn may_write(&self) -> Answer {
        self.standing.check().map_err(|lost| lost_error(&self.place, lost))
    }
}

fn closed(place: &str) -> JournalError {
    let source = io::Error::new(io::ErrorKind::BrokenPipe, "the stage is closed");
    JournalError { place: place.to_owned(), hint: None, source: Arc::new(source) }
}

fn lost_error(place: &str, lost: LeaseLost) -> JournalError {
    JournalError { place: place.to_owned(), hint: None, source: Arc::new(io::Error::other(lost)) }
}

/// An object that was not written.
enum NotWritten {
    Seal(SealError),
    Lost(LeaseLost),
    Store(StoreError),
}

struct Worker {
    store: Arc<dyn Store>,
    places: Places,
    vault: Arc<Vault>,
    form: Form,
    standing: Arc<Standing>,
    lease: LeaseLine,
    /// Whether the log says who writes.
    announced: bool,
    origin: Origin,
    chain: Chain,
    /// The lines of the next piece.
    pending: Vec<u8>,
    records: u64,
    /// The first failure. Nothing is written after it.
    failed: Option<JournalError>,
    counters: Arc<Counters>,
}

impl Worker {
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut next = None;
        while let Some(message) = next.take().or_else(|| receiver.recv().ok()) {
            match message {
                Message::Append(record, reply) => next = self.batch(*record, reply, receiver),
                // An answer that nobody waits for is dropped.
                Message::Settle(reply) => drop(reply.send(self.settled())),
                Message::Replace(replacement, reply) => drop(reply.send(self.replace(&replacement))),
                Message::Close => return,
            }
        }
    }

    /// Writes a record and everything that waits behind it; the message that is no record, where one came up.
    fn batch(
        &mut self,
        mut record: Record,
        mut reply: oneshot::Sender<Answer>,
        receiver: &Receiver<Message>,
    ) -> Option<Message> {
        let mut waiting = Vec::new();
        let (rest, refused) = loop {
            match self.push(&record) {
                Ok(()) => waiting.push(reply),
                Err(error) => break (None, Some((reply, error))),
            }
            if self.pending.len() >= MAX_BATCH_BYTES {
                break (None, None);
            }
            match receiver.try_recv() {
                Ok(Message::Append(next, next_reply)) => (record, reply) = (*next, next_reply),
                rest => break (rest.ok(), None),
            }
        };
        let done = if waiting.is_empty() { Ok(()) } else { self.commit(waiting.len()) };
        for reply in waiting {
            // A waiter that went away takes nothing back.
            let _ = reply.send(done.clone());
        }
        if let Some((reply, error)) = refused {
            let error = self.failed.get_or_insert(error).clone();
            let _ = reply.send(Err(error));
        }
        rest
    }

    fn push(&mut self, record: &Record) -> Answer {
        self.failed.clone().map_or(Ok(()), Err)?;
        self.announce();
        let scribe = Scribe { places: &self.places, vault: &self.vault, form: self.form };
        let pushed = scribe.push(record, &mut self.chain, &mut self.pending);
        pushed.map_err(|error| match error {
            SealError::Key(error) => JournalError { hint: error.hint(), ..self.error(io::Error::other(error)) },
            error @ SealError::TooDeep(_) => self.error(io::Error::new(io::ErrorKind::InvalidData, error)),
        })?;
        self.records += 1;
        self.origin.changed |= changes_state(record);
        let in_flight = &mut self.origin.in_flight;
        if let Some(operation) = steps::ended(record) {
            in_flight.retain(|step| step.operation != *operation);
        }
        let step = steps::open(record).and_then(|open| in_flight.iter_mut().find(|step| step.operation == *open));
        match step {
            Some(step) => step.note(record),
            None => in_flight.extend(OpenStep::begun(record)),
        }
        Ok(())
    }

    /// Says in the log who writes from here on, once a run.
    fn announce(&mut self) {
        if self.announced {
            return;
        }
        self.announced = true;
        if self.origin.chain.is_none() {
            let header = self.header(None);
            self.chain = Chain::begin(header, &mut self.pending);
        }
        self.chain.push_lease(self.lease.clone(), &mut self.pending);
    }

    fn header(&self, base: Option<SnapshotRef>) -> Header {
        let Places { stack, stage } = self.places.clone();
        Header { journal: random_hex::<8>(self.vault.entropy()), stack, stage, token: self.lease.token, base }
    }

    fn commit(&mut self, records: usize) -> Answer {
        if let Err(error) = self.create_piece() {
            let error = match error {
                NotWritten::Lost(lost) => lost_error(&self.store.place(&self.places.piece(self.origin.next)), lost),
                NotWritten::Store(error) => JournalError { hint: error.hint.clone(), ..self.error(unboxed(error)) },
                NotWritten::Seal(error) => self.error(io::Error::other(error)),
            };
            return Err(self.failed.insert(error).clone());
        }
        let Counters { records: all_records, .. } = &*self.counters;
        all_records.fetch_add(records as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Creates the next piece of what is pending.
    fn create_piece(&mut self) -> Result<(), NotWritten> {
        let mut bytes = std::mem::take(&mut self.pending);
        finish(&mut bytes);
        let key = self.places.piece(self.origin.next);
        self.written(|| match self.store.create(&key, &bytes)? {
            Created::Made => Ok(Ok(())),
            // Whoever took the number has shut this run out.
            Created::Taken => Ok(Err(self.standing.lose())),
        })?;
        self.origin.next += 1;
        let Counters { commits, bytes: all_bytes, .. } = &*self.counters;
        commits.fetch_add(1, Ordering::Relaxed);
        all_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Tries a write until it is made, for as long as the lease is good.
    fn written(&self, attempt: impl Fn() -> Result<Result<(), LeaseLost>, StoreError>) -> Result<(), NotWritten> {
        let mut wait = WAITS.0;
        loop {
            self.standing.check().map_err(NotWritten::Lost)?;
            let error = match attempt() {
                Ok(written) => return written.map_err(NotWritten::Lost),
                Err(error) => error,
            };
            // Nobody knows whether it was made, or when a request will still arrive: whoever comes next has to fence.
            self.standing.suspect(true);
            if error.trouble != Trouble::Passing {
                return Err(NotWritten::Store(error));
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(WAITS.1);
            if self.standing.check().is_err() {
                return Err(NotWritten::Store(error));
            }
        }
    }

    fn error(&self, source: io::Error) -> JournalError {
        let place = self.store.place(&self.places.piece(self.origin.next));
        JournalError { place, hint: None, source: Arc::new(source) }
    }

    fn settled(&self) -> Result<Settled, JournalError> {
        self.failed.clone().map_or(Ok(()), Err)?;
        let Origin { in_flight, changed, .. } = &self.origin;
        Ok(Settled { records: self.records, in_flight: in_flight.len(), changed: *changed })
    }

    fn replace(&mut self, replacement: &Replacement) -> Result<SnapshotRef, WriteError> {
        self.failed.clone().map_or(Ok(()), Err)?;
        if replacement.records != self.records {
            return Err(WriteError::Busy(self.places.stage.clone()));
        }
        let (snapshot, spared) = self.rebase(replacement).map_err(|error| {
            let (failed, error) = match error {
                NotWritten::Lost(lost) => (io::Error::other(lost.clone()), WriteError::Lost(lost)),
                NotWritten::Store(error) => (io::Error::other(error.to_string()), WriteError::Store(error)),
                NotWritten::Seal(error) => (io::Error::other(error.to_string()), WriteError::Seal(error)),
            };
            self.failed = Some(self.error(failed));
            error
        })?;
        // Where there is no spare, what it stands for is not removed. Whoever has lost the lease leaves all as it is.
        if spared && self.standing.check().is_ok() {
            self.prune(&snapshot, replacement.history);
        }
        Ok(snapshot)
    }

    /// Writes the snapshot, the base that makes it count, and the spare of both; whether there is a spare.
    fn rebase(&mut self, replacement: &Replacement) -> Result<(SnapshotRef, bool), NotWritten> {
        let Replacement { body, lineage, serial, .. } = replacement;
        let name = snapshot_name(*serial, &random_hex::<4>(self.vault.entropy()));
        let (text, sum) = body.text();
        let key = self.places.state(&name);
        let snapshot = SnapshotRef { lineage: lineage.clone(), serial: *serial, name, sum };
        let mut lines = Vec::new();
        let mut chain = Chain::begin(self.header(Some(snapshot.clone())), &mut lines);
        let scribe = Scribe { places: &self.places, vault: &self.vault, form: self.form };
        scribe.push_steps(&self.origin.in_flight, &mut chain, &mut lines).map_err(NotWritten::Seal)?;
        self.written(|| match self.store.create(&key, &text)? {
            Created::Made => Ok(Ok(())),
            Created::Taken => Ok(Err(self.standing.lose())),
        })?;
        self.pending.clone_from(&lines);
        let number = self.origin.next;
        self.create_piece()?;
        finish(&mut lines);
        let spare = match self.standing.check() {
            Ok(()) => spare::make(&*self.store, &self.places, (&snapshot.name, &text), (number, &lines)).ok(),
            Err(_) => None,
        };
        self.origin.base = Some(snapshot.clone());
        self.origin.chain = Some(chain.clone());
        self.origin.changed = false;
        (self.chain, self.announced) = (chain, true);
        Ok((snapshot, spare == Some(Created::Made)))
    }

    /// Removes what the new base has taken up. What cannot be removed now is removed some day. Whoever was paused here
    /// has a successor by now: nothing that is newer than the base is touched, whatever it is.
    fn prune(&mut self, snapshot: &SnapshotRef, history: usize) {
        let base = self.origin.next - 1;
        // The old base goes before anything behind it: a reader that still finds it has missed nothing.
        if self.origin.first < base && self.store.delete(&[self.places.piece(self.origin.first)]).is_err() {
            return;
        }
        let old = (self.origin.first + 1..base).filter(|number| !self.origin.fences.contains(number));
        let mut keys: Vec<String> = old.map(|number| self.places.piece(number)).collect();
        keys.extend(self.left_below());
        let states = self.store.list(&self.places.states()).unwrap_or_default();
        let mut serials: Vec<(u64, String)> =
            states.into_iter().filter_map(|object| Some((serial_of(&object.key)?, object.key))).collect();
        serials.sort_unstable();
        serials.retain(|(serial, _)| *serial <= snapshot.serial);
        // One of this serial that no base names: a run was shut out, or ended, between the two.
        let unnamed = |(serial, key): &(u64, String)| *serial == snapshot.serial && !key.ends_with(&snapshot.name);
        let (unnamed, mut kept): (Vec<_>, Vec<_>) = serials.into_iter().partition(unnamed);
        let surplus = kept.len().saturating_sub(history.max(1));
        keys.extend(unnamed.into_iter().chain(kept.drain(..surplus)).map(|(_, key)| key));
        keys.extend(spare::older(&*self.store, &self.places, base));
        if !keys.is_empty() {
            let _ = self.store.delete(&keys);
        }
        self.origin.first = base;
    }

    /// Pieces below the log that a run did not come to remove: all but fences.
    fn left_below(&mut self) -> Vec<String> {
        let keys = std::mem::take(&mut self.origin.below).into_iter().map(|number| self.places.piece(number));
        keys.filter(|key| !read::is_fence(&*self.store, key)).collect()
    }
}

/// The system's own error, where there is one.
fn unboxed(error: StoreError) -> io::Error {
    match error.source.downcast::<io::Error>() {
        Ok(source) => *source,
        Err(source) => io::Error::other(source),
    }
}
