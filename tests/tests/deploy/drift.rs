//! Objects that somebody changed by hand.

use std::fs;
use std::sync::Arc;

use cofferdam_tests::{Objects, Sandbox, Server, web_stack};
use serde_json::json;

const FILE: &str = r#"
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

resource "local_file" "greeting" {
  directory = "out"
  filename  = "greeting.txt"
  content   = "hello"
}
"#;

#[test]
fn an_edited_file_is_seen_and_mended() {
    let sandbox = Sandbox::new();
    sandbox.stack(FILE).deploy();
    sandbox.expect_no_changes();
    sandbox.file("out/greeting.txt", "hullo");
    insta::assert_snapshot!("edited", sandbox.run(&["plan", "--exit-code"]).exits(10).shown());
    sandbox.deploy();
    assert_eq!(sandbox.read("out/greeting.txt"), "hello");
}

#[test]
fn a_removed_file_is_made_again() {
    let sandbox = Sandbox::new();
    sandbox.stack(FILE).deploy();
    fs::remove_file(sandbox.path("out/greeting.txt")).expect("it was deployed");
    insta::assert_snapshot!("removed", sandbox.run(&["plan", "--exit-code"]).exits(10).shown());
    sandbox.deploy();
    assert_eq!(sandbox.read("out/greeting.txt"), "hello");
}

/// Remote objects are read when they would change, all of them on request.
#[test]
fn a_remote_object_is_seen_on_request() {
    let sandbox = Sandbox::new();
    let objects = Arc::new(Objects::default());
    let answering = objects.clone();
    let server = Server::start(move |request| answering.answer(request));
    let resource = "\nresource \"web_object\" \"main\" {\n  name = \"main\"\n  size = 1\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource)).deploy();
    objects.edit("object-1", |object| object["size"] = json!(7));
    sandbox.expect_no_changes();
    insta::assert_snapshot!("remote", sandbox.run(&["plan", "--refresh", "all", "--exit-code"]).exits(10).shown());
    sandbox.run(&["refresh"]).exits(0);
    sandbox.run(&["deploy", "--yes", "--refresh", "all"]).exits(0);
    assert_eq!(objects.all()[0]["size"], json!(1));
}
