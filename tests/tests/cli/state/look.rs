//! Histories, differences, and going back.

use super::{deployed, says, stack};
use cofferdam_tests::Sandbox;

#[test]
fn a_history_is_listed_and_looked_into() {
    let sandbox = deployed();
    says(&sandbox, "history", 0, &["history"]);
    says(&sandbox, "list_at", 0, &["list", "--at", "2"]);
    says(&sandbox, "show_at", 0, &["show", "null_resource.one", "--at", "1"]);
    says(&sandbox, "show_at_gone", 1, &["show", "null_resource.one", "--at", "3"]);
    says(&sandbox, "at_nothing", 1, &["list", "--at", "9"]);
    let versions = sandbox.run(&["state", "history", "--format", "json"]).exits(0).events_of("version");
    let serials: Vec<_> = versions.iter().map(|version| (version["serial"].as_u64(), &version["current"])).collect();
    assert_eq!(serials, [(Some(3), &true.into()), (Some(2), &false.into()), (Some(1), &false.into())]);
    assert_eq!(versions[0]["by"]["command"], "deploy");
    assert_eq!(versions[1]["resources"], 3);
}

#[test]
fn states_are_compared() {
    let sandbox = deployed();
    says(&sandbox, "diff", 0, &["diff"]);
    says(&sandbox, "diff_from", 0, &["diff", "1"]);
    says(&sandbox, "diff_from_to", 0, &["diff", "1", "2"]);
    says(&sandbox, "diff_same", 0, &["diff", "2", "2"]);
    says(&sandbox, "diff_unknown", 1, &["diff", "7"]);
    let output = sandbox.run(&["state", "diff", "1", "2", "--format", "json"]).exits(0);
    let found = output.events_of("resource-difference");
    let kinds: Vec<_> = found.iter().map(|found| (&found["address"], &found["difference"])).collect();
    assert_eq!(
        kinds,
        [(&"null_resource.one".into(), &"changed".into()), (&"null_resource.two".into(), &"added".into())]
    );
    let changes = found[0]["changes"].as_array().expect("a list");
    assert!(changes.iter().any(|change| change["pointer"] == "/triggers/value" && change["after"] == "b"));
    assert_eq!(output.events_of("difference")[0]["unchanged"], 1);
}

/// A secret that changed is said to have changed, and not shown.
#[test]
fn secrets_are_compared_and_not_shown() {
    let sandbox = Sandbox::new();
    let secrets = ["first-secret-value", "second-secret-value"];
    for secret in secrets {
        let variable = "\nvariable \"secret\" {\n  type      = string\n  sensitive = true\n}\n";
        let resource = "\nresource \"null_resource\" \"one\" {\n  triggers = {\n    value = var.secret\n  }\n}\n";
        sandbox.stack(&stack(&format!("{variable}{resource}")));
        sandbox.run(&["deploy", "--yes", "--var", &format!("secret={secret}")]).exits(0);
    }
    for args in [&["state", "diff"][..], &["state", "diff", "--format", "json"]] {
        let args = [args, &["--var", "secret=unused"]].concat();
        let output = sandbox.run(&args).exits(0);
        for secret in secrets {
            output.never_says(secret);
        }
        output.says("(secret");
    }
}

#[test]
fn an_empty_stage_has_no_history() {
    let sandbox = Sandbox::new();
    sandbox.stack("stack \"shop\" {}\n");
    says(&sandbox, "no_history", 0, &["history"]);
    says(&sandbox, "no_diff", 1, &["diff"]);
    says(&sandbox, "no_rollback", 1, &["rollback", "1", "--yes"]);
    assert_eq!(sandbox.run(&["state", "history", "--format", "json"]).exits(0).events_of("version").len(), 0);
}

#[test]
fn a_state_is_rolled_back_and_forward() {
    let sandbox = deployed();
    says(&sandbox, "rollback_without_yes", 2, &["rollback", "1"]);
    says(&sandbox, "rollback", 0, &["rollback", "1", "--yes"]);
    says(&sandbox, "rolled_back", 0, &["diff", "1", "4"]);
    says(&sandbox, "rollback_nothing", 0, &["rollback", "1", "--yes"]);
    // The state of before is in the history: nothing is lost.
    let output = sandbox.run(&["state", "rollback", "3", "--yes", "--format", "json"]).exits(0);
    assert_eq!(output.events_of("state-written")[0]["serial"], 5);
    sandbox.expect_no_changes();
    says(&sandbox, "history_after", 0, &["history"]);
}

#[test]
fn a_rollback_waits_for_writes_in_flight() {
    use cofferdam_tests::{Gate, Objects, Server, web_stack};
    use std::sync::Arc;
    let sandbox = Sandbox::new();
    let (objects, gate) = (Arc::new(Objects::default()), Arc::new(Gate::default()));
    let holding = gate.clone();
    let server = Server::start(move |request| {
        if request.json()["name"] == "held" {
            holding.pass();
        }
        objects.answer(request)
    });
    let resource = |name: &str| format!("\nresource \"web_object\" \"{name}\" {{\n  name = \"{name}\"\n}}\n");
    let after =
        "\nresource \"web_object\" \"held\" {\n  name       = \"held\"\n  depends_on = [web_object.second]\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + &resource("first")));
    sandbox.deploy();
    sandbox.stack(&(web_stack(&server) + &resource("first") + &resource("second") + after));
    let running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    server.until(3);
    running.kill().exits(128 + 9);
    gate.open();
    says(&sandbox, "in_flight", 1, &["rollback", "1", "--yes"]);
    // What the run had done is a state of its own before it is left.
    sandbox.run(&["state", "rollback", "1", "--yes", "--force"]).exits(0).says("serial 3");
    sandbox.run(&["state", "list", "--at", "2"]).exits(0).says("web_object.second");
    sandbox.run(&["plan"]).exits(0).says("was cut off");
}
