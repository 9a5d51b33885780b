//! A stand-in for the host, for native tests: `TestHost::new().http(…).run(|| …)`, and a [`Harness`] that calls a
//! provider through the same documents as the host does.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::bindings::cofferdam::provider::{files as wit_files, http as wit_http, log as wit_log, types};
use crate::error::Error;
use crate::host::Host;

mod harness;

pub use crate::bindings::exports::cofferdam::provider::provider::Planned as PlannedDocument;
pub use harness::{Harness, Outcome, TestState};
pub use wit_http::{Auth, HttpError, Request, Response};

thread_local! {
    static CURRENT: RefCell<Option<Rc<TestHost>>> = const { RefCell::new(None) };
}

type Responder = Box<dyn Fn(&Request) -> Result<Response, HttpError>>;

/// A host in memory: a fixed clock, repeatable randomness, files, and answers to requests.
pub struct TestHost {
    now_ms: Cell<u64>,
    seed: Cell<u64>,
    respond: Responder,
    files: RefCell<BTreeMap<(String, String), Entry>>,
    lines: RefCell<Vec<String>>,
}

#[derive(Clone)]
struct Entry {
    /// None: a directory.
    content: Option<Vec<u8>>,
    mode: u32,
}

impl Default for TestHost {
    fn default() -> Self {
        Self {
            // 2026-01-01T00:00:00Z.
            now_ms: Cell::new(1_767_225_600_000),
            seed: Cell::new(0),
            respond: Box::new(|_| Err(HttpError::Denied("this test answers no requests".to_owned()))),
            files: RefCell::default(),
            lines: RefCell::default(),
        }
    }
}

impl TestHost {
    /// A host at the beginning of 2026 that answers no requests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the clock.
    #[must_use]
    pub fn at(self, now_ms: u64) -> Self {
        self.now_ms.set(now_ms);
        self
    }

    /// Answers requests.
    #[must_use]
    pub fn http(mut self, respond: impl Fn(&Request) -> Result<Response, HttpError> + 'static) -> Self {
        self.respond = Box::new(respond);
        self
    }

    /// Puts a file into a granted directory, with mode 0644.
    #[must_use]
    pub fn file(self, directory: &str, path: &str, content: impl Into<Vec<u8>>) -> Self {
        let entry = Entry { content: Some(content.into()), mode: 0o644 };
        self.files.borrow_mut().insert((directory.to_owned(), path.to_owned()), entry);
        self
    }

    /// Runs `body` with this host.
    pub fn run<T>(self, body: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(Rc::new(self)));
        let result = body();
        CURRENT.set(before);
        result
    }
}

/// Inside `run`: moves the clock.
pub fn set_now_ms(now_ms: u64) {
    current().now_ms.set(now_ms);
}

/// Inside `run`: the lines logged so far.
#[must_use]
pub fn logged() -> Vec<String> {
    current().lines.borrow().clone()
}

/// A response with a JSON body.
#[must_use]
pub fn respond(status: u16, body: &serde_json::Value) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Response { status, headers, body: body.to_string().into_bytes() }
}

fn current() -> Rc<TestHost> {
    CURRENT.with_borrow(Clone::clone).unwrap_or_default()
}

pub(crate) fn with_current<T>(use_host: impl FnOnce(&dyn Host) -> T) -> T {
    use_host(&*current())
}

impl Host for TestHost {
    fn send(&self, requests: &[Request]) -> Vec<Result<Response, HttpError>> {
        requests.iter().map(|request| (self.respond)(request)).collect()
    }

    fn log(&self, _: wit_log::Level, message: &str, _: &[(String, String)]) {
        self.lines.borrow_mut().push(message.to_owned());
    }

    fn progress(&self, note: &str) {
        self.lines.borrow_mut().push(note.to_owned());
    }

    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    fn random(&self, length: u32) -> Vec<u8> {
        // SplitMix64 (Steele, Lea, Flood 2014): repeatable and evenly spread, and no more than that.
        let next = || {
            self.seed.set(self.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
            let mixed = (self.seed.get() ^ (self.seed.get() >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) as u8
        };
        std::iter::repeat_with(next).take(length as usize).collect()
    }

    fn stat(&self, directory: &str, path: &str) -> Result<Option<wit_files::Metadata>, types::ProviderError> {
        let found = self.files.borrow().get(&key(directory, path)).cloned();
        // A directory is there as soon as something is in it.
        let implied = || self.entries(directory, path).is_ok_and(|names| !names.is_empty());
        let found = found.or_else(|| implied().then_some(Entry { content: None, mode: 0o755 }));
        Ok(found.map(|entry| wit_files::Metadata {
            kind: if entry.content.is_some() { wit_files::Kind::File } else { wit_files::Kind::Directory },
            size: entry.content.as_ref().map_or(0, Vec::len) as u64,
            mode: entry.mode,
            sha256: None,
        }))
    }

    fn read(&self, directory: &str, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, types::ProviderError> {
        let files = self.files.borrow();
        let content = files.get(&key(directory, path)).and_then(|entry| entry.content.as_ref());
        let content = content.ok_or_else(|| Error::not_found(format!("there is no file `{path}`")))?;
        Ok(content.iter().skip(offset as usize).take(length as usize).copied().collect())
    }

    fn write(&self, directory: &str, path: &str, content: &[u8], mode: u32) -> Result<(), types::ProviderError> {
        let entry = Entry { content: Some(content.to_vec()), mode };
        self.files.borrow_mut().insert(key(directory, path), entry);
        Ok(())
    }

    fn make_directory(&self, directory: &str, path: &str, mode: u32) -> Result<(), types::ProviderError> {
        let mut files = self.files.borrow_mut();
        for (end, _) in path.match_indices('/') {
            files.entry(key(directory, &path[..end])).or_insert(Entry { content: None, mode });
        }
        files.insert(key(directory, path), Entry { content: None, mode });
        Ok(())
    }

    fn remove(&self, directory: &str, path: &str) -> Result<(), types::ProviderError> {
        if !self.entries(directory, path)?.is_empty() {
            return Err(Error::conflict(format!("directory `{path}` is not empty")).into());
        }
        self.files.borrow_mut().remove(&key(directory, path));
        Ok(())
    }

    fn entries(&self, directory: &str, path: &str) -> Result<Vec<String>, types::ProviderError> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let files = self.files.borrow();
        let below = files.keys().filter(|(known, _)| known == directory).filter_map(|(_, at)| at.strip_prefix(&prefix));
        let mut names: Vec<_> = below.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}

fn key(directory: &str, path: &str) -> (String, String) {
    (directory.to_owned(), path.to_owned())
}
