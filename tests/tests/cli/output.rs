//! `output` and `state`: what people and scripts read after a deploy.

use cofferdam_tests::Sandbox;

const STACK: &str = r#"
stack "shop" {}

resource "null_resource" "one" {
  triggers = {
    name = "shop"
  }
}

resource "null_resource" "two" {
  triggers   = {}
  depends_on = [null_resource.one]
}

output "name" {
  value       = null_resource.one.triggers.name
  description = "The shop's name."
}

output "list" {
  value = ["a", "b"]
}

output "object" {
  value = { number = 1.5, yes = true, nothing = null }
}
"#;

#[test]
fn outputs() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    insta::assert_snapshot!("before_deploy", sandbox.run(&["output"]).exits(0).shown());
    insta::assert_snapshot!("one_before_deploy", sandbox.run(&["output", "name"]).exits(1).shown());
    sandbox.deploy();
    insta::assert_snapshot!("all", sandbox.run(&["output"]).exits(0).shown());
    assert_eq!(sandbox.run(&["output", "name"]).exits(0).stdout, "shop\n");
    assert_eq!(sandbox.run(&["output", "list", "--format", "json"]).exits(0).stdout, "[\"a\",\"b\"]\n");
    insta::assert_snapshot!("object", sandbox.run(&["output", "object"]).exits(0).shown());
    insta::assert_snapshot!("unknown", sandbox.run(&["output", "nmae"]).exits(1).shown());
}

#[test]
fn state() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    insta::assert_snapshot!("empty_list", sandbox.run(&["state", "list"]).exits(0).shown());
    sandbox.deploy();
    insta::assert_snapshot!("list", sandbox.run(&["state", "list"]).exits(0).shown());
    let shown = sandbox.run(&["state", "show", "null_resource.two"]).exits(0).shown();
    // The first digits of the plugin's digest.
    let digest = regex::Regex::new(r"\([0-9a-f]{12}\)").expect("a valid pattern");
    insta::assert_snapshot!("show", digest.replace_all(&shown, "([digest])"));
    insta::assert_snapshot!("show_unknown", sandbox.run(&["state", "show", "null_resource.three"]).exits(1).shown());
}
