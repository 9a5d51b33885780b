//! A step that fails: what hangs on it is not started, everything else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_tests::{Objects, Request, Response, Sandbox, Server, web_stack};

const RESOURCES: &str = r#"
resource "web_object" "refused" {
  name = "refused"
}

resource "web_object" "fine" {
  name = "fine"
}

resource "null_resource" "behind_refused" {
  triggers = {
    id = web_object.refused.id
  }
}

resource "null_resource" "behind_fine" {
  triggers = {
    id = web_object.fine.id
  }
}
"#;

#[test]
fn independent_branches_go_on() {
    let sandbox = Sandbox::new();
    let (objects, refusing) = (Arc::new(Objects::default()), Arc::new(AtomicBool::new(true)));
    let (answering, refuses) = (objects.clone(), refusing.clone());
    let server = Server::start(move |request: &Request| {
        if refuses.load(Ordering::Relaxed) && request.json()["name"] == "refused" {
            return Response::status(403).header("x-request-id", "request-7").body("not you");
        }
        answering.answer(request)
    });
    sandbox.plugin("web").stack(&(web_stack(&server) + RESOURCES));
    let output = sandbox.run(&["deploy", "--yes", "--parallelism", "1"]).exits(1);
    insta::assert_snapshot!("failed", output.shown());
    assert_eq!(objects.made(), 1);

    refusing.store(false, Ordering::Relaxed);
    insta::assert_snapshot!("the_rest", sandbox.run(&["deploy", "--yes", "--parallelism", "1"]).exits(0).shown());
    assert_eq!(objects.made(), 2);
    sandbox.expect_no_changes();
}

/// A service that is busy is asked again, with the same operation id.
#[test]
fn a_busy_service_is_asked_again() {
    let sandbox = Sandbox::new();
    let (objects, busy) = (Arc::new(Objects::default()), AtomicBool::new(true));
    let answering = objects.clone();
    let server = Server::start(move |request: &Request| {
        if busy.swap(false, Ordering::Relaxed) {
            return Response::status(429).header("retry-after", "0");
        }
        answering.answer(request)
    });
    let resource = "\nresource \"web_object\" \"main\" {\n  name = \"main\"\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource)).deploy();
    let requests = server.requests();
    let ids: Vec<_> = requests.iter().map(|request| request.header("idempotency-key")).collect();
    assert_eq!(ids.len(), 2, "{:?}", server.lines());
    assert!(ids[0].is_some() && ids[0] == ids[1], "the operation id changed between attempts: {ids:?}");
}
