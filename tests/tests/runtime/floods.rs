//! What a plugin writes to stdout and stderr: shown as log lines without control characters, and only so many.

use cofferdam_tests::Sandbox;

const STACK: &str = r#"
stack "shop" {}

provider "hostile" {
  source = "./hostile.wasm"
}

resource "hostile_act" "loud" {
  deed = "flood"
}
"#;

#[test]
fn a_flood_is_cut_and_harms_nothing() {
    let sandbox = Sandbox::new();
    sandbox.plugin("hostile").stack(STACK);
    let output = sandbox.run(&["deploy", "--yes", "-v"]).exits(0);
    output.says("hostile_act.loud").says("line 0 of a flood on stdout").says("are dropped");
    output.never_says("\u{1b}").never_says("\u{7}");
    let said = output.stdout.len() + output.stderr.len();
    // A mebibyte of messages, each with the name of the resource before it.
    assert!(said < 3 << 19, "{said} bytes were said");
}

/// Warnings are shown without being asked for, and stderr of a plugin is one.
#[test]
fn stdout_is_shown_on_request() {
    let sandbox = Sandbox::new();
    sandbox.plugin("hostile").stack(STACK);
    sandbox.run(&["deploy", "--yes"]).exits(0).says("flood on stderr").never_says("flood on stdout");
}
