//! `state verify` and `state repair`: damage is named, and mended without hiding what is lost.

use std::path::PathBuf;

use cofferdam_tests::Sandbox;

use super::{deployed, null, says, stack};

/// The files of a kind of the stage's objects, in order.
fn objects(sandbox: &Sandbox, kind: &str) -> Vec<PathBuf> {
    let folder = sandbox.path(".cofferdam/stacks/shop/dev").join(kind);
    sandbox.tree(&folder).into_iter().map(|name| folder.join(name)).collect()
}

#[test]
fn a_whole_home_is_whole() {
    let sandbox = deployed();
    says(&sandbox, "verify", 0, &["verify"]);
    says(&sandbox, "repair_nothing", 0, &["repair", "--yes"]);
    sandbox.stack(&stack(&null("one", "a")));
    sandbox.run(&["deploy", "--yes", "--stage", "production"]).exits(0);
    let all = sandbox.run(&["state", "verify", "--all", "--format", "json"]).exits(0);
    let keys: Vec<_> = all.events_of("object").iter().map(|object| object["key"].to_string()).collect();
    assert!(keys.iter().any(|key| key.contains("shop/production/states/")), "{keys:?}");
    assert!(keys.iter().any(|key| key.contains("keys/0000000001.json")), "{keys:?}");
    assert_eq!(all.events_of("verified")[0]["damaged"], 0);
    let nothing = Sandbox::new();
    nothing.stack("stack \"shop\" {}\n");
    says(&nothing, "verify_nothing", 0, &["verify"]);
}

#[test]
fn a_damaged_snapshot_is_mended() {
    let sandbox = deployed();
    let snapshot = objects(&sandbox, "states").pop().expect("three snapshots");
    let text = std::fs::read_to_string(&snapshot).expect("text");
    std::fs::write(&snapshot, text.replacen("\"length\":20", "\"length\":21", 1)).expect("written");
    says(&sandbox, "damaged_plan", 1, &["list"]);
    says(&sandbox, "verify_damaged", 1, &["verify"]);
    says(&sandbox, "repair_without_yes", 2, &["repair"]);
    says(&sandbox, "repair", 0, &["repair", "--yes"]);
    says(&sandbox, "verify_repaired", 0, &["verify"]);
    // From the second copy: nothing is lost.
    sandbox.run(&["state", "list"]).exits(0).says("null_resource.two").never_says("null_resource.one");
    sandbox.deploy();
    sandbox.expect_no_changes();
}

#[test]
fn an_empty_state_file_is_mended() {
    let sandbox = Sandbox::new();
    sandbox.stack(&stack(&null("one", "a")));
    sandbox.deploy();
    let snapshot = objects(&sandbox, "states").pop().expect("a snapshot");
    std::fs::write(&snapshot, "").expect("written");
    let damaged = sandbox.run(&["state", "verify", "--format", "json"]).exits(1);
    assert_eq!(damaged.events_of("verified")[0]["damaged"], 1);
    let output = sandbox.run(&["state", "repair", "--yes", "--format", "json"]).exits(0);
    // The second copy is whole.
    assert_eq!(output.events_of("repair")[0]["from_serial"], 1);
    assert_eq!(output.events_of("repaired")[0]["serial"], 2);
    assert_eq!(output.stderr, "");
    sandbox.run(&["state", "verify"]).exits(0);
}

#[test]
fn a_damaged_home_file_is_mended() {
    let sandbox = deployed();
    sandbox.file(".cofferdam/home.json", "");
    says(&sandbox, "verify_home", 1, &["verify"]);
    says(&sandbox, "repair_home", 0, &["repair", "--yes"]);
    sandbox.expect_no_changes();
}
