//! A create that goes on remotely when the run ends: the next run asks for it instead of making another.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use cofferdam_tests::{Gate, Objects, Request, Response, Sandbox, Server, web_stack};
use serde_json::json;

const RESOURCE: &str = r#"
resource "web_job" "import" {
  name = "import"
}
"#;
/// The job goes on.
const WORKING: u16 = 202;
/// The job is done.
const DONE: u16 = 200;
/// The service forgot the job.
const GONE: u16 = 404;

/// A service with jobs, and what it says of the first one. Any other is done when it is asked for.
fn jobs() -> (Server, Arc<AtomicU16>) {
    let (status, made) = (Arc::new(AtomicU16::new(WORKING)), AtomicUsize::new(0));
    let said = status.clone();
    let job = |id: &str, done: bool| Response::json(200, &json!({ "id": id, "done": done }));
    let server = Server::start(move |request: &Request| match (request.path.as_str(), said.load(Ordering::Relaxed)) {
        ("/jobs", _) => job(&format!("job-{}", made.fetch_add(1, Ordering::Relaxed) + 1), false),
        ("/jobs/job-1", GONE) => Response::status(GONE),
        ("/jobs/job-1", status) => job("job-1", status == DONE),
        (path, _) => job(path.trim_start_matches("/jobs/"), true),
    });
    (server, status)
}

fn creates(server: &Server) -> usize {
    server.lines().iter().filter(|line| *line == "POST /jobs").count()
}

#[test]
fn a_pending_create_is_resumed_after_a_crash() {
    let sandbox = Sandbox::new();
    let (server, status) = jobs();
    sandbox.plugin("web").stack(&(web_stack(&server) + RESOURCE));
    let mut running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    running.until("asked 3 times");
    running.kill().exits(128 + 9);

    status.store(DONE, Ordering::Relaxed);
    sandbox.deploy();
    assert_eq!(creates(&server), 1, "the job was made again: {:?}", server.lines());
    sandbox.expect_no_changes();
}

#[test]
fn a_pending_create_is_resumed_after_an_interrupt() {
    let sandbox = Sandbox::new();
    let (server, status) = jobs();
    sandbox.plugin("web").stack(&(web_stack(&server) + RESOURCE));
    let mut running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    running.until("asked 1 times");
    running.interrupt();
    running.wait().exits(130).says("the next deploy resumes it");

    status.store(DONE, Ordering::Relaxed);
    sandbox.deploy();
    assert_eq!(creates(&server), 1, "the job was made again: {:?}", server.lines());
    sandbox.expect_no_changes();
}

/// `refresh` reads and does no more: it settles what was looked up, and names what the next deploy goes on with.
#[test]
fn a_refresh_settles_what_a_read_tells() {
    let sandbox = Sandbox::new();
    let (found, once) = (Arc::new(Objects::at("/found")), Arc::new(Objects::at("/once")));
    let (gate, status) = (Arc::new(Gate::default()), Arc::new(AtomicU16::new(WORKING)));
    let (made, asked) = mpsc::channel();
    let service = (found.clone(), once.clone(), gate.clone(), status.clone(), Mutex::new(made));
    let server = Server::start(move |request| {
        let (found, once, gate, status, made) = &service;
        let response = match request.path.as_str() {
            path if path.starts_with("/found") => found.answer(request),
            path if path.starts_with("/once") => once.answer(request),
            _ => {
                let done = status.load(Ordering::Relaxed) == DONE;
                return Response::json(200, &json!({ "id": "job-1", "done": done }));
            }
        };
        if request.method == "POST" {
            // It is made, and the run never hears of it.
            let _ = made.lock().expect("nobody panics with it").send(());
            gate.pass();
        }
        response
    });
    let cut_off =
        "resource \"web_found\" \"a\" {\n  name = \"a\"\n}\n\nresource \"web_once\" \"b\" {\n  name = \"b\"\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + RESOURCE + cut_off));
    let mut running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    running.until("asked 1 times");
    (0..2).for_each(|_| asked.recv().expect("the run creates both"));
    running.kill().exits(128 + 9);
    gate.open();

    let refreshed = sandbox.run(&["refresh"]).exits(0);
    insta::assert_snapshot!(refreshed.shown());
    sandbox.run(&["state", "list"]).exits(0).says("web_found.a").never_says("web_once.b");
    assert_eq!(creates(&server), 1, "{:?}", server.lines());
    status.store(DONE, Ordering::Relaxed);
    sandbox.deploy();
    assert_eq!((found.made(), once.made(), creates(&server)), (1, 1, 1), "{:?}", server.lines());
    sandbox.expect_no_changes();
}

/// The service makes the object and says that it failed. A run that is stopped before it has asked again leaves the
/// write in flight, and the next one finds what there is.
#[test]
fn what_was_made_and_answered_with_a_failure_is_found() {
    let sandbox = Sandbox::new();
    let (found, fails) = (Arc::new(Objects::at("/found")), Arc::new(AtomicBool::new(true)));
    let (objects, failing) = (found.clone(), fails.clone());
    let server = Server::start(move |request: &Request| {
        let response = objects.answer(request);
        let fails = request.method == "POST" && failing.load(Ordering::Relaxed);
        if fails { Response::status(503) } else { response }
    });
    sandbox.plugin("web").stack(&(web_stack(&server) + "resource \"web_found\" \"a\" {\n  name = \"a\"\n}\n"));
    let running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    server.until(1);
    running.interrupt();
    running.wait().exits(130);
    assert_eq!(found.made(), 1);

    fails.store(false, Ordering::Relaxed);
    sandbox.run(&["plan"]).exits(0).says("was cut off; how it ended is not known");
    sandbox.deploy();
    assert_eq!((found.made(), found.all().len()), (1, 1), "{:?}", server.lines());
    sandbox.expect_no_changes();
}

/// The end of the old create is told; the object is then made anew.
#[test]
fn a_resume_that_fails_is_told() {
    let sandbox = Sandbox::new();
    let (server, status) = jobs();
    sandbox.plugin("web").stack(&(web_stack(&server) + RESOURCE));
    let mut running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    running.until("asked 1 times");
    running.kill().exits(128 + 9);

    status.store(GONE, Ordering::Relaxed);
    let output = sandbox.deploy();
    output.says("jobs/job-1: status 404");
    assert_eq!(creates(&server), 2);
    insta::assert_snapshot!(output.shown());
}
