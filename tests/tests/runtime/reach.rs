//! What a plugin reaches: what the grant names, and nothing of the machine besides.

use cofferdam_tests::{Response, Sandbox, Server};

fn stack(deed: &str, target: &str, grant: &str) -> String {
    format!(
        r#"
stack "shop" {{}}

provider "hostile" {{
  source = "./hostile.wasm"
  grant {{
{grant}
  }}
}}

resource "hostile_act" "curious" {{
  deed   = "{deed}"
  target = "{target}"
}}

output "found" {{
  value = hostile_act.curious.found
}}
"#
    )
}

#[test]
fn there_is_nothing_around_it() {
    let sandbox = Sandbox::new();
    sandbox.plugin("hostile").stack(&stack("look-around", "", ""));
    sandbox.cofferdam(&["deploy", "--yes"]).env("ACME_TOKEN", "hunter22").run().exits(0).never_says("hunter22");
    insta::assert_snapshot!(sandbox.run(&["output", "found"]).exits(0).stdout);
}

#[test]
fn a_host_that_is_not_granted() {
    let sandbox = Sandbox::new();
    let server = Server::start(|_| Response::status(200));
    sandbox.plugin("hostile").stack(&stack("fetch", &server.url(), ""));
    insta::assert_snapshot!(sandbox.run(&["deploy", "--yes"]).exits(1).shown());
    assert!(server.requests().is_empty(), "the request was sent");
}

/// The same port under a name that means this machine: a grant by name does not open private addresses.
#[test]
fn a_name_for_this_machine() {
    let sandbox = Sandbox::new();
    let server = Server::start(|_| Response::status(200));
    let host = server.host().replace("127.0.0.1", "localhost");
    let grant = format!("    hosts = [\"{host}\"]");
    sandbox.plugin("hostile").stack(&stack("fetch", &format!("http://{host}/"), &grant));
    let output = sandbox.run(&["deploy", "--yes"]).exits(1);
    output.says("grant the address");
    assert!(server.requests().is_empty(), "the request was sent");
}

#[test]
fn what_belongs_to_the_host() {
    for deed in ["own-host", "user-information"] {
        let sandbox = Sandbox::new();
        let server = Server::start(|_| Response::status(200));
        let grant = format!("    hosts = [\"{}\"]", server.host());
        sandbox.plugin("hostile").stack(&stack(deed, &server.url(), &grant));
        insta::assert_snapshot!(deed.replace('-', "_"), sandbox.run(&["deploy", "--yes"]).exits(1).shown());
        assert!(server.requests().is_empty(), "the request was sent");
    }
}

/// The hostile plugin asks for no directory, so that none is its own even where the user grants one.
#[test]
fn a_directory_that_it_did_not_ask_for() {
    let sandbox = Sandbox::new();
    let grant = "    directory \"out\" {\n      path = \".\"\n    }";
    sandbox.plugin("hostile").file("secret.txt", "mine").stack(&stack("files", "out:secret.txt", grant));
    let output = sandbox.run(&["deploy", "--yes"]).exits(1);
    output.never_says("mine");
    insta::assert_snapshot!(output.shown());
}
