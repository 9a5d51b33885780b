//! stdout is data and stderr is talk; a reader who goes away stops nothing.

use cofferdam_tests::Sandbox;

const STACK: &str = r#"
stack "shop" {}

resource "null_resource" "one" {}

resource "null_resource" "two" {}

output "fixed" {
  value = "value"
}
"#;

#[test]
fn a_closed_stdout_stops_no_deploy() {
    for format in ["human", "json"] {
        let sandbox = Sandbox::new();
        sandbox.stack(STACK);
        sandbox.cofferdam(&["deploy", "--yes", "--format", format]).closed_stdout().run().exits(0);
        sandbox.run(&["state", "list"]).exits(0).says("null_resource.one").says("null_resource.two");
        sandbox.expect_no_changes();
    }
}

/// What a script reads is on stdout alone.
#[test]
fn the_plan_and_the_outputs_are_data() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let plan = sandbox.run(&["plan"]).exits(0);
    assert!(plan.stdout.contains("null_resource.one") && plan.stderr.is_empty(), "{}", plan.raw());
    let deploy = sandbox.deploy();
    assert!(deploy.stdout.contains("fixed") && !deploy.stdout.contains("creating"), "{}", deploy.raw());
    assert!(deploy.stderr.contains("null_resource.one: created"), "{}", deploy.raw());
}

#[test]
fn colour_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    sandbox.run(&["plan"]).exits(0).never_says("\u{1b}[");
    sandbox.run(&["plan", "--color", "always"]).exits(0).says("\u{1b}[");
    sandbox.run(&["plan", "--color", "always", "--format", "json"]).exits(0).never_says("\u{1b}[");
}
