//! `secret …`: values go in by every way and come out only by name.

use std::fs::File;

use cofferdam_tests::Sandbox;

/// Uses a secret that is not there yet: `secret set` has to work all the same.
const STACK: &str = r#"
stack "shop" {}

output "token" {
  value = secret("token")
}
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    sandbox
}

#[test]
fn a_value_goes_in_by_every_way() {
    let sandbox = sandbox();
    insta::assert_snapshot!("empty", sandbox.run(&["secret", "list"]).exits(0).shown());
    insta::assert_snapshot!("set", sandbox.run(&["secret", "set", "token", "hunter2-argument"]).exits(0).shown());
    sandbox.file("value.txt", "hunter2-file\r\n");
    sandbox.run(&["secret", "set", "from_file", "--from-file", "value.txt"]).exits(0);
    let stdin = File::open(sandbox.path("value.txt")).expect("there");
    sandbox.cofferdam(&["secret", "set", "from_stdin"]).stdin_from(stdin).run().exits(0);
    let get = |name: &str| sandbox.run(&["secret", "get", name]).exits(0).stdout;
    assert_eq!(get("token"), "hunter2-argument\n");
    assert_eq!(get("from_file"), "hunter2-file\r\n\n");
    assert_eq!(get("from_stdin"), "hunter2-file\n");
    assert_eq!(sandbox.run(&["secret", "get", "token", "--format", "json"]).exits(0).stdout, "\"hunter2-argument\"\n");
    // Another stage has its own.
    insta::assert_snapshot!(
        "other_stage",
        sandbox.run(&["secret", "get", "token", "--stage", "prod"]).exits(1).shown()
    );

    let listed = sandbox.run(&["secret", "list"]).exits(0);
    insta::assert_snapshot!("list", listed.shown());
    let events = sandbox.run(&["secret", "list", "--format", "json"]).exits(0);
    assert_eq!(events.events_of("secret").len(), 3);
    for said in [listed, events] {
        said.never_says("hunter2");
    }
    std::fs::remove_file(sandbox.path("value.txt")).expect("removed");
    assert_eq!(sandbox.holding(sandbox.root(), "hunter2"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_secret_is_removed_and_made_anew() {
    let sandbox = sandbox();
    insta::assert_snapshot!("rotate", sandbox.run(&["secret", "rotate", "token", "--length", "40"]).exits(0).shown());
    let get = || sandbox.run(&["secret", "get", "token"]).exits(0).stdout;
    let first = get();
    assert_eq!(first.trim_end().len(), 40);
    let json = ["secret", "rotate", "token", "--alphabet", "hex", "--format", "json"];
    let said = sandbox.run(&json).exits(0);
    let second = get();
    assert!(second != first && second.trim_end().bytes().all(|c| c.is_ascii_hexdigit()), "{second}");
    said.never_says(second.trim_end());
    assert_eq!(said.events_of("secret_set").len(), 1);
    insta::assert_snapshot!("rm", sandbox.run(&["secret", "rm", "token"]).exits(0).shown());
    insta::assert_snapshot!("rm_again", sandbox.run(&["secret", "rm", "token"]).exits(1).shown());
}

#[test]
fn what_cannot_be_a_secret_is_refused() {
    let sandbox = sandbox();
    insta::assert_snapshot!("bad_name", sandbox.run(&["secret", "set", "no name", "x"]).exits(2).shown());
    insta::assert_snapshot!("no_value", sandbox.run(&["secret", "set", "token"]).exits(2).shown());
    sandbox.file("binary", [0xff]).file("long", "x".repeat(65537));
    let from = |file: &str| sandbox.run(&["secret", "set", "token", "--from-file", file]).exits(1);
    insta::assert_snapshot!("binary", from("binary").shown());
    insta::assert_snapshot!("too_long", from("long").shown());
    from("none").says("cannot read the value from `none`");
}

#[test]
fn help_teaches() {
    insta::assert_snapshot!("help", sandbox().run(&["secret", "--help"]).exits(0).shown());
}

/// Without the identity nothing is read, and nothing is made in its place.
#[test]
fn another_user_is_told_what_is_missing() {
    let sandbox = sandbox();
    sandbox.run(&["secret", "set", "token", "hunter2"]).exits(0);
    let config = sandbox.root().join("elsewhere");
    let other = sandbox.cofferdam(&["secret", "get", "token"]).env("COFFERDAM_CONFIG_DIR", &config).run().exits(1);
    insta::assert_snapshot!("other_user", other.shown());
    assert!(!config.exists());
    sandbox.run(&["secret", "list"]).exits(0).says("token");
}
