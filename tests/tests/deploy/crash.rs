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

    // Nothing of the killed run made the third object: its request was never answered.
    gate.open();
    sandbox.deploy();
    let mut names: Vec<_> = objects.all().iter().map(|object| object["name"].clone()).collect();
    names.sort_by_key(ToString::to_string);
    names.dedup();
    assert_eq!(names, ["first", "held", "second"]);
    for name in ["first", "second"] {
        let creates = server.requests().iter().filter(|request| request.json()["name"] == name).count();
        assert_eq!(creates, 1, "`{name}` was made again");
    }
    sandbox.expect_no_changes();
}
