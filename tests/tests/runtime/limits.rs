//! Limits that a user sets in a grant, and those of calls that only plan.

use std::sync::Arc;

use cofferdam_tests::{Gate, Response, Sandbox, Server};

/// A stack with one resource of the hostile plugin.
fn stack(ty: &str, deed: &str, target: &str, grant: &str) -> String {
    format!(
        r#"
stack "shop" {{}}

provider "hostile" {{
  source = "./hostile.wasm"
  grant {{
{grant}
  }}
}}

resource "{ty}" "evil" {{
  deed   = "{deed}"
  target = "{target}"
}}
"#
    )
}

/// Planning has a shorter time than deploying: two seconds unless the user gives more.
#[test]
fn check_and_plan_may_compute_for_two_seconds() {
    for ty in ["hostile_check", "hostile_plan"] {
        let sandbox = Sandbox::new();
        sandbox.plugin("hostile").stack(&stack(ty, "loop", "", ""));
        insta::assert_snapshot!(format!("{ty}_loops"), sandbox.run(&["plan"]).exits(1).shown());
    }
}

#[test]
fn the_time_to_plan_can_be_set_alone() {
    let sandbox = Sandbox::new();
    let grant = "    limits {\n      plan_cpu = \"200ms\"\n    }";
    sandbox.plugin("hostile").stack(&stack("hostile_plan", "loop", "", grant));
    sandbox.run(&["plan"]).exits(1).says("used more than 200 ms of CPU time");
}

#[test]
fn a_log_line_can_be_shortened() {
    let sandbox = Sandbox::new();
    let grant = "    limits {\n      log_line = \"1KiB\"\n    }";
    sandbox.plugin("hostile").stack(&stack("hostile_act", "flood", "", grant));
    // A line of the guest is longer than that; the name of the resource stands before what is left of it.
    let output = sandbox.run(&["deploy", "--yes"]).exits(0);
    let longest = output.stderr.lines().filter(|line| line.contains("of a flood")).map(str::len).max();
    assert!(longest.is_some_and(|bytes| (1_000..1_100).contains(&bytes)), "{longest:?}");
}

/// Waiting uses no CPU time, so the wall clock has a limit of its own.
#[test]
fn a_call_that_waits_is_ended() {
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let server = Server::start(move |_| {
        held.pass();
        Response::status(200)
    });
    let host = server.host();
    let grant = format!("    hosts = [\"{host}\"]\n    limits {{\n      wall = \"500ms\"\n    }}");
    let sandbox = Sandbox::new();
    sandbox.plugin("hostile").stack(&stack("hostile_act", "fetch", &server.url(), &grant));
    let output = sandbox.run(&["deploy", "--yes"]).exits(1);
    gate.open();
    insta::assert_snapshot!(output.shown());
}

#[test]
fn a_body_has_a_limit() {
    let server = Server::start(|_| Response::status(200).body(vec![b'x'; 64 << 10]));
    let host = server.host();
    let grant = format!("    hosts = [\"{host}\"]\n    limits {{\n      http_body = \"1KiB\"\n    }}");
    let sandbox = Sandbox::new();
    sandbox.plugin("hostile").stack(&stack("hostile_act", "fetch", &server.url(), &grant));
    insta::assert_snapshot!(sandbox.run(&["deploy", "--yes"]).exits(1).shown());
}

#[test]
fn host_calls_can_be_lowered() {
    let sandbox = Sandbox::new();
    let grant = "    limits {\n      host_calls = 100\n    }";
    sandbox.plugin("hostile").stack(&stack("hostile_act", "host-calls", "", grant));
    sandbox.run(&["deploy", "--yes"]).exits(1).says("made more than 100 host calls");
}

#[test]
fn memory_can_be_lowered() {
    let sandbox = Sandbox::new();
    let grant = "    limits {\n      memory = \"8MiB\"\n    }";
    sandbox.plugin("hostile").stack(&stack("hostile_act", "allocate", "", grant));
    sandbox.run(&["deploy", "--yes"]).exits(1).says("8 MiB");
}

#[test]
fn so_many_requests_at_once_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.plugin("hostile").stack(&stack("hostile_act", "requests-at-once", "http://127.0.0.1:1", ""));
    insta::assert_snapshot!(sandbox.run(&["deploy", "--yes"]).exits(1).shown());
}
