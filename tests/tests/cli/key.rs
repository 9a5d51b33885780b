//! `key …`: who opens a home, new keys, and what they leave as it was.

use cofferdam_tests::Sandbox;

const STACK: &str = r#"
stack "shop" {}

resource "random_password" "db" {
  length = 20
}

output "token" {
  value = secret("token")
}
"#;

/// The public keys of nobody in particular.
const ADA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN ada@laptop";
const SAFE: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

fn deployed() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    sandbox.run(&["secret", "set", "token", "hunter2"]).exits(0);
    sandbox.deploy();
    sandbox
}

/// A text without the public key that is made anew for every test.
fn shown(sandbox: &Sandbox, text: &str) -> String {
    let identity = std::fs::read_to_string(sandbox.user().join(".config/cofferdam/identity.txt")).expect("made");
    let own = identity.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("a public key");
    text.replace(own, &format!("[own]{}", " ".repeat(own.len() - 5)))
}

#[test]
fn recipients_come_and_go() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    insta::assert_snapshot!("no_keys", sandbox.run(&["key", "list"]).exits(0).shown());
    sandbox.run(&["secret", "set", "token", "hunter2"]).exits(0);
    insta::assert_snapshot!("add", sandbox.run(&["key", "add-recipient", ADA]).exits(0).shown());
    insta::assert_snapshot!("add_again", sandbox.run(&["key", "add-recipient", ADA]).exits(0).shown());
    sandbox.run(&["key", "add-recipient", "--recovery", SAFE]).exits(0);
    insta::assert_snapshot!("list", shown(&sandbox, &sandbox.run(&["key", "list"]).exits(0).shown()));
    let events = sandbox.run(&["key", "list", "--format", "json"]).exits(0);
    assert_eq!((events.events_of("data_key").len(), events.events_of("recipient").len()), (1, 3));

    let remove = ["key", "remove-recipient", "ada@laptop"];
    insta::assert_snapshot!("remove_without_yes", sandbox.run(&remove).exits(2).shown());
    insta::assert_snapshot!("remove", sandbox.run(&[&remove[..], &["--yes"]].concat()).exits(0).shown());
    insta::assert_snapshot!("remove_again", sandbox.run(&[&remove[..], &["--yes"]].concat()).exits(2).shown());
    insta::assert_snapshot!(
        "add_private",
        sandbox.run(&["key", "add-recipient", "AGE-SECRET-KEY-1QQ"]).exits(2).shown()
    );
    assert_eq!(sandbox.run(&["secret", "get", "token"]).exits(0).stdout, "hunter2\n");
}

#[test]
fn a_new_key_changes_nothing_of_the_stack() {
    let sandbox = deployed();
    let password =
        |sandbox: &Sandbox| sandbox.run(&["state", "show", "random_password.db", "--show-secrets"]).exits(0).stdout;
    let before = password(&sandbox);
    insta::assert_snapshot!("rotate", sandbox.run(&["key", "rotate", "--yes"]).exits(0).shown());
    insta::assert_snapshot!("list_rotated", shown(&sandbox, &sandbox.run(&["key", "list"]).exits(0).shown()));
    assert_eq!(password(&sandbox), before);
    sandbox.expect_no_changes();
    sandbox.deploy();
    sandbox.expect_no_changes();
    let events = sandbox.run(&["key", "rotate", "--yes", "--format", "json"]).exits(0);
    assert_eq!(events.events_of("key_made")[0]["number"], 3);
    assert_eq!(events.events_of("stage_reencrypted").len(), 1);
}

#[test]
fn a_passphrase_opens_as_well() {
    let sandbox = deployed();
    let with = |args: &[&str]| sandbox.cofferdam(args).env("COFFERDAM_PASSPHRASE", "correct horse").run();
    with(&["key", "add-recipient", "--passphrase"]).exits(0).says("The passphrase opens");
    let elsewhere = sandbox.root().join("elsewhere");
    let get = sandbox.cofferdam(&["secret", "get", "token"]).env("COFFERDAM_CONFIG_DIR", &elsewhere);
    assert_eq!(get.env("COFFERDAM_PASSPHRASE", "correct horse").run().exits(0).stdout, "hunter2\n");
    let get = sandbox.cofferdam(&["secret", "get", "token"]).env("COFFERDAM_CONFIG_DIR", &elsewhere);
    let refused = get.env("COFFERDAM_PASSPHRASE", "battery staple").run().exits(1);
    refused.never_says("battery staple").says("the passphrase does not open");
    insta::assert_snapshot!("rotate_without_passphrase", sandbox.run(&["key", "rotate", "--yes"]).exits(1).shown());
    with(&["key", "remove-recipient", "--passphrase", "--yes"]).exits(0);
    sandbox.run(&["key", "rotate", "--yes"]).exits(0);
}

#[test]
fn the_stack_names_recipients() {
    let sandbox = Sandbox::new();
    let stack = |encryption: &str| {
        sandbox
            .stack(&STACK.replace("stack \"shop\" {}", &format!("stack \"shop\" {{\n  encryption = {encryption}\n}}")));
    };
    stack(&format!("{{ recipients = [\"{ADA}\"], recovery = \"{SAFE}\" }}"));
    sandbox.run(&["secret", "set", "token", "hunter2"]).exits(0);
    insta::assert_snapshot!("named", shown(&sandbox, &sandbox.run(&["key", "list"]).exits(0).shown()));
    for (name, encryption) in [
        ("bad_recipient", "{ recipients = [\"hunter2\"] }"),
        ("bad_setting", "{ recipient = [] }"),
        ("bad_passphrase", "{ passphrase = \"hunter2\" }"),
    ] {
        stack(encryption);
        insta::assert_snapshot!(name, sandbox.run(&["secret", "list"]).exits(3).shown());
    }
}

#[test]
fn help_teaches() {
    insta::assert_snapshot!("help", Sandbox::new().run(&["key", "--help"]).exits(0).shown());
}
