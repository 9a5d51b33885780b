//! A create that takes longer than a call: the plugin answers `pending`, the host waits and asks again.

use std::sync::atomic::{AtomicUsize, Ordering};

use cofferdam_tests::{Request, Response, Sandbox, Server, web_stack};
use serde_json::json;

/// A server whose job is done when it is asked for the third time.
fn jobs() -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |request: &Request| match request.line().as_str() {
        "POST /jobs" => Response::json(202, &json!({ "id": "job-1", "done": false })),
        "GET /jobs/job-1" => {
            let done = asked.fetch_add(1, Ordering::Relaxed) == 2;
            Response::json(200, &json!({ "id": "job-1", "done": done }))
        }
        _ => Response::status(404),
    })
}

#[test]
fn it_is_made_once_and_asked_for_until_it_is_done() {
    let sandbox = Sandbox::new();
    let server = jobs();
    sandbox.plugin("web").stack(&format!(
        "{}{}",
        web_stack(&server),
        r#"
resource "web_job" "import" {
  name = "import"
}

output "polls" {
  value = web_job.import.polls
}
"#
    ));
    let output = sandbox.run(&["deploy", "--yes"]).exits(0);
    output.says("asked 1 times").says("asked 2 times");
    assert_eq!(server.lines(), ["POST /jobs", "GET /jobs/job-1", "GET /jobs/job-1", "GET /jobs/job-1"]);
    let operations: Vec<_> = server.requests()[0].header("idempotency-key").map(str::to_owned).into_iter().collect();
    assert!(!operations[0].is_empty(), "the create carries the operation id");
    assert_eq!(sandbox.run(&["output", "polls"]).exits(0).stdout.trim(), "3");
    sandbox.expect_no_changes();
}
