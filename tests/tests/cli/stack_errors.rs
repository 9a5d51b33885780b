//! Stacks that are wrong: exit code 3, the place in the file, and often what was meant.

use cofferdam_tests::Sandbox;

#[track_caller]
fn refused(name: &str, stack: &str) {
    let sandbox = Sandbox::new();
    sandbox.stack(stack.trim_start());
    let validated = sandbox.run(&["validate"]).exits(3);
    insta::assert_snapshot!(name, validated.shown());
    // Planning says the same.
    assert_eq!(sandbox.run(&["plan"]).exits(3).stderr, validated.stderr);
}

#[test]
fn syntax() {
    refused("no_closing_brace", "stack \"shop\" {}\n\nresource \"null_resource\" \"one\" {\n  triggers = {\n");
    refused("unknown_block", "stack \"shop\" {}\n\nresorce \"null_resource\" \"one\" {}\n");
    refused("no_stack_block", "resource \"null_resource\" \"one\" {}\n");
    refused(
        "twice",
        "stack \"shop\" {}\n\nresource \"null_resource\" \"one\" {}\n\nresource \"null_resource\" \"one\" {}\n",
    );
}

#[test]
fn references() {
    refused(
        "unknown_resource",
        r#"
stack "shop" {}

resource "null_resource" "database" {}

resource "null_resource" "server" {
  triggers = {
    database = null_resource.databse.id
  }
}
"#,
    );
    refused(
        "unknown_variable",
        r#"
stack "shop" {}

variable "region" {
  type    = string
  default = "here"
}

output "where" {
  value = var.regin
}
"#,
    );
    refused(
        "circle",
        r#"
stack "shop" {}

resource "null_resource" "hen" {
  triggers = {
    of = null_resource.egg.id
  }
}

resource "null_resource" "egg" {
  triggers = {
    of = null_resource.hen.id
  }
}
"#,
    );
}

#[test]
fn variables() {
    let stack =
        "stack \"shop\" {}\n\nvariable \"size\" {\n  type = number\n}\n\noutput \"size\" {\n  value = var.size\n}\n";
    refused("missing_variable", stack);
    let sandbox = Sandbox::new();
    sandbox.stack(stack);
    insta::assert_snapshot!("variable_type", sandbox.run(&["plan", "--var", "size=large"]).exits(3).shown());
    let output = sandbox.run(&["plan", "--var", "size=1", "--var", "colour=red"]).exits(3);
    insta::assert_snapshot!("undeclared_variable", output.shown());
}

#[test]
fn resources() {
    refused("unknown_type", "stack \"shop\" {}\n\nresource \"random_pasword\" \"db\" {\n  length = 8\n}\n");
    refused("unknown_provider", "stack \"shop\" {}\n\nresource \"acme_zone\" \"main\" {}\n");
    refused("property_type", "stack \"shop\" {}\n\nresource \"random_password\" \"db\" {\n  length = \"long\"\n}\n");
    refused("out_of_range", "stack \"shop\" {}\n\nresource \"random_password\" \"db\" {\n  length = 0\n}\n");
    refused(
        "unknown_property",
        "stack \"shop\" {}\n\nresource \"random_password\" \"db\" {\n  length  = 8\n  speciall = false\n}\n",
    );
    refused("missing_property", "stack \"shop\" {}\n\nresource \"random_password\" \"db\" {}\n");
    refused(
        "read_only_property",
        "stack \"shop\" {}\n\nresource \"random_password\" \"db\" {\n  length = 8\n  result = \"mine\"\n}\n",
    );
}

/// What a plugin's own check finds stands at the user's line too.
#[test]
fn the_plugins_own_check() {
    refused(
        "both_contents",
        r#"
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

resource "local_file" "both" {
  directory      = "out"
  filename       = "both.txt"
  content        = "one"
  content_base64 = "dHdv"
}
"#,
    );
}

#[test]
fn a_good_stack_is_valid() {
    let sandbox = Sandbox::new();
    sandbox.stack("stack \"shop\" {}\n\nresource \"null_resource\" \"one\" {}\n");
    insta::assert_snapshot!("valid", sandbox.run(&["validate"]).exits(0).shown());
}
