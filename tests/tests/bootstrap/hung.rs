//! Servers that do not answer, runs that are stopped meanwhile, and preparations that take longer than a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cofferdam_tests::{Gate, Response};

use crate::account::{Account, run};
use crate::service::Service;

const PATIENCE: Duration = Duration::from_secs(60);

/// One region that hangs holds up no other, and says so.
#[test]
fn a_region_that_does_not_answer_holds_up_no_other() {
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    let account = Account::behind(move |request, onward| {
        if request.method == "PUT" && request.path.contains("eu-west-1") {
            held.pass();
        }
        onward.send().ok()
    });
    let scopes = ["region = \"eu-west-1\"", "region = \"ap-south-1\""];
    let sandbox = account.sandbox(&scopes);
    let stack = account.stack(&scopes);
    sandbox.stack(&stack.replace("stack \"shop\" {}", "stack \"shop\" {\n  bootstrap = { timeout = \"20s\" }\n}"));
    let output = run(&sandbox, &["deploy", "--yes"]).within(PATIENCE).run().exits(1);
    gate.open();
    output.says("it took longer than 20 s to prepare aws account 123456789012 in eu-west-1");
    output.says("whoever does it does not answer").says("1 done, 1 failed");
    let buckets = account.buckets();
    assert_eq!(buckets.iter().filter(|bucket| bucket.contains("ap-south-1")).count(), 2, "{buckets:?}");
}

#[test]
fn the_time_has_to_be_one() {
    for time in ["\"soon\"", "\"0s\"", "5"] {
        let service = Service::new();
        let sandbox = service.sandbox("", &[]);
        let text = service.stack("", &[]);
        sandbox.stack(
            &text.replace("stack \"shop\" {}", &format!("stack \"shop\" {{\n  bootstrap = {{ timeout = {time} }}\n}}")),
        );
        sandbox.run(&["plan"]).exits(3).says("`timeout` of `bootstrap` is");
    }
}

/// What goes on for longer than a call may take is waited for in the next attempt.
#[test]
fn a_long_bootstrap_outlives_the_calls_that_wait_for_it() {
    let times = AtomicUsize::new(0);
    let service = Service::before(move |request| {
        let waits = request.path.ends_with("bucket") && times.fetch_add(1, Ordering::SeqCst) < 80;
        waits.then(|| Response::status(202))
    });
    let sandbox = service.sandbox("", &["", ""]);
    let short = service.stack("", &["", ""]).replace("cpu = \"1s\"", "cpu = \"1s\"\n      wall = \"400ms\"");
    let output = sandbox.stack(&short).run(&["deploy", "--yes"]).exits(0);
    output.says("the bootstrap is not done after");
    assert_eq!((service.makings(), service.posts()), (3, 3));
}

/// A step that has begun when the run is stopped comes to its end and into the record; none begins after it.
#[test]
fn a_run_that_is_stopped_ends_the_step_that_it_is_at() {
    let (gate, reached) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (held, here) = (Arc::clone(&gate), Arc::clone(&reached));
    let service = Service::before(move |request| {
        if request.path.ends_with("bucket") {
            here.open();
            held.pass();
        }
        None
    });
    let sandbox = service.sandbox("", &[""]);
    let mut running = sandbox.cofferdam(&["deploy", "--yes"]).within(PATIENCE).start();
    reached.pass();
    running.interrupt();
    running.until("stopping");
    gate.open();
    running.wait().exits(130);
    assert_eq!(service.posts(), 2);
    sandbox.run(&["bootstrap", "status", "--format", "json"]).exits(0).says("\"steps_done\":2");
    sandbox.run(&["deploy", "--yes"]).exits(0);
    assert_eq!((service.posts(), service.makings()), (3, 3));
}
