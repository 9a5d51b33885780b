//! A secret is in the object that needs it and nowhere else in clear text.

use std::path::PathBuf;

use cofferdam_tests::{Output, Sandbox};

const STACK: &str = r#"
stack "shop" {}

provider "local" {
  source = "builtin:local"
  grant {
    directory "out" {
      path  = "./out"
      write = true
    }
  }
}

resource "random_password" "db" {
  length  = 32
  special = false
}

locals {
  dsn = "postgres://app:${random_password.db.result}@localhost/app"
}

resource "local_file" "config" {
  directory = "out"
  filename  = "app.conf"
  content   = "dsn = ${local.dsn}\n"
}

resource "null_resource" "reload" {
  triggers = {
    dsn = local.dsn
  }
}

output "password" {
  value     = random_password.db.result
  sensitive = true
}
"#;

/// The password as it stands in the file.
fn password(sandbox: &Sandbox) -> String {
    let config = sandbox.read("out/app.conf");
    let (_, rest) = config.split_once("app:").expect("the file holds the DSN");
    rest.split_once('@').expect("the file holds the DSN").0.to_owned()
}

#[test]
fn a_password_is_in_its_file_alone() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let mut said: Vec<Output> = Vec::new();
    said.push(sandbox.run(&["deploy", "--yes", "-vv"]).exits(0));
    let password = password(&sandbox);
    assert_eq!(password.len(), 32);

    let commands: [&[&str]; 8] = [
        &["plan"],
        &["plan", "--refresh", "all", "--format", "json"],
        &["output"],
        &["output", "--format", "json"],
        &["state", "list"],
        &["state", "show", "local_file.config"],
        &["state", "show", "random_password.db", "--format", "json"],
        &["refresh", "--format", "json"],
    ];
    said.extend(commands.iter().map(|command| sandbox.run(command).exits(0)));
    sandbox.file("out/app.conf", "edited by hand\n");
    said.push(sandbox.run(&["plan"]).exits(0));
    said.push(sandbox.run(&["deploy", "--yes", "--format", "json"]).exits(0));
    for output in &said {
        output.never_says(&password);
    }

    assert_eq!(sandbox.holding(sandbox.root(), &password), [sandbox.path("out/app.conf")]);
    assert_eq!(sandbox.holding(sandbox.cache(), &password), Vec::<PathBuf>::new());

    // Only where somebody asks for exactly that.
    assert_eq!(sandbox.run(&["output", "password"]).exits(0).stdout.trim_end(), password);
    sandbox.run(&["output", "--show-secrets"]).exits(0).says(&password);
    sandbox.run(&["state", "show", "random_password.db", "--show-secrets"]).exits(0).says(&password);

    sandbox.run(&["destroy", "--yes"]).exits(0).never_says(&password);
    assert_eq!(sandbox.holding(sandbox.root(), &password), Vec::<PathBuf>::new());
}

#[test]
fn a_secret_stands_as_the_word_for_it() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    sandbox.deploy();
    insta::assert_snapshot!("output", sandbox.run(&["output"]).exits(0).shown());
    insta::assert_snapshot!("output_json", sandbox.run(&["output", "--format", "json"]).exits(0).shown());
    sandbox.file("out/app.conf", "edited by hand\n");
    insta::assert_snapshot!("plan", sandbox.run(&["plan"]).exits(0).shown());
}

/// Values that somebody marks or passes in stay secret too, also in part.
#[test]
fn a_marked_variable_stays_secret() {
    let sandbox = Sandbox::new();
    sandbox.stack(
        r#"
stack "shop" {}

variable "token" {
  type      = string
  sensitive = true
}

resource "null_resource" "user" {
  triggers = {
    header = "Bearer ${var.token}"
  }
}

output "length" {
  value = length(var.token)
}
"#,
    );
    let secret = "correct-horse-battery";
    let invoke = |args: &[&str]| sandbox.cofferdam(args).env("COFFERDAM_VAR_token", secret).run().exits(0);
    for command in [&["deploy", "--yes"][..], &["plan"], &["state", "show", "null_resource.user"], &["output"]] {
        invoke(command).never_says(secret);
        assert_eq!(sandbox.holding(sandbox.root(), secret), Vec::<PathBuf>::new(), "after {command:?}");
    }
}
