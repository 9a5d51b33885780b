//! The memory of a run, which has every secret in clear, is not left in a core file when the run crashes. What the system
//! does with the memory of other processes is seen first: where it keeps none, nothing would be tested.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use cofferdam_tests::{Gate, Objects, Output, Running, Sandbox, Server, web_stack};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit, setrlimit};

const SECRET: &str = "in-memory-Peregrine-71";

/// A stack whose deploy waits for its server with a secret in memory.
struct Waiting {
    sandbox: Sandbox,
    server: Server,
    gate: Arc<Gate>,
}

impl Waiting {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let (objects, gate) = (Objects::default(), Arc::new(Gate::default()));
        let holding = gate.clone();
        let server = Server::start(move |request| {
            holding.pass();
            objects.answer(request)
        });
        let resource = "\nvariable \"name\" {\n  type      = string\n  sensitive = true\n}\n\nresource \"web_object\" \
                        \"main\" {\n  name = var.name\n}\n";
        sandbox.plugin("web").stack(&(web_stack(&server) + resource));
        Self { sandbox, server, gate }
    }

    /// A run in the middle of the request that carries the secret.
    fn start(&self) -> Running {
        let running = self.sandbox.cofferdam(&["deploy", "--yes"]).env("COFFERDAM_VAR_name", SECRET).start();
        self.server.until(1);
        let body = String::from_utf8_lossy(&self.server.requests()[0].body).into_owned();
        assert!(body.contains(SECRET), "{body}");
        running
    }

    fn abort(self, running: Running) -> Output {
        running.signal(Signal::ABORT);
        let output = running.wait().exits(128 + 6);
        self.gate.open();
        assert!(!output.dumped, "the system wrote a core file");
        assert_eq!(self.cores(), Vec::<PathBuf>::new());
        assert_eq!(self.sandbox.holding(self.sandbox.root(), SECRET), Vec::<PathBuf>::new());
        output
    }

    fn cores(&self) -> Vec<PathBuf> {
        let stack = self.sandbox.path("");
        let names = self.sandbox.tree(&stack).into_iter().filter(|name| name.starts_with("core"));
        names.map(|name| stack.join(name)).collect()
    }
}

/// Core files are allowed as far as the system lets this process allow them.
fn allow() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: maximum, maximum }).expect("no higher than before");
}

/// Another program is killed in the same folder: its memory is kept, with the secret in it.
fn control(waiting: &Waiting) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_remote"))
        .current_dir(waiting.sandbox.path(""))
        .env("SOMETHING", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let stdout = child.stdout.take().expect("piped");
    BufReader::new(stdout).read_line(&mut String::new()).expect("it has started");
    kill_process(Pid::from_child(&child), Signal::ABORT).expect("ours");
    let dumped = child.wait().expect("ours").core_dumped();
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let pattern = pattern.trim();
    assert!(
        dumped,
        "*** NOTHING WAS TESTED: this system keeps no core files (pattern `{pattern}`, limit {:?}) ***\n*** allow them with \
         `ulimit -Hc unlimited`, or leave this test out: -E 'not test(cores::)' ***",
        getrlimit(Resource::Core)
    );
    let cores = waiting.cores();
    if pattern.contains(['/', '|']) {
        // Kept elsewhere; what counts is that it was kept.
        return;
    }
    assert_eq!(cores.len(), 1, "{cores:?}");
    assert_eq!(waiting.sandbox.holding(&waiting.sandbox.path(""), SECRET), cores);
    cores.iter().for_each(|core| fs::remove_file(core).expect("ours"));
}

#[test]
fn a_run_that_crashes_leaves_no_core_file() {
    allow();
    let waiting = Waiting::new();
    control(&waiting);
    let running = waiting.start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.pid().as_raw_nonzero())).expect("it lives");
    let limit = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    let numbers: Vec<&str> = limit.split_whitespace().skip(4).take(2).collect();
    assert_eq!(numbers, ["0", "0"], "{limit}");
    waiting.abort(running);
}

/// Programs that the system hands core files to get them whatever the limit is.
#[test]
fn a_lifted_limit_changes_nothing() {
    allow();
    let waiting = Waiting::new();
    control(&waiting);
    let running = waiting.start();
    let (most, pid) = (getrlimit(Resource::Core).maximum, running.pid());
    match prlimit(Some(pid), Resource::Core, Rlimit { current: most, maximum: most }) {
        Ok(_) => drop(waiting.abort(running)),
        // Only root lifts it again; but it is seen whose the process is: nobody's but root's.
        Err(_) => {
            let process = fs::metadata(format!("/proc/{}/environ", pid.as_raw_nonzero())).expect("it lives");
            assert_eq!(process.uid(), 0, "others of the user can read the memory of the run");
        }
    }
}
