//! Homes in buckets of moto. A proxy in the way kills the run, notes what it writes, and delivers requests late.

mod door;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cofferdam_tests::{Invocation, KEYS, Moto, Output, Proxy, Running, Sandbox};
use rustix::process::Signal;

use super::{Home, Homes};
use crate::boundary::{Boundary, Kind, Side, Written};

use door::{Book, Door};

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

    /// An empty home that stops answering at the piece of the journal with this number, until what is late is
    /// delivered. With 0 it never answers before that.
    pub fn silent_from(&self, piece: usize) -> Box<dyn Home> {
        let bucket = self.bucket();
        self.moto.put(&bucket.name, HOME, self.made.as_bytes());
        bucket.door.falls_silent(piece);
        Box::new(bucket)
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
        12
    }
}

/// A door to a bucket.
struct Bucket {
    moto: Arc<Moto>,
    name: String,
    door: Arc<Door>,
    proxy: Proxy,
}

impl Bucket {
    fn door(moto: Arc<Moto>, name: String, book: Arc<Book>) -> Self {
        let door = Arc::new(Door::new(book));
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
        self.door.strikes(boundary, Signal::KILL);
        let running = self.reach(run).start();
        self.door.run_is(running.pid());
        let output = running.wait();
        self.door.run_is_over();
        output
    }

    fn stopped_at(&self, run: Invocation, kind: Kind, number: usize) -> Running {
        let boundary = Boundary { kind, number, side: Side::Before };
        self.door.strikes(boundary, Signal::STOP);
        let running = self.reach(run).start();
        self.door.run_is(running.pid());
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
        let late = self.door.deliver();
        late.map(|late| late.send().expect("moto answers")).is_some()
    }

    fn journal(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.moto.list(&self.name, "stacks/shop/dev/journal/");
        names.into_iter().map(|name| (name.clone(), self.moto.get(&self.name, &name))).collect()
    }
}
