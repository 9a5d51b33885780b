//! The thread that writes the journal of one stage. Everything that waits is written at once and made durable at
//! once, so that many steps share one flush. After a failure it writes nothing more.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use cofferdam_model::journal::{Journal, JournalError, Record};
use cofferdam_model::{OperationId, StackName, StageName};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::file::JournalFile;
use super::line::{Chain, Header};
use crate::durable::{self, at};
use crate::entropy::random_hex;
use crate::generation::Generation;
use crate::record::{changes_state, encode};
use crate::snapshot::Body;
use crate::vault::Vault;
use crate::{FileError, SealError, WriteError};

/// A batch is written when it has so many bytes, even though more waits.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

type Answer = Result<(), JournalError>;

/// What a journal has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Records made durable.
    pub records: u64,
    /// Flushes that made them durable.
    pub commits: u64,
    /// Bytes of their lines.
    pub bytes: u64,
}

#[derive(Default)]
struct Counters {
    records: AtomicU64,
    commits: AtomicU64,
    bytes: AtomicU64,
}

/// Where the files of a stage are, and whose they are.
#[derive(Clone)]
pub(crate) struct Places {
    pub stack: StackName,
    pub stage: StageName,
    pub journal: PathBuf,
    pub snapshot: PathBuf,
}

/// What a writer goes on from.
pub(crate) struct Origin {
    /// The snapshot.
    pub base: Generation,
    /// The length and the chain of the journal that is there; none where a new one has to be begun.
    pub tail: Option<(u64, Chain)>,
    /// Steps that the journal has in flight.
    pub in_flight: HashSet<OperationId>,
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
    pub generation: Generation,
    /// As [`Settled::records`] was when the body was made.
    pub records: u64,
}

enum Message {
    Append(Box<Record>, oneshot::Sender<Answer>),
    Settle(SyncSender<Result<Settled, JournalError>>),
    Replace(Box<Replacement>, SyncSender<Result<(), WriteError>>),
    Close,
}

/// The running thread. To drop it finishes what is queued and waits for the thread.
pub(crate) struct Writer {
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
    place: String,
}

impl Writer {
    pub(crate) fn spawn(places: Places, vault: Arc<Vault>, origin: Origin) -> Result<Self, FileError> {
        let (sender, receiver) = channel();
        let counters = Arc::new(Counters::default());
        let path = places.journal.clone();
        let worker =
            Worker { places, vault, origin, file: None, records: 0, failed: None, counters: Arc::clone(&counters) };
        let thread = std::thread::Builder::new().name("cofferdam-journal".to_owned());
        let thread = thread.spawn(move || worker.run(&receiver)).map_err(at("start the writer of", &path))?;
        Ok(Self { sender, thread: Some(thread), counters, place: path.display().to_string() })
    }

    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(LocalJournal { sender: self.sender.clone(), place: self.place.clone() })
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

    pub(crate) fn replace(&self, replacement: Replacement) -> Result<(), WriteError> {
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

struct LocalJournal {
    sender: Sender<Message>,
    place: String,
}

impl Journal for LocalJournal {
    fn append(&self, record: Record) -> BoxFuture<'static, Answer> {
        let (reply, answer) = oneshot::channel();
        // Where the writer is gone, `reply` is dropped and the answer says so.
        let _ = self.sender.send(Message::Append(Box::new(record), reply));
        let place = self.place.clone();
        async move { answer.await.unwrap_or_else(|_| Err(closed(&place))) }.boxed()
    }
}

fn closed(place: &str) -> JournalError {
    let source = io::Error::new(io::ErrorKind::BrokenPipe, "the stage is closed");
    JournalError { place: place.to_owned(), source: Arc::new(source) }
}

struct Worker {
    places: Places,
    vault: Arc<Vault>,
    origin: Origin,
    /// Opened by the first record, so that a run without one writes nothing.
    file: Option<JournalFile<File>>,
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
            if self.file.as_ref().is_some_and(|file| file.pending_bytes() >= MAX_BATCH_BYTES) {
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
        let Places { stack, stage, .. } = &self.places;
        let body = encode(record, stack, stage, &self.vault).map_err(|error| {
            self.error(match error {
                SealError::Key(error) => io::Error::other(error),
                error @ SealError::TooDeep(_) => io::Error::new(io::ErrorKind::InvalidData, error),
            })
        })?;
        match self.open() {
            Ok(file) => file.push(&body),
            Err(error) => return Err(self.error(error.source)),
        }
        self.records += 1;
        self.origin.changed |= changes_state(record);
        match record {
            Record::Intent { operation, .. } => {
                self.origin.in_flight.insert(operation.clone());
            }
            Record::Result { operation: Some(operation), .. } => {
                self.origin.in_flight.remove(operation);
            }
            _ => {}
        }
        Ok(())
    }

    fn commit(&mut self, records: usize) -> Answer {
        let Some(file) = &mut self.file else { return Ok(()) };
        let bytes = file.pending_bytes();
        if let Err(error) = file.commit() {
            let error = self.error(error);
            return Err(self.failed.insert(error).clone());
        }
        let Counters { records: all_records, commits, bytes: all_bytes } = &*self.counters;
        all_records.fetch_add(records as u64, Ordering::Relaxed);
        commits.fetch_add(1, Ordering::Relaxed);
        all_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    fn error(&self, source: io::Error) -> JournalError {
        JournalError { place: self.places.journal.display().to_string(), source: Arc::new(source) }
    }

    /// The file, opened or begun.
    fn open(&mut self) -> Result<&mut JournalFile<File>, FileError> {
        if self.file.is_none() {
            let path = &self.places.journal;
            let file = match self.origin.tail.take() {
                Some((length, chain)) => {
                    let file = OpenOptions::new().write(true).open(path).map_err(at("open", path))?;
                    JournalFile::new(file, length, chain)
                }
                None => self.begin()?,
            };
            self.file = Some(file);
        }
        Ok(self.file.as_mut().expect("filled above"))
    }

    /// A new journal in the place of the old one, whose records the snapshot has.
    fn begin(&self) -> Result<JournalFile<File>, FileError> {
        let header = Header {
            journal: random_hex::<8>(self.vault.entropy()),
            stack: self.places.stack.clone(),
            stage: self.places.stage.clone(),
            base: self.origin.base.clone(),
        };
        let (mut chain, mut line) = (Chain::default(), Vec::new());
        chain.push_header(&header, &mut line);
        let file = durable::replace(&self.places.journal, &[&line])?;
        Ok(JournalFile::new(file, line.len() as u64, chain))
    }

    fn settled(&self) -> Result<Settled, JournalError> {
        self.failed.clone().map_or(Ok(()), Err)?;
        let Origin { in_flight, changed, .. } = &self.origin;
        Ok(Settled { records: self.records, in_flight: in_flight.len(), changed: *changed })
    }

    fn replace(&mut self, replacement: &Replacement) -> Result<(), WriteError> {
        self.failed.clone().map_or(Ok(()), Err)?;
        if replacement.records != self.records {
            return Err(WriteError::Busy(self.places.stage.clone()));
        }
        self.replace_files(replacement).inspect_err(|error| {
            // The snapshot may be there already; what came after it would belong to no snapshot.
            let source = io::Error::new(error.source.kind(), error.source.to_string());
            self.failed = Some(self.error(source));
        })?;
        Ok(())
    }

    fn replace_files(&mut self, replacement: &Replacement) -> Result<(), FileError> {
        // A snapshot names the journal that it takes up; where there is none, an empty one.
        let absorbed = self.open()?.sum().to_owned();
        replacement.body.write(&self.places.snapshot, &absorbed)?;
        self.file = None;
        self.origin.base.clone_from(&replacement.generation);
        self.origin.changed = false;
        self.file = Some(self.begin()?);
        Ok(())
    }
}
