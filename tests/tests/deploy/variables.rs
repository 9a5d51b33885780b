//! A changed variable touches what refers to it, and nothing else.

use cofferdam_tests::Sandbox;

const STACK: &str = r#"
stack "shop" {}

variable "owner" {
  type    = string
  default = "nobody"
}

variable "size" {
  type    = number
  default = 1
}

locals {
  label = "owned by ${var.owner}"
}

resource "null_resource" "direct" {
  triggers = {
    owner = var.owner
  }
}

resource "null_resource" "through_a_local" {
  triggers = {
    label = local.label
  }
}

resource "null_resource" "through_a_resource" {
  triggers = {
    id = null_resource.direct.id
  }
}

resource "null_resource" "other" {
  triggers = {
    size = "size ${var.size}"
  }
}

resource "null_resource" "none" {}
"#;

/// The addresses that a plan would change.
fn changed(sandbox: &Sandbox, more: &[&str]) -> Vec<String> {
    let output = sandbox.run(&[&["plan", "--format", "json"], more].concat()).exits(0);
    let plans = output.events_of("plan");
    assert_eq!(plans.len(), 1, "one plan was expected:\n{}", output.raw());
    let steps = plans[0]["steps"].as_array().expect("a plan has steps");
    let mut names: Vec<_> = steps.iter().map(|step| step["address"].as_str().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn exactly_the_affected_resources_change() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK).deploy();
    assert_eq!(changed(&sandbox, &[]), Vec::<String>::new());
    assert_eq!(
        changed(&sandbox, &["--var", "owner=somebody"]),
        ["null_resource.direct", "null_resource.through_a_local", "null_resource.through_a_resource"]
    );
    assert_eq!(changed(&sandbox, &["--var", "size=2"]), ["null_resource.other"]);
    insta::assert_snapshot!(sandbox.run(&["plan", "--var", "owner=somebody"]).exits(0).shown());
}

/// The command line over files over the environment over the default.
#[test]
fn where_a_value_comes_from() {
    let sandbox = Sandbox::new();
    sandbox.stack(
        "stack \"shop\" {}\n\nvariable \"name\" {\n  type    = string\n  default = \"default\"\n}\n\noutput \"name\" {\n  value = var.name\n}\n",
    );
    sandbox.file("name.vars", "name = \"file\"\n").file("name.json", "{ \"name\": \"json\" }");
    let value = |more: &[&str], environment: &str| {
        let args = [&["deploy", "--yes"], more].concat();
        sandbox.cofferdam(&args).env("COFFERDAM_VAR_name", environment).run().exits(0);
        sandbox.run(&["output", "name"]).exits(0).stdout.trim().to_owned()
    };
    sandbox.deploy();
    assert_eq!(sandbox.run(&["output", "name"]).exits(0).stdout.trim(), "default");
    assert_eq!(value(&[], "environment"), "environment");
    assert_eq!(value(&["--var-file", "name.vars"], "environment"), "file");
    assert_eq!(value(&["--var-file", "name.json"], "environment"), "json");
    assert_eq!(value(&["--var-file", "name.vars", "--var", "name=flag"], "environment"), "flag");
}
