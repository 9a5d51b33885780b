//! A run that is killed in the middle: what was done is known to the next one, which does the rest.

use std::sync::Arc;

use cofferdam_tests::{Gate, Objects, Request, Sandbox, Server, web_stack};

const RESOURCES: &str = r#"
resource "web_object" "first" {
  name = "first"
}

resource "web_object" "second" {
  name = "second"
}

resource "web_object" "held" {
  name       = "held"
  depends_on = [web_object.first, web_object.second]
}
"#;

#[test]
fn finished_steps_are_not_repeated() {
    let sandbox = Sandbox::new();
    let (objects, gate) = (Arc::new(Objects::default()), Arc::new(Gate::default()));
    let (answering, holding) = (objects.clone(), gate.clone());
    let server = Server::start(move |request: &Request| {
        if request.json()["name"] == "held" {
            holding.pass();
        }
        answering.answer(request)
    });
    sandbox.plugin("web").stack(&(web_stack(&server) + RESOURCES));

    let running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    server.until(3);
    running.kill().exits(128 + 9);
    let listed = sandbox.run(&["state", "list"]).exits(0);
    listed.says("web_object.first").says("web_object.second");

    // What became of the third one is unknown: its request was never answered. The plan says so, and the next deploy
    // sends it again, in the same operation.
    gate.open();
    sandbox.run(&["plan"]).exits(0).says("create of `web_object.held` was cut off").says("makes the same call again");
    sandbox.deploy().says("web_object.held: created").never_says("will be created");
    let creates = |name: &str| -> Vec<Request> {
        let is_create = |request: &Request| request.method == "POST" && request.json()["name"] == name;
        server.requests().into_iter().filter(is_create).collect()
    };
    assert_eq!(creates("first").len(), 1, "`first` was made again");
    assert_eq!(creates("second").len(), 1, "`second` was made again");
    let held = creates("held");
    assert_eq!(held.len(), 2);
    assert_eq!(held[0].header("idempotency-key"), held[1].header("idempotency-key"));
    assert_eq!(objects.made(), 3);
    sandbox.expect_no_changes().never_says("cut off");
}
