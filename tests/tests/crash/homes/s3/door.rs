//! What stands in the way of one run's requests to a bucket.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cofferdam_tests::{Onward, Request};
use rustix::process::{Pid, Signal, kill_process};

use super::HOME;
use crate::boundary::{Boundary, Kind, Side, Written};

/// What doors to one bucket share.
#[derive(Default)]
pub struct Book {
    doors: AtomicU32,
    writes: Mutex<Vec<Written>>,
}

impl Book {
    /// The writes that the server made, in its order.
    pub fn writes(&self) -> MutexGuard<'_, Vec<Written>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A door. Requests pass as they are until it is told to strike or to fall silent.
pub struct Door {
    /// Tells the runs through it from others.
    pub number: u32,
    pub book: Arc<Book>,
    watch: Mutex<Watch>,
    changed: Condvar,
}

/// What the door waits for, and how far that is.
#[derive(Default)]
struct Watch {
    /// Where the run is struck, and with what.
    strike: Option<(Boundary, Signal)>,
    /// Writes of that kind so far.
    seen: usize,
    /// Whether the run has written a snapshot.
    snapshot: bool,
    run: Option<Pid>,
    /// Whether it was killed here: nothing that it sent beside that arrives.
    killed: bool,
    late: Option<Onward>,
    /// Nothing passes from this piece of the journal on.
    silent_from: Option<usize>,
    pieces: usize,
    /// Whether what was stopped or held is to arrive.
    delivered: bool,
}

impl Door {
    pub fn new(book: Arc<Book>) -> Self {
        let number = book.doors.fetch_add(1, Ordering::SeqCst);
        Self { number, book, watch: Mutex::default(), changed: Condvar::new() }
    }

    /// Strikes the next run there.
    pub fn strikes(&self, boundary: Boundary, signal: Signal) {
        *self.watch() = Watch { strike: Some((boundary, signal)), ..Watch::default() };
    }

    /// This is the run.
    pub fn run_is(&self, run: Pid) {
        self.watch().run = Some(run);
        self.changed.notify_all();
    }

    /// The run has ended: the door is as any other, but for what is late.
    pub fn run_is_over(&self) {
        let mut watch = self.watch();
        *watch = Watch { late: watch.late.take(), ..Watch::default() };
    }

    /// Lets nothing pass from a piece of the journal on.
    pub fn falls_silent(&self, piece: usize) {
        self.watch().silent_from = Some(piece);
    }

    /// Lets everything pass that was held, and gives what is late.
    pub fn deliver(&self) -> Option<Onward> {
        let mut watch = self.watch();
        watch.delivered = true;
        self.changed.notify_all();
        watch.late.take()
    }

    /// Passes a request on, unless this is where the run is struck.
    pub fn pass(&self, prefix: &str, request: &Request, onward: &Onward) -> Option<Vec<u8>> {
        let written = self.written(prefix, request);
        self.hold(written.as_ref().map(|(_, kind)| *kind));
        let Some((name, kind)) = written else { return onward.send().ok() };
        match self.struck(kind)? {
            None => return self.write(name, kind, onward),
            Some((_, Signal::STOP)) => {
                self.send(Signal::STOP);
                drop(self.changed.wait_while(self.watch(), |watch| !watch.delivered));
                return self.write(name, kind, onward);
            }
            Some((Side::Before, signal)) => self.send(signal),
            Some((Side::After, signal)) => {
                onward.send().ok()?;
                self.send(signal);
            }
            Some((Side::Late, signal)) => {
                self.watch().late = Some(onward.clone());
                self.send(signal);
            }
        }
        None
    }

    /// Waits where nothing is to pass.
    fn hold(&self, kind: Option<Kind>) {
        let mut watch = self.watch();
        watch.pieces += usize::from(kind == Some(Kind::Piece));
        let holds = |watch: &mut Watch| watch.silent_from.is_some_and(|from| watch.pieces >= from) && !watch.delivered;
        drop(self.changed.wait_while(watch, holds));
    }

    /// Passes a write on, and notes it where it was made.
    fn write(&self, name: String, kind: Kind, onward: &Onward) -> Option<Vec<u8>> {
        // The order of the notes is the order of the server.
        let mut writes = self.book.writes();
        let answer = onward.send().ok()?;
        if answer.starts_with(b"HTTP/1.1 2") {
            writes.push(Written { by: self.number, kind, name });
        }
        Some(answer)
    }

    /// What a request writes under which name; none where it writes nothing that counts.
    fn written(&self, prefix: &str, request: &Request) -> Option<(String, Kind)> {
        let path = request.path.strip_prefix(prefix)?;
        let (name, query) = path.split_once('?').unwrap_or((path, ""));
        let creates = request.header("if-none-match").is_some();
        let of_log = |names: &str| ["/journal/", "/states/", "/spare/"].iter().any(|part| names.contains(part));
        let kind = match request.method.as_str() {
            "PUT" if name.contains("/states/") => {
                self.watch().snapshot = true;
                Kind::Snapshot
            }
            "PUT" if name.contains("/journal/") && self.watch().snapshot => Kind::Base,
            "PUT" if name.contains("/journal/") => Kind::Piece,
            "PUT" if name.contains("/spare/") => Kind::Spare,
            "PUT" if name.contains("/lease/") && creates => Kind::Lease,
            "PUT" if name.contains("/lease/") => Kind::Renewal,
            "PUT" if name.ends_with(HOME) => Kind::Home,
            "DELETE" if of_log(name) => Kind::Removal,
            "POST" if query.starts_with("delete") && of_log(&String::from_utf8_lossy(&request.body)) => Kind::Removal,
            _ => return None,
        };
        Some((name.to_owned(), kind))
    }

    /// How the run is struck at this write: none inside where it is not; none at all where it is dead.
    fn struck(&self, kind: Kind) -> Option<Option<(Side, Signal)>> {
        let mut watch = self.watch();
        if watch.killed {
            return None;
        }
        let Some((boundary, signal)) = watch.strike.filter(|(boundary, _)| boundary.kind == kind) else {
            return Some(None);
        };
        watch.seen += 1;
        Some((watch.seen == boundary.number).then_some((boundary.side, signal)))
    }

    fn send(&self, signal: Signal) {
        let mut watch = self.watch();
        watch.killed = signal == Signal::KILL;
        let watch = self.changed.wait_while(watch, |watch| watch.run.is_none());
        let run = watch.unwrap_or_else(PoisonError::into_inner).run.expect("waited for");
        let _ = kill_process(run, signal);
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
