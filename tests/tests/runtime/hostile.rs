//! A plugin that misbehaves costs the one step that it was asked for: everything else of the run goes on, the run says
//! what happened and exits 1, and the next one is well again.

use cofferdam_tests::Sandbox;

/// Two resources that have nothing to do with the hostile one.
const OTHERS: &str = r#"
stack "shop" {}

resource "null_resource" "one" {}

resource "null_resource" "two" {}
"#;

/// A resource of the hostile plugin, which gets little CPU time.
fn evil(deed: &str) -> String {
    format!(
        r#"{OTHERS}
provider "hostile" {{
  source = "./hostile.wasm"
  grant {{
    limits {{
      cpu = "1s"
    }}
  }}
}}

resource "hostile_act" "evil" {{
  deed = "{deed}"
}}
"#
    )
}

#[track_caller]
fn costs_one_step(deed: &str) {
    let sandbox = Sandbox::new();
    sandbox.plugin("hostile").stack(&evil(deed));
    let output = sandbox.run(&["deploy", "--yes", "--parallelism", "1"]).exits(1);
    insta::assert_snapshot!(format!("deed_{}", deed.replace('-', "_")), output.shown());
    for said in ["hostile_act.evil", "`hostile` 0.1.0", "create", "operation"] {
        output.says(said);
    }
    let listed = sandbox.run(&["state", "list"]).exits(0);
    listed.says("null_resource.one").says("null_resource.two");

    // What the call did before it failed, only people can tell.
    sandbox.stack(OTHERS).run(&["state", "settle", "hostile_act.evil", "--absent"]).exits(0);
    sandbox.deploy();
    let listed = sandbox.run(&["state", "list"]).exits(0);
    listed.says("null_resource.one").never_says("hostile_act");
    sandbox.expect_no_changes().never_says("cut off");
}

#[test]
fn it_never_ends() {
    costs_one_step("loop");
}

#[test]
fn it_takes_all_memory() {
    costs_one_step("allocate");
}

#[test]
fn it_calls_itself_without_end() {
    costs_one_step("recurse");
}

#[test]
fn it_answers_a_gigabyte() {
    costs_one_step("gigabyte");
    costs_one_step("amplified-gigabyte");
    costs_one_step("long-document");
    costs_one_step("many-marks");
}

#[test]
fn it_answers_no_document() {
    costs_one_step("malformed-json");
    costs_one_step("deep-json");
    costs_one_step("repeated-key");
    costs_one_step("no-object");
}

#[test]
fn it_marks_what_is_not_there() {
    costs_one_step("marks-nothing");
    costs_one_step("unknown-state");
}

#[test]
fn it_points_nowhere() {
    costs_one_step("wild-pointer");
}

#[test]
fn it_crashes() {
    costs_one_step("panic");
    costs_one_step("exit");
}

#[test]
fn it_calls_the_host_without_end() {
    costs_one_step("host-calls");
    costs_one_step("wasi-calls");
}

#[test]
fn it_keeps_too_much() {
    costs_one_step("big-hidden");
    costs_one_step("big-checkpoint");
}
