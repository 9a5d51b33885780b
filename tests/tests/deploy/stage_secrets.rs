//! Secrets that people set, used by stacks: in expressions, never shown, and for what they are when they change.

use std::path::PathBuf;

use cofferdam_tests::{Output, Sandbox};

const STACK: &str = r#"
stack "shop" {}

locals {
  dsn = "postgres://app:${secret("db_password")}@localhost/app"
}

resource "null_resource" "app" {
  triggers = {
    dsn  = local.dsn
    size = tostring(length(secret("db_password")))
  }
}

output "dsn" {
  value = local.dsn
}
"#;

const SECRET: &str = "correct-horse-battery";

#[test]
fn a_missing_secret_is_told_at_its_place() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    insta::assert_snapshot!("missing", sandbox.run(&["plan"]).exits(3).shown());
    // Whether the stack is valid does not depend on it.
    sandbox.run(&["validate"]).exits(0);
    sandbox.run(&["output"]).exits(0);
}

#[test]
fn a_secret_is_used_and_never_shown() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    sandbox.run(&["secret", "set", "db_password", SECRET]).exits(0);
    let plan = sandbox.run(&["plan"]).exits(0);
    insta::assert_snapshot!("plan", plan.shown());
    let deployed = sandbox.deploy();
    let commands: [&[&str]; 6] = [
        &["plan", "--exit-code"],
        &["output"],
        &["output", "--format", "json"],
        &["state", "show", "null_resource.app"],
        &["refresh", "--format", "json"],
        &["deploy", "--yes", "--format", "json", "-vv"],
    ];
    let said: Vec<Output> = commands.iter().map(|command| sandbox.run(command).exits(0)).collect();
    for output in said.iter().chain([&plan, &deployed]) {
        output.never_says(SECRET);
    }
    assert_eq!(sandbox.holding(sandbox.root(), SECRET), Vec::<PathBuf>::new());
    assert_eq!(sandbox.run(&["output", "dsn"]).exits(0).stdout, format!("postgres://app:{SECRET}@localhost/app\n"));

    // Another value is a change like any other.
    sandbox.run(&["secret", "rotate", "db_password"]).exits(0);
    sandbox.run(&["plan", "--exit-code"]).exits(10).never_says(SECRET);
    sandbox.deploy();
    sandbox.expect_no_changes();
}

/// An error that quotes a value with the secret in it does not show it.
#[test]
fn a_secret_is_in_no_error() {
    let sandbox = Sandbox::new();
    sandbox.stack(
        r#"
stack "shop" {}

resource "null_resource" "app" {
  triggers = {
    number = tonumber(secret("db_password"))
  }
}

resource "random_password" "p" {
  length = secret("db_password")
}
"#,
    );
    sandbox.run(&["secret", "set", "db_password", SECRET]).exits(0);
    let refused = sandbox.run(&["plan"]).exits(3);
    refused.never_says(SECRET);
    insta::assert_snapshot!("error", refused.shown());
}

#[test]
fn the_recovery_key_is_shown_once_and_opens_the_home() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let set = |name: &str, format: &str| {
        sandbox
            .cofferdam(&["secret", "set", name, SECRET, "--format", format])
            .env("COFFERDAM_RECOVERY", "")
            .run()
            .exits(0)
    };
    // In JSON mode on stderr alone.
    let first = set("db_password", "json");
    let key = first.stderr.split_whitespace().find(|word| word.starts_with("AGE-SECRET-KEY-1"));
    let key = key.expect("the recovery key is shown").to_owned();
    assert!(!first.stdout.contains(&key));
    set("other", "human").never_says("AGE-SECRET-KEY-1");
    assert_eq!(sandbox.holding(sandbox.root(), &key), Vec::<PathBuf>::new());

    std::fs::remove_dir_all(sandbox.user().join(".config")).expect("the identity was there");
    sandbox.run(&["secret", "get", "db_password"]).exits(1).says("the identity");
    let file = sandbox.root().join("recovery.txt");
    std::fs::write(&file, &key).expect("written");
    let recovered = sandbox.cofferdam(&["secret", "get", "db_password"]).env("COFFERDAM_IDENTITY", &file).run();
    assert_eq!(recovered.exits(0).stdout, format!("{SECRET}\n"));
}

/// A CI job shows no key that opens everything.
#[test]
fn in_ci_no_recovery_key_is_made() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let set = sandbox.cofferdam(&["secret", "set", "a", SECRET]).env("COFFERDAM_RECOVERY", "").env("CI", "true");
    set.run().exits(0).never_says("AGE-SECRET-KEY-1");
}
