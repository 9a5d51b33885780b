//! `home = "aws"` and `bootstrap …`.

use cofferdam_tests::Sandbox;

use crate::account::{Account, run};

fn stack(account: &Account, resources: &str) -> String {
    let reached = account.reached();
    format!("stack \"shop\" {{\n  home = {{ aws = {{\n      {reached} }} }}\n}}\n{resources}")
}

const NULL: &str = "resource \"null_resource\" \"one\" {\n  triggers = { value = \"1\" }\n}\n";

#[test]
fn a_first_deploy_needs_one_command() {
    let account = Account::new();
    let sandbox = Sandbox::new();
    sandbox.stack(&stack(&account, NULL));
    let status = run(&sandbox, &["bootstrap", "status"]).run().exits(0);
    insta::assert_snapshot!("status_nothing", shown(&status.shown()));
    run(&sandbox, &["plan"]).run().exits(0).says("1 to create").says("a deploy would bootstrap");
    assert_eq!(account.requests("PUT"), 0);
    let deployed = run(&sandbox, &["deploy", "--yes"]).run().exits(0);
    insta::assert_snapshot!("first_deploy", shown(&deployed.shown()));
    assert_eq!(account.buckets().len(), 2);
    let status = run(&sandbox, &["bootstrap", "status"]).run().exits(0);
    insta::assert_snapshot!("status", shown(&status.shown()));
    run(&sandbox, &["plan"]).run().exits(0).says("1 resource is as the stack says");
    run(&sandbox, &["bootstrap", "verify"]).run().exits(0).says("is as it should be");
    // As long as a state lies there, it stays.
    let refused = run(&sandbox, &["bootstrap", "destroy", "--yes"]).run().exits(1);
    insta::assert_snapshot!("destroy_refused", shown(&refused.shown()));
    run(&sandbox, &["destroy", "--yes"]).run().exits(0);
    run(&sandbox, &["bootstrap", "destroy", "--yes"]).run().exits(0).says("is destroyed");
    assert!(account.buckets().is_empty());
}

#[test]
fn policies_are_printed() {
    let account = Account::new();
    let sandbox = Sandbox::new();
    sandbox.stack(&stack(&account, NULL));
    for whom in ["prepare", "work", "destroy"] {
        let policy = run(&sandbox, &["bootstrap", "policy", "--for", whom]).run().exits(0);
        insta::assert_snapshot!(format!("policy_{whom}"), shown(&policy.shown()));
    }
}

#[test]
fn a_stack_without_an_account_is_told() {
    let sandbox = Sandbox::new();
    sandbox.stack(&format!("stack \"shop\" {{}}\n{NULL}"));
    let output = run(&sandbox, &["bootstrap", "status"]).run().exits(2);
    insta::assert_snapshot!("no_account", output.shown());
}

/// Names of buckets follow from the address of the server, which is another in every run.
fn shown(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("us-east-1-") {
        let (before, after) = rest.split_at(at + "us-east-1-".len());
        out.push_str(before);
        let digest = after.chars().take_while(char::is_ascii_hexdigit).count();
        out.push_str(if digest == 8 { "[digest]" } else { &after[..digest] });
        rest = &after[digest..];
    }
    out + rest
}
