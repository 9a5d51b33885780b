//! `home migrate`: a home moves, and whoever comes to the old place is told.

use cofferdam_tests::{Output, Sandbox};
use regex::Regex;

const STACK: &str = r#"
stack "shop" {
  home = { local = { path = "HOME" } }
}

resource "random_password" "db" {
  length = 20
}
"#;

/// What a run said, without sizes.
fn shown(output: &Output) -> String {
    let sizes = Regex::new(r"\b\d+ objects of").expect("a valid pattern");
    sizes.replace_all(&output.shown(), "[count] objects of").into_owned()
}

#[test]
fn a_home_moves() {
    let sandbox = Sandbox::new();
    sandbox.stack(&STACK.replace("HOME", "old"));
    sandbox.deploy();
    sandbox.run(&["deploy", "--yes", "--stage", "production"]).exits(0);
    let migrate = ["home", "migrate", "local:old", "local:new"];
    insta::assert_snapshot!("without_yes", shown(&sandbox.run(&migrate).exits(2)));
    insta::assert_snapshot!("migrate", shown(&sandbox.run(&[&migrate[..], &["--yes"]].concat()).exits(0)));
    // Once more is no error: everything is done already.
    sandbox.run(&[&migrate[..], &["--yes"]].concat()).exits(0).says("already");
    insta::assert_snapshot!("old_deploy", shown(&sandbox.run(&["deploy", "--yes"]).exits(1)));
    insta::assert_snapshot!("old_list", shown(&sandbox.run(&["state", "list"]).exits(0)));
    let elsewhere = ["home", "migrate", "local:old", "local:third", "--yes"];
    insta::assert_snapshot!("moved_elsewhere", shown(&sandbox.run(&elsewhere).exits(1)));

    sandbox.stack(&STACK.replace("HOME", "new"));
    sandbox.expect_no_changes();
    sandbox.run(&["plan", "--exit-code", "--stage", "production"]).exits(0);
    sandbox.deploy().never_says("moved");
    let verified = sandbox.run(&["state", "verify", "--all", "--format", "json"]).exits(0);
    assert_eq!(verified.events_of("verified")[0]["unchecked"], 0);
}

/// A migration that was killed leaves a mark, which nobody has to remove by hand.
#[test]
fn a_killed_move_is_given_up() {
    let sandbox = Sandbox::new();
    sandbox.stack(&STACK.replace("HOME", "old"));
    sandbox.deploy();
    let by = r#"{"pid":1,"user":"tester","host":"elsewhere","command":"home migrate","since_ms":1}"#;
    sandbox.file("old/moving.json", format!(r#"{{"to":"local:new","at_ms":1,"by":{by}}}"#));
    insta::assert_snapshot!("moving_deploy", shown(&sandbox.run(&["deploy", "--yes"]).exits(1)));
    let give_up = ["home", "migrate", "--give-up", "local:old", "--yes"];
    insta::assert_snapshot!("given_up", shown(&sandbox.run(&give_up).exits(0)));
    sandbox.run(&give_up).exits(0).says("nothing was changed");
    sandbox.run(&[&give_up[..], &["--lock-wait", "5m"]].concat()).exits(2).says("cannot be used with");
    sandbox.deploy();
    let unlocked = sandbox.run(&["unlock", "--format", "json"]).exits(0);
    assert_eq!(unlocked.events_of("not-locked").len(), 1);
}

#[test]
fn wrong_command_lines() {
    let sandbox = Sandbox::new();
    sandbox.stack(&STACK.replace("HOME", "old"));
    sandbox.deploy();
    sandbox.file("taken/home.json", "{}");
    for (name, from, to) in [
        ("no_home", "local:nowhere", "local:new"),
        ("taken", "local:old", "local:taken"),
        ("same", "local:old", "local:./old"),
        ("no_store", "old", "local:new"),
    ] {
        let output = sandbox.run(&["home", "migrate", from, to, "--yes"]).exits(2);
        insta::assert_snapshot!(name, shown(&output));
    }
    let output = sandbox.run(&["home", "migrate", "local:old", "local:new", "--yes", "--format", "json"]).exits(0);
    assert_eq!(output.events_of("migrated")[0]["stages"], 1);
    assert_eq!(output.stderr, "");
}
