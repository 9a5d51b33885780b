//! Credentials reach the server and nobody else: not the plugin, not what is shown, not what is kept.

use cofferdam_tests::{Request, Response, Sandbox, Server};

const SECRET: &str = "tester:hunter22-and-more";
/// The same in base64, as basic authentication sends it.
const ENCODED: &str = "dGVzdGVyOmh1bnRlcjIyLWFuZC1tb3Jl";

/// A server that sends credentials back in a header, as debugging services do.
fn echo() -> Server {
    Server::start(|request: &Request| {
        let credential = request.header("authorization").or(request.header("x-api-key")).unwrap_or("nothing");
        Response::status(200).header("x-echo", credential)
    })
}

fn stack(server: &Server, way: &str, credential: &str) -> String {
    let host = server.host();
    format!(
        r#"
stack "shop" {{}}

provider "web" {{
  source = "./web.wasm"
  config = {{ host = "{host}" }}
  grant {{
    hosts = ["{host}"]
{credential}
  }}
}}

resource "web_login" "main" {{
  way = "{way}"
}}

output "echo" {{
  value = web_login.main.echo
}}
"#
    )
}

const GRANTED: &str = r#"
    credential "token" {
      from = "env:ACME_TOKEN"
    }
"#;

#[test]
fn it_arrives_and_is_never_seen() {
    let ways = [
        ("bearer", "authorization", format!("Bearer {SECRET}")),
        ("basic", "authorization", format!("Basic {ENCODED}")),
        ("header", "x-api-key", SECRET.to_owned()),
    ];
    for (way, header, sent) in ways {
        let sandbox = Sandbox::new();
        let server = echo();
        sandbox.plugin("web").stack(&stack(&server, way, GRANTED));
        let commands: [&[&str]; 6] = [
            &["deploy", "--yes", "-vv"],
            &["output"],
            &["output", "echo"],
            &["state", "show", "web_login.main", "--show-secrets"],
            &["plan"],
            &["destroy", "--yes", "--format", "json"],
        ];
        for command in commands {
            let output = sandbox.cofferdam(command).env("ACME_TOKEN", SECRET).run().exits(0);
            output.never_says(SECRET).never_says(ENCODED);
            for text in [SECRET, ENCODED] {
                assert_eq!(
                    sandbox.holding(sandbox.root(), text),
                    Vec::<std::path::PathBuf>::new(),
                    "after {command:?}"
                );
            }
        }
        assert_eq!(server.requests()[0].header(header), Some(sent.as_str()), "{way}");
    }
}

#[test]
fn one_that_is_not_granted_is_not_sent() {
    let sandbox = Sandbox::new();
    let server = echo();
    sandbox.plugin("web").stack(&stack(&server, "bearer", ""));
    insta::assert_snapshot!(sandbox.run(&["deploy", "--yes"]).exits(1).shown());
    assert!(server.requests().is_empty());
}

#[test]
fn one_that_is_not_set_is_missed() {
    let sandbox = Sandbox::new();
    let server = echo();
    sandbox.plugin("web").stack(&stack(&server, "bearer", GRANTED));
    insta::assert_snapshot!(sandbox.run(&["deploy", "--yes"]).exits(1).shown());
    assert!(server.requests().is_empty());
}

#[test]
fn one_for_another_host_is_not_sent() {
    let sandbox = Sandbox::new();
    let server = echo();
    let elsewhere = r#"
    credential "token" {
      from  = "env:ACME_TOKEN"
      hosts = ["api.acme.test"]
    }
"#;
    sandbox.plugin("web").stack(&stack(&server, "bearer", elsewhere));
    let output = sandbox.cofferdam(&["deploy", "--yes"]).env("ACME_TOKEN", SECRET).run().exits(1);
    output.never_says(SECRET);
    insta::assert_snapshot!(output.shown());
    assert!(server.requests().is_empty());
}

/// The credential's header is the host's; a plugin that sets it as well sends nothing.
#[test]
fn a_header_of_the_plugins_own_is_refused() {
    let sandbox = Sandbox::new();
    let server = echo();
    let (host, url) = (server.host(), server.url());
    sandbox.plugin("hostile").stack(&format!(
        r#"
stack "shop" {{}}

provider "hostile" {{
  source = "./hostile.wasm"
  grant {{
    hosts = ["{host}"]
{GRANTED}
  }}
}}

resource "hostile_act" "evil" {{
  deed   = "own-authorization"
  target = "{url}/"
}}
"#
    ));
    let output = sandbox.cofferdam(&["deploy", "--yes"]).env("ACME_TOKEN", SECRET).run().exits(1);
    insta::assert_snapshot!(output.shown());
    assert!(server.requests().is_empty());
}
