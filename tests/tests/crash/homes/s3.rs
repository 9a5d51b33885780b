//! Homes in buckets of moto. A proxy in the way kills the run, notes what it writes, and delivers requests late.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cofferdam_tests::{Invocation, KEYS, Moto, Onward, Output, Proxy, Request, Running, Sandbox};
use rustix::process::{Pid, Signal, kill_process};

use super::{Home, Homes};
use crate::boundary::{Boundary, Kind, Side, Written};

/// The file of a home that has to be there only once.
const HOME: &str = "home.json";

/// Makes homes in buckets of one server.
pub struct S3 {
    moto: Arc<Moto>,
    buckets: AtomicU32,
    /// The content of `home.json`.
    made: String,
}

impl S3 {
    pub fn new() -> Self {
        // Before a home is made in a bucket, hundreds of requests find out whether the server is fit for one: that is
        // for one test to wait for. In a directory it is made at once, and is the same.
        let sandbox = Sandbox::new();
        sandbox.stack("stack \"shop\" {}\n").deploy();
        let made = sandbox.read(&format!(".cofferdam/{HOME}"));
        Self { moto: Arc::new(Moto::start()), buckets: AtomicU32::new(0), made }
    }

    fn bucket(&self) -> Bucket {
        let name = format!("home-{}", self.buckets.fetch_add(1, Ordering::SeqCst));
        self.moto.make_bucket(&name);
        Bucket::door(self.moto.clone(), name, Arc::default())
    }
}

impl Homes for S3 {
    fn name(&self) -> &'static str {
        "a bucket"
    }

    fn make(&self) -> Box<dyn Home> {
        let bucket = self.bucket();
        self.moto.put(&bucket.name, HOME, self.made.as_bytes());
        Box::new(bucket)
    }

    fn bare(&self) -> Box<dyn Home> {
        Box::new(self.bucket())
    }

    fn sides(&self) -> &'static [Side] {
        &[Side::Before, Side::After, Side::Late]
    }

    fn at_once(&self) -> usize {
        8
    }
}

/// A door to a bucket.
struct Bucket {
    moto: Arc<Moto>,
    name: String,
    door: Arc<Door>,
    proxy: Proxy,
}

/// What doors to one bucket share.
#[derive(Default)]
struct Book {
    doors: AtomicU32,
    writes: Mutex<Vec<Written>>,
}

/// What stands in the way of one run's requests.
struct Door {
    number: u32,
    book: Arc<Book>,
    watch: Mutex<Watch>,
    changed: Condvar,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "what has happened so far, in any order")]
struct Watch {
    boundary: Option<Boundary>,
    /// Writes of the kind so far.
    seen: usize,
    /// Whether the run has written a snapshot.
    snapshot: bool,
    /// The run.
    run: Option<Pid>,
    /// Whether it is only to be stopped.
    stops: bool,
    /// Whether it was killed here: nothing that it sent beside that arrives.
    killed: bool,
    late: Option<Onward>,
    /// Whether what was stopped is to arrive.
    delivered: bool,
}

impl Bucket {
    fn door(moto: Arc<Moto>, name: String, book: Arc<Book>) -> Self {
        let number = book.doors.fetch_add(1, Ordering::SeqCst);
        let door = Arc::new(Door { number, book, watch: Mutex::default(), changed: Condvar::new() });
        let (passed, prefix) = (door.clone(), format!("/{name}"));
        let proxy = Proxy::before(moto.address(), move |request, onward| passed.pass(&prefix, request, &onward));
        Self { moto, name, door, proxy }
    }
}

impl Home for Bucket {
    fn setting(&self, lease: Option<&str>) -> String {
        let lease = lease.map(|lease| format!(", lease = \"{lease}\"")).unwrap_or_default();
        let (bucket, endpoint) = (&self.name, self.proxy.url());
        format!(
            "  home = {{ s3 = {{ bucket = \"{bucket}\", region = \"us-east-1\", endpoint = \"{endpoint}\", path_style = \
             true{lease} }} }}\n"
        )
    }

    fn reach(&self, run: Invocation) -> Invocation {
        KEYS.into_iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    fn killed_at(&self, run: Invocation, boundary: Boundary) -> Output {
        *self.door.watch() = Watch { boundary: Some(boundary), ..Watch::default() };
        let running = self.reach(run).start();
        self.door.watch().run = Some(running.pid());
        self.door.changed.notify_all();
        let output = running.wait();
        let late = self.door.watch().late.take();
        *self.door.watch() = Watch { late, ..Watch::default() };
        output
    }

    fn stopped_at(&self, run: Invocation, kind: Kind, number: usize) -> Running {
        let boundary = Boundary { kind, number, side: Side::Late };
        *self.door.watch() = Watch { boundary: Some(boundary), stops: true, ..Watch::default() };
        let running = self.reach(run).start();
        self.door.watch().run = Some(running.pid());
        self.door.changed.notify_all();
        running
    }

    fn writes(&self) -> Vec<Written> {
        self.door.book.writes().clone()
    }

    fn run_of(&self, _: &Running) -> u32 {
        self.door.number
    }

    fn beside(&self) -> Box<dyn Home> {
        Box::new(Self::door(self.moto.clone(), self.name.clone(), self.door.book.clone()))
    }

    fn deliver(&self) -> bool {
        let late = {
            let mut watch = self.door.watch();
            watch.delivered = true;
            self.door.changed.notify_all();
            watch.late.take()
        };
        let arrived = late.is_some();
        late.into_iter().for_each(|late| drop(late.send().expect("moto answers")));
        arrived
    }

    fn journal(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.moto.list(&self.name, "stacks/shop/dev/journal/");
        names.into_iter().map(|name| (name.clone(), self.moto.get(&self.name, &name))).collect()
    }
}

impl Book {
    fn writes(&self) -> MutexGuard<'_, Vec<Written>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a request on, unless this is where the run is to die.
    fn pass(&self, prefix: &str, request: &Request, onward: &Onward) -> Option<Vec<u8>> {
        let Some((name, kind)) = self.kind(prefix, request) else { return onward.send().ok() };
        match self.side(kind)? {
            None => return self.write(name, kind, onward),
            Some(Side::Late) if self.watch().stops => {
                self.strike(Signal::STOP);
                drop(self.changed.wait_while(self.watch(), |watch| !watch.delivered));
                return self.write(name, kind, onward);
            }
            Some(Side::Before) => self.strike(Signal::KILL),
            Some(Side::After) => {
                onward.send().ok()?;
                self.strike(Signal::KILL);
            }
            Some(Side::Late) => {
                self.watch().late = Some(onward.clone());
                self.strike(Signal::KILL);
            }
        }
        None
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
    fn kind(&self, prefix: &str, request: &Request) -> Option<(String, Kind)> {
        let path = request.path.strip_prefix(prefix)?;
        let (name, query) = path.split_once('?').unwrap_or((path, ""));
        let creates = request.header("if-none-match").is_some();
        let kind = match request.method.as_str() {
            "PUT" if name.contains("/states/") => {
                self.watch().snapshot = true;
                Kind::Snapshot
            }
            "PUT" if name.contains("/journal/") && self.watch().snapshot => Kind::Base,
            "PUT" if name.contains("/journal/") => Kind::Piece,
            "PUT" if name.contains("/lease/") => {
                if creates {
                    Kind::Lease
                } else {
                    Kind::Renewal
                }
            }
            "PUT" if name.ends_with(HOME) => Kind::Home,
            "DELETE" if name.contains("/journal/") || name.contains("/states/") => Kind::Removal,
            "POST" if query.starts_with("delete") => {
                let names = String::from_utf8_lossy(&request.body);
                if !names.contains("/journal/") && !names.contains("/states/") {
                    return None;
                }
                Kind::Removal
            }
            _ => return None,
        };
        Some((name.to_owned(), kind))
    }

    /// On which side of this write the run dies: none inside where it does not; none at all where it is dead.
    fn side(&self, kind: Kind) -> Option<Option<Side>> {
        let mut watch = self.watch();
        if watch.killed {
            return None;
        }
        let Some(boundary) = watch.boundary.filter(|boundary| boundary.kind == kind) else { return Some(None) };
        watch.seen += 1;
        Some((watch.seen == boundary.number).then_some(boundary.side))
    }

    fn strike(&self, signal: Signal) {
        let mut watch = self.watch();
        watch.killed = signal == Signal::KILL;
        let watch = self.changed.wait_while(watch, |watch| watch.run.is_none());
        let run = watch.unwrap_or_else(PoisonError::into_inner).run.expect("waited for");
        let _ = kill_process(run, signal);
    }
}
