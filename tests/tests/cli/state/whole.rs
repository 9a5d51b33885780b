//! `encryption = { state = true }`: nothing of a state can be read in the home, and everything works as before.

use std::fs;

use cofferdam_tests::Sandbox;

use super::{null, shown, stack};

/// What a state tells: addresses, types, names and values of properties, outputs, plugins.
const TOLD: [&str; 9] =
    ["null_resource", "random_password", "triggers", "orders-1", "orders-2", "sha256:", "plugins", "length", "\"url\""];

fn write(sandbox: &Sandbox, encryption: &str, resources: &str) {
    let home = "home = { local = { path = \"home\", history = 3 } }";
    let text = stack(resources).replace("stack \"shop\" {}", &format!("stack \"shop\" {{\n  {home}\n{encryption}}}"));
    sandbox.stack(&(text + "\noutput \"url\" {\n  value = \"orders-2\"\n}\n"));
}

const WHOLE: &str = "  encryption = { state = true }\n";

/// What can be read in the home.
fn told(sandbox: &Sandbox) -> Vec<&'static str> {
    TOLD.into_iter().filter(|word| !sandbox.holding(&sandbox.path("home"), word).is_empty()).collect()
}

fn deployed() -> Sandbox {
    let sandbox = Sandbox::new();
    for resources in [null("one", "orders-1"), null("one", "orders-2") + &null("two", "orders-1")] {
        write(&sandbox, WHOLE, &resources);
        sandbox.deploy();
    }
    sandbox
}

#[test]
fn nothing_can_be_read_and_everything_works() {
    let sandbox = deployed();
    assert_eq!(told(&sandbox), [""; 0]);
    sandbox.expect_no_changes();
    sandbox.run(&["state", "show", "null_resource.one"]).exits(0).says("orders-2");
    insta::assert_snapshot!("whole_history", shown(&sandbox.run(&["state", "history"]).exits(0)));
    insta::assert_snapshot!("whole_diff", shown(&sandbox.run(&["state", "diff"]).exits(0)));
    insta::assert_snapshot!("whole_verify", shown(&sandbox.run(&["state", "verify", "-v"]).exits(0)));
    sandbox.run(&["state", "mv", "null_resource.two", "null_resource.second", "--yes"]).exits(0);
    sandbox.run(&["state", "rollback", "1", "--yes"]).exits(0);
    sandbox.run(&["state", "list"]).exits(0).says("null_resource.one").never_says("second");
    sandbox.deploy();
    sandbox.run(&["key", "rotate", "--yes"]).exits(0);
    sandbox.expect_no_changes();
    assert_eq!(told(&sandbox), [""; 0]);

    // A document is what was asked for, and comes back.
    let document = sandbox.run(&["state", "pull"]).exits(0).stdout;
    assert!(document.contains("null_resource.one"), "{document}");
    sandbox.file("state.json", &document);
    sandbox.run(&["state", "push", "state.json", "--yes"]).exits(0);
    sandbox.run(&["home", "migrate", "local:home", "local:new", "--yes"]).exits(0);
    assert!(sandbox.holding(&sandbox.path("new"), "null_resource").is_empty());
}

#[test]
fn it_is_turned_on_and_off() {
    let sandbox = Sandbox::new();
    let resources = null("one", "orders-1");
    write(&sandbox, "", &resources);
    sandbox.deploy();
    assert_eq!(told(&sandbox), TOLD, "these are words that a state tells");
    // A deploy that changes nothing else; the history keeps what it has, until it is gone.
    write(&sandbox, WHOLE, &resources);
    sandbox.deploy();
    let newest = |sandbox: &Sandbox| {
        let mut states: Vec<_> = fs::read_dir(sandbox.path("home/stacks/shop/dev/states"))
            .expect("there")
            .map(|entry| entry.expect("listed").path())
            .collect();
        states.sort();
        fs::read_to_string(states.pop().expect("a snapshot")).expect("text")
    };
    assert!(newest(&sandbox).starts_with("{\"v\":2,") && !newest(&sandbox).contains("null_resource"));
    for value in ["a", "b", "c"] {
        write(&sandbox, WHOLE, &null("one", value));
        sandbox.deploy();
    }
    assert_eq!(told(&sandbox), [""; 0]);
    write(&sandbox, "", &null("one", "c"));
    sandbox.deploy();
    assert!(newest(&sandbox).starts_with("{\"v\":1,") && newest(&sandbox).contains("null_resource"));
    sandbox.run(&["state", "list", "--at", "5"]).exits(0).says("null_resource.one");
}

#[test]
fn damage_is_mended_and_a_missing_key_is_named() {
    let sandbox = deployed();
    let stranger =
        |args: &[&str]| sandbox.cofferdam(args).env("COFFERDAM_CONFIG_DIR", sandbox.root().join("elsewhere")).run();
    insta::assert_snapshot!("whole_no_key", shown(&stranger(&["state", "list"]).exits(1)));
    stranger(&["state", "verify"]).exits(1).never_says("damaged:");
    let pieces = sandbox.path("home/stacks/shop/dev/journal");
    let mut journal: Vec<_> =
        fs::read_dir(&pieces).expect("there").map(|entry| entry.expect("listed").path()).collect();
    journal.sort();
    let base = journal.pop().expect("a piece");
    let mut bytes = fs::read(&base).expect("read");
    bytes[30] ^= 1;
    fs::write(&base, bytes).expect("changed");
    sandbox.run(&["state", "list"]).exits(1);
    sandbox.run(&["state", "repair", "--yes"]).exits(0);
    sandbox.expect_no_changes();
    assert_eq!(told(&sandbox), [""; 0]);
}
