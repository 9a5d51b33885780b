//! Plugins that do in a bootstrap what none should: each costs its own resources, with a message, and nobody hangs.

use std::time::Duration;

use cofferdam_tests::Output;

use crate::service::{Service, resource};

/// Far above what any of these may take, far below what one that hangs would.
const PATIENCE: Duration = Duration::from_secs(60);

/// Deploys one resource of a plugin that does a deed, beside one of another provider; what the run said.
#[track_caller]
fn fails_alone(deed: &str) -> Output {
    let service = Service::new();
    let sandbox = service.sandbox(deed, &[""]);
    let other = service.provider("other", "", "").replace("limits {", "limits {\n      memory = \"128MiB\"");
    let stack = [service.stack(deed, &[""]), other, resource("other", "well", "", "")].concat();
    sandbox.stack(&stack);
    let output = sandbox.cofferdam(&["deploy", "--yes"]).within(PATIENCE).run().exits(1);
    output.says("preparing_prepared.r0");
    sandbox.run(&["state", "list"]).exits(0).says("preparing_prepared.well").never_says("r0");
    assert_eq!(service.things().len(), 3, "{deed}: {:?}", service.things());
    output
}

#[track_caller]
fn fails_with(deed: &str, text: &str) -> Output {
    let output = fails_alone(deed);
    output.says(text);
    output
}

#[test]
fn it_answers_no_list_of_steps() {
    fails_with("many-steps", "101 steps of a bootstrap, more than the 100 allowed");
    fails_with("million-steps", "handed the host more data at once than it may");
    fails_with("same-steps", "two steps named `same`");
    fails_with("wild-names", "`../../lease` is no name of a step");
    fails_with("long-name", "is no name of a step: up to 64 lowercase letters, digits and hyphens");
    fails_with("wild-titles", "the title of step `one` is no line of up to 200 bytes").never_says("\u{1b}]0;");
}

#[test]
fn it_reaches_out_where_it_has_no_capability() {
    fails_with("reach-in-steps", "this call has no capabilities");
    fails_with("ensure-in-steps", "this call has no capability");
}

#[test]
fn it_answers_too_much() {
    fails_with("huge", "the plugin ");
    fails_with("fat", "more than the 65536 allowed");
    fails_with("filling", "more than the 262144 allowed");
    fails_with("no-object", "not an object");
}

#[test]
fn it_never_ends() {
    fails_with("loop", "used more than 1 s of CPU time in one call");
}

#[test]
fn it_asks_while_it_is_configured() {
    let service = Service::new();
    let sandbox = service.sandbox("while-configured", &[""]);
    sandbox.run(&["deploy", "--yes"]).exits(1).says("a bootstrap of its own while it is configured");
}

#[test]
fn it_waits_for_itself() {
    let output = fails_alone("cycle");
    output.says("a bootstrap that waits for itself: preparing account config-");
    // Two scopes in a circle, asked for from both ends.
    let service = Service::new();
    let sandbox = service.sandbox("ring", &["namespace = \"a\"", "namespace = \"b\""]);
    let output = sandbox.cofferdam(&["deploy", "--yes"]).within(PATIENCE).run().exits(1);
    output.says("a bootstrap that waits for itself").says("waits for preparing account config-");
}

#[test]
fn it_asks_for_more_and_more() {
    let output = fails_alone("chain");
    output.says("more than 4 bootstraps that ask for one another");
    let service = Service::new();
    let sandbox = service.sandbox("", &[]);
    let stack = |more: &str| format!("{}{}", service.stack("", &[]), resource("preparing", "r", "", more));
    sandbox.stack(&stack("scopes = 300"));
    let output = sandbox.cofferdam(&["deploy", "--yes"]).within(PATIENCE).run().exits(1);
    output.says("more than 256 scopes in one run");
    // Again and again for the same one costs nothing, up to the limit of host calls.
    let again = Service::new();
    let sandbox = again.sandbox("", &[]);
    let stack = |more: &str| format!("{}{}", again.stack("", &[]), resource("preparing", "r", "", more));
    sandbox.stack(&stack("times = 50000"));
    sandbox.run(&["deploy", "--yes"]).exits(0);
    assert_eq!(again.server.requests().len(), 3);
    sandbox.stack(&stack("times = 200000"));
    sandbox.run(&["deploy", "--yes"]).exits(1).says("made more than 100000 host calls");
}

#[test]
fn it_crashes_before_all_who_wait() {
    for deed in ["crash", "crash-in-steps"] {
        let service = Service::new();
        let sandbox = service.sandbox(deed, &[""; 20]);
        let run = sandbox.cofferdam(&["deploy", "--yes", "--parallelism", "20"]).within(PATIENCE).run().exits(1);
        run.says("20 failed").says("the plugin crashed: ").says("it crashes as it was told");
        // The next run finds a scope that is free.
        sandbox.stack(&service.stack("", &[""; 20])).run(&["deploy", "--yes"]).exits(0);
    }
}

#[test]
fn it_forges_its_account() {
    let service = Service::new();
    let sandbox = service.sandbox("", &["account = \"config-00000000000000000000000000000000\""]);
    let output = sandbox.run(&["deploy", "--yes"]).exits(1);
    output.says("the plugin asks for account config-0000").says("the host decides");
    assert!(service.things().is_empty());
}

#[test]
fn it_asks_for_what_is_another_plugin_s() {
    let service = Service::new();
    let asks = ["provider = \"other\"", "authority = \"plugin:other\"", "of = \"other\"", "record = {}"];
    for scope in asks {
        let sandbox = service.sandbox("", &[scope]);
        let text = service.stack("", &[scope]).replace("of = \"self\", of", "of");
        sandbox.stack(&text).run(&["deploy", "--yes"]).exits(1).says("this is no scope: unknown");
    }
    // Two providers of one plugin with one configuration share nothing.
    let sandbox = service.sandbox("", &[]);
    let (one, two) = (service.provider("one", "", ""), service.provider("two", "", ""));
    let stack =
        format!("stack \"shop\" {{}}\n{one}{two}{}{}", resource("one", "a", "", ""), resource("two", "b", "", ""));
    sandbox.stack(&stack).run(&["deploy", "--yes"]).exits(0);
    assert_eq!((service.posts(), service.makings()), (6, 6));
}

/// A step that is never done ends with the time that the user gives, and others go on.
#[test]
fn it_is_never_done() {
    let service = Service::new();
    let sandbox = service.sandbox("", &[]);
    let stack = [service.stack("never", &[""]), service.provider("other", "", ""), resource("other", "well", "", "")];
    let stack = stack.concat().replace("stack \"shop\" {}", "stack \"shop\" {\n  bootstrap = { timeout = \"2s\" }\n}");
    sandbox.stack(&stack);
    let output = sandbox.cofferdam(&["deploy", "--yes"]).within(PATIENCE).run().exits(1);
    output.says("it took longer than 2 s to prepare preparing account config-");
    sandbox.run(&["state", "list"]).exits(0).says("preparing_prepared.well");
}
