//! Calls of one provider run at the same time, each in an instance of its own.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cofferdam_tests::{Objects, Sandbox, Server, web_stack};

const SLOW: Duration = Duration::from_millis(500);

/// A server that takes half a second for every request.
fn slow() -> (Server, Arc<Objects>) {
    let objects = Arc::new(Objects::default());
    let answering = objects.clone();
    let server = Server::start(move |request| {
        thread::sleep(SLOW); // what a slow service does; nothing waits for it but the plugin
        answering.answer(request)
    });
    (server, objects)
}

fn eight_objects(sandbox: &Sandbox, server: &Server) {
    let mut stack = web_stack(server);
    for number in 1..=8 {
        stack += &format!("\nresource \"web_object\" \"o{number}\" {{\n  name = \"object {number}\"\n}}\n");
    }
    sandbox.plugin("web").stack(&stack);
}

#[test]
fn eight_slow_creates_take_as_long_as_one() {
    let sandbox = Sandbox::new();
    let (server, objects) = slow();
    eight_objects(&sandbox, &server);
    sandbox.run(&["deploy", "--yes", "--parallelism", "8"]).exits(0);
    assert_eq!(objects.made(), 8);
    assert_eq!(server.most_at_once(), 8);
    assert!(server.busy() < Duration::from_millis(1200), "the server was busy for {:?}", server.busy());
}

#[test]
fn parallelism_is_an_upper_bound() {
    let sandbox = Sandbox::new();
    let (server, objects) = slow();
    eight_objects(&sandbox, &server);
    sandbox.run(&["deploy", "--yes", "--parallelism", "2"]).exits(0);
    assert_eq!(objects.made(), 8);
    assert_eq!(server.most_at_once(), 2);
}
