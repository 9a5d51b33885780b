//! Made, left alone, changed, replaced, removed.

use cofferdam_tests::Sandbox;

/// A file, and a resource that follows its content.
fn stack(filename: &str, content: &str) -> String {
    format!(
        r#"
stack "shop" {{}}

provider "local" {{
  source = "builtin:local"
  grant {{
    directory "out" {{
      path  = "./out"
      write = true
    }}
  }}
}}

resource "local_file" "greeting" {{
  directory = "out"
  filename  = "{filename}"
  content   = "{content}"
}}

resource "null_resource" "reader" {{
  triggers = {{
    sha256 = local_file.greeting.content_sha256
  }}
}}

output "sha256" {{
  value = local_file.greeting.content_sha256
}}
"#
    )
}

#[test]
fn a_life() {
    let sandbox = Sandbox::new();
    sandbox.stack(&stack("greeting.txt", "hello"));
    insta::assert_snapshot!("1_plan", sandbox.run(&["plan", "--exit-code"]).exits(10).shown());
    assert!(!sandbox.path("out").exists(), "planning made something");
    insta::assert_snapshot!("2_create", sandbox.deploy().shown());
    assert_eq!(sandbox.read("out/greeting.txt"), "hello");
    insta::assert_snapshot!("3_no_change", sandbox.deploy().shown());

    sandbox.stack(&stack("greeting.txt", "good evening"));
    insta::assert_snapshot!("4_update_and_replace", sandbox.deploy().shown());
    assert_eq!(sandbox.read("out/greeting.txt"), "good evening");

    sandbox.stack(&stack("welcome.txt", "good evening"));
    insta::assert_snapshot!("5_create_only", sandbox.run(&["plan"]).exits(0).shown());
    sandbox.deploy();
    assert_eq!(sandbox.tree(&sandbox.path("out")), ["welcome.txt"]);
    sandbox.expect_no_changes();

    insta::assert_snapshot!("6_destroy", sandbox.run(&["destroy", "--yes"]).exits(0).shown());
    assert_eq!(sandbox.tree(&sandbox.path("out")), Vec::<String>::new());
    insta::assert_snapshot!("7_nothing_left", sandbox.run(&["state", "list"]).exits(0).shown());
    insta::assert_snapshot!("8_destroy_nothing", sandbox.run(&["destroy", "--yes"]).exits(0).shown());
}

/// A resource that is no longer in the stack is removed, the others stay.
#[test]
fn what_the_stack_no_longer_names_is_removed() {
    let sandbox = Sandbox::new();
    let one = "stack \"shop\" {}\n\nresource \"null_resource\" \"one\" {}\n";
    sandbox.stack(&format!("{one}\nresource \"null_resource\" \"two\" {{}}\n")).deploy();
    sandbox.stack(one);
    insta::assert_snapshot!(sandbox.deploy().shown());
    sandbox.run(&["state", "list"]).exits(0).says("null_resource.one").never_says("null_resource.two");
}

/// Two stages of one stack know nothing of each other.
#[test]
fn stages_are_apart() {
    let sandbox = Sandbox::new();
    sandbox.stack("stack \"shop\" {}\n\nresource \"random_id\" \"name\" {\n  byte_length = 4\n}\n\noutput \"stage\" {\n  value = \"${stack.stage} ${random_id.name.hex}\"\n}\n");
    let value = |stage: &str| sandbox.run(&["output", "stage", "--stage", stage]).exits(0).stdout;
    sandbox.run(&["deploy", "--yes", "--stage", "one"]).exits(0);
    sandbox.run(&["deploy", "--yes", "--stage", "two"]).exits(0);
    let first = value("one");
    assert!(first.starts_with("one "), "{first}");
    assert!(value("two").starts_with("two "));
    sandbox.run(&["destroy", "--yes", "--stage", "two"]).exits(0);
    assert_eq!(value("one"), first);
}
