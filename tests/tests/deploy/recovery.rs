//! A create that goes on remotely when the run ends: the next run asks for it instead of making another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_tests::{Request, Response, Sandbox, Server, web_stack};
use serde_json::json;

#[test]
fn a_pending_create_is_resumed() {
    let sandbox = Sandbox::new();
    let done = Arc::new(AtomicBool::new(false));
    let is_done = done.clone();
    let server = Server::start(move |request: &Request| match request.line().as_str() {
        "POST /jobs" => Response::json(202, &json!({ "id": "job-1", "done": false })),
        _ => Response::json(200, &json!({ "id": "job-1", "done": is_done.load(Ordering::Relaxed) })),
    });
    let resource = "\nresource \"web_job\" \"import\" {\n  name = \"import\"\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource));

    let mut running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    running.until("asked 3 times");
    running.kill().exits(128 + 9);
    done.store(true, Ordering::Relaxed);
    sandbox.deploy();
    let creates = server.lines().iter().filter(|line| *line == "POST /jobs").count();
    assert_eq!(creates, 1, "the job was made again: {:?}", server.lines());
    sandbox.expect_no_changes();
}

/// Ctrl-C while the remote operation goes on: the run ends, the next one resumes.
#[test]
fn an_interrupted_create_is_resumed() {
    let sandbox = Sandbox::new();
    let done = Arc::new(AtomicBool::new(false));
    let is_done = done.clone();
    let server = Server::start(move |request: &Request| match request.line().as_str() {
        "POST /jobs" => Response::json(202, &json!({ "id": "job-1", "done": false })),
        _ => Response::json(200, &json!({ "id": "job-1", "done": is_done.load(Ordering::Relaxed) })),
    });
    let resource = "\nresource \"web_job\" \"import\" {\n  name = \"import\"\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource));

    let mut running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    running.until("asked 1 times");
    running.interrupt();
    running.wait().exits(130).says("web_job.import");
    done.store(true, Ordering::Relaxed);
    sandbox.deploy();
    let creates = server.lines().iter().filter(|line| *line == "POST /jobs").count();
    assert_eq!(creates, 1, "the job was made again: {:?}", server.lines());
    sandbox.expect_no_changes();
}
