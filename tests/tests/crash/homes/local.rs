//! Homes in directories. A library that is loaded into the run kills it, and notes what it writes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cofferdam_tests::{Invocation, Output, Running, repository, target};
use rustix::process::Signal;

use super::{Home, Homes};
use crate::boundary::{Boundary, Kind, Side, Written};

/// Makes homes in directories.
pub struct Local {
    library: Arc<Library>,
    whole: bool,
}

/// The library; removed at the end.
struct Library(PathBuf);

impl Local {
    pub fn new() -> Self {
        let library = target().join("tmp").join(format!("kill_at-{}.so", std::process::id()));
        std::fs::create_dir_all(library.parent().expect("in a folder")).expect("made");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(repository().join("tests/crash/kill_at.c"))
            .arg("-ldl")
            .output()
            .expect("a C compiler, which building cofferdam needs as well");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { library: Arc::new(Library(library)), whole: false }
    }

    /// The same, with states that are encrypted as a whole.
    pub fn encrypted() -> Self {
        Self { whole: true, ..Self::new() }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Homes for Local {
    fn name(&self) -> &'static str {
        if self.whole { "a directory, encrypted" } else { "a directory" }
    }

    fn make(&self) -> Box<dyn Home> {
        let folder = tempfile::Builder::new().prefix("cofferdam-home-").tempdir().expect("a temporary folder");
        Box::new(Directory { library: self.library.clone(), folder: Arc::new(folder), whole: self.whole })
    }

    fn bare(&self) -> Box<dyn Home> {
        self.make()
    }

    fn sides(&self) -> &'static [Side] {
        &[Side::Before, Side::After]
    }

    fn at_once(&self) -> usize {
        1
    }
}

struct Directory {
    library: Arc<Library>,
    folder: Arc<tempfile::TempDir>,
    whole: bool,
}

impl Directory {
    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("writes")
    }

    fn struck(&self, run: Invocation, boundary: Boundary, signal: Signal) -> Invocation {
        self.reach(run)
            .env("KILL_KIND", boundary.kind.word())
            .env("KILL_AT", boundary.number.to_string())
            .env("KILL_SIDE", boundary.side.word())
            .env("KILL_SIGNAL", signal.as_raw().to_string())
    }
}

impl Home for Directory {
    fn setting(&self, lease: Option<&str>) -> String {
        let lease = lease.map(|lease| format!(", lease = \"{lease}\"")).unwrap_or_default();
        let encryption = if self.whole { "  encryption = { state = true }\n" } else { "" };
        format!("  home = {{ local = {{ path = \"{}\"{lease} }} }}\n{encryption}", self.home().display())
    }

    fn reach(&self, run: Invocation) -> Invocation {
        run.env("LD_PRELOAD", &self.library.0).env("KILL_LOG", self.log())
    }

    fn killed_at(&self, run: Invocation, boundary: Boundary) -> Output {
        self.struck(run, boundary, Signal::KILL).run()
    }

    fn stopped_at(&self, run: Invocation, kind: Kind, number: usize) -> Running {
        self.struck(run, Boundary { kind, number, side: Side::Before }, Signal::STOP).start()
    }

    fn writes(&self) -> Vec<Written> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().map(written).collect()
    }

    fn run_of(&self, running: &Running) -> u32 {
        running.pid().as_raw_nonzero().get().unsigned_abs()
    }

    fn beside(&self) -> Box<dyn Home> {
        Box::new(Self { library: self.library.clone(), folder: self.folder.clone(), whole: self.whole })
    }

    fn deliver(&self) -> bool {
        false
    }

    fn journal(&self) -> Vec<(String, Vec<u8>)> {
        let journal = self.home().join("stacks/shop/dev/journal");
        let entries = std::fs::read_dir(journal).into_iter().flatten().flatten();
        let read = |path: &Path| std::fs::read(path).expect("nobody removes pieces at this moment");
        let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
        let mut pieces: Vec<_> =
            named.filter(|(name, _)| !name.starts_with('.')).map(|(name, path)| (name, read(&path))).collect();
        pieces.sort();
        pieces
    }
}

/// A line of the library's notes.
fn written(line: &str) -> Written {
    let mut words = line.splitn(3, ' ');
    let mut word = || words.next().expect("three words");
    let (by, kind) = (word().parse().expect("a process"), word());
    let kind = Kind::ALL.into_iter().find(|known| known.word() == kind).expect("a kind");
    Written { by, kind, name: word().to_owned() }
}
