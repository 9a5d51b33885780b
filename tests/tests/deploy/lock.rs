//! One run at a time: the second is told who holds the stage.

use std::sync::Arc;

use cofferdam_tests::{Gate, Objects, Sandbox, Server, web_stack};

#[test]
fn the_second_run_is_told() {
    let sandbox = Sandbox::new();
    let (objects, gate) = (Arc::new(Objects::default()), Arc::new(Gate::default()));
    let (answering, holding) = (objects.clone(), gate.clone());
    let server = Server::start(move |request| {
        holding.pass();
        answering.answer(request)
    });
    let resource = "\nresource \"web_object\" \"main\" {\n  name = \"main\"\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource));

    let first = sandbox.cofferdam(&["deploy", "--yes"]).start();
    server.until(1);
    let second = sandbox.run(&["deploy", "--yes"]).exits(6);
    second.says("tester");
    insta::assert_snapshot!("deploy", redacted(&second.shown()));
    sandbox.run(&["destroy", "--yes"]).exits(6);
    sandbox.run(&["refresh"]).exits(6);
    // Looking needs no lock, and another stage has its own.
    sandbox.run(&["state", "list"]).exits(0);
    sandbox.run(&["plan", "--stage", "other"]).exits(0);

    gate.open();
    first.wait().exits(0);
    assert_eq!(objects.made(), 1);
    sandbox.expect_no_changes();
}

/// Who holds the stage, and since when, differs from run to run.
fn redacted(text: &str) -> String {
    let line = |line: &str| if line.contains("tester") { "[who holds it]".to_owned() } else { line.to_owned() };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
