//! `--format json`: every line of stdout is an event, whatever happens.

use cofferdam_tests::{Output, Sandbox};

const STACK: &str = r#"
stack "shop" {}

resource "random_password" "db" {
  length = 20
}

resource "null_resource" "one" {
  triggers = {
    password = random_password.db.result
  }
}

output "password" {
  value     = random_password.db.result
  sensitive = true
}
"#;

fn types(output: &Output) -> Vec<String> {
    output.events().iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_command_that_reports() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let commands: [&[&str]; 12] = [
        &["validate"],
        &["plan", "--out", "release.plan"],
        &["show", "release.plan"],
        &["deploy", "release.plan"],
        &["deploy", "--yes"],
        &["output"],
        &["state", "list"],
        &["state", "show", "null_resource.one"],
        &["refresh"],
        &["plugin", "inspect", "local"],
        &["version"],
        &["destroy", "--yes"],
    ];
    for command in commands {
        let output = sandbox.run(&[command, &["--format", "json"]].concat()).exits(0);
        assert!(!output.events().is_empty(), "{command:?} reports nothing");
        assert_eq!(output.stderr, "", "{command:?} talks beside its report");
    }
}

#[test]
fn a_deploy_tells_its_story() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let output = sandbox.run(&["deploy", "--yes", "--parallelism", "1", "--format", "json"]).exits(0);
    let types = types(&output);
    let at =
        |kind: &str| types.iter().position(|found| found == kind).unwrap_or_else(|| panic!("no {kind}: {types:?}"));
    assert!(at("plan") < at("run-started"), "{types:?}");
    assert!(at("run-started") < at("step-started"), "{types:?}");
    assert!(at("step-started") < at("step-finished"), "{types:?}");
    assert!(at("step-finished") < at("run-finished"), "{types:?}");
    let finished = &output.events_of("run-finished")[0];
    assert_eq!((&finished["done"], &finished["failed"]), (&2.into(), &0.into()));
}

/// An error is an event too, with the exit code in it.
#[test]
fn errors_are_events() {
    let sandbox = Sandbox::new();
    sandbox.stack("stack \"shop\" {}\n\noutput \"where\" {\n  value = var.regin\n}\n");
    let output = sandbox.run(&["plan", "--format", "json"]).exits(3);
    assert_eq!(output.stderr, "");
    let errors = output.events_of("error");
    assert_eq!(errors[0]["exit"], 3);
    assert!(!errors[0]["diagnostics"].as_array().expect("findings").is_empty());

    sandbox.file("bad.wasm", "no plugin");
    let output = sandbox.run(&["plugin", "inspect", "./bad.wasm", "--format", "json"]).exits(4);
    assert_eq!(output.events_of("error")[0]["exit"], 4);
}
