//! Ctrl-C while a plugin computes without end.

use std::time::Duration;

use cofferdam_tests::{Running, Sandbox};

/// Longer than the CPU limit below, much shorter than for ever.
const SOON: Duration = Duration::from_secs(30);

fn looping(sandbox: &Sandbox, cpu: &str) -> Running {
    sandbox.plugin("hostile").stack(&format!(
        r#"
stack "shop" {{}}

provider "hostile" {{
  source = "./hostile.wasm"
  grant {{
    limits {{
      cpu = "{cpu}"
    }}
  }}
}}

resource "hostile_act" "evil" {{
  deed = "loop"
}}

resource "null_resource" "after" {{
  triggers = {{
    evil = hostile_act.evil.id
  }}
}}
"#
    ));
    let mut running = sandbox.cofferdam(&["deploy", "--yes"]).within(SOON).start();
    running.until("hostile_act.evil: creating");
    running
}

/// The first one waits for calls that run, which their limits end.
#[test]
fn once_ends_within_the_limit() {
    let sandbox = Sandbox::new();
    let running = looping(&sandbox, "2s");
    running.interrupt();
    let output = running.wait().exits(130);
    insta::assert_snapshot!(output.shown());
    sandbox.run(&["state", "list"]).exits(0).never_says("null_resource.after");
}

/// The second one does not wait.
#[test]
fn twice_ends_at_once() {
    let sandbox = Sandbox::new();
    let mut running = looping(&sandbox, "10m");
    running.interrupt();
    running.until("stopping");
    running.interrupt();
    insta::assert_snapshot!(running.wait().exits(130).shown());
}

/// The stage is free afterwards.
#[test]
fn the_next_run_goes_on() {
    let sandbox = Sandbox::new();
    let mut running = looping(&sandbox, "10m");
    running.interrupt();
    running.until("stopping");
    running.interrupt();
    running.wait().exits(130);
    let other = "stack \"shop\" {}\n\nresource \"null_resource\" \"other\" {}\n";
    let output = sandbox.stack(other).run(&["deploy", "--yes"]).exits(1);
    output.says("1 done").says("cofferdam state settle hostile_act.evil --absent");
    sandbox.run(&["state", "list"]).exits(0).says("null_resource.other");
}
