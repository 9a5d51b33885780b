//! Providers: which one serves a resource, where its plugin comes from, and what it is granted.

mod support;

use cofferdam_model::capabilities::CredentialSource;
use cofferdam_model::program::Program;
use cofferdam_stack::PluginSource;
use support::Case;

const GRANT: &str = r#"
variable "host" {
  default = "api.acme.test"
}
provider "acme" {
  source = "./acme.wasm"
  grant {
    hosts = [var.host, "*.acme.test:8443"]
    credential "token" {
      from  = "env:ACME_TOKEN"
      hosts = [var.host]
    }
    directory "out" {
      path  = "./out"
      write = true
    }
    directory "in" { path = "./in" }
    limits {
      memory    = "512MiB"
      cpu       = "20s"
      plan_cpu  = "5s"
      log_line  = "1KiB"
      wall      = "2m"
      http_body = "64MiB"
      copied    = "32MiB"
      host_calls = 500
      handles    = 20
    }
  }
}
"#;

#[test]
fn a_grant_is_read() {
    let stack = Case::new(GRANT).stack();
    let acme = &stack.providers()[0];
    assert_eq!(acme.source, PluginSource::Path("./acme.wasm".to_owned()));
    let hosts: Vec<String> = acme.grant.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["api.acme.test", "*.acme.test:8443"]);
    let token = &acme.grant.credentials["token"];
    assert_eq!(token.from, CredentialSource::Env("ACME_TOKEN".to_owned()));
    assert_eq!(token.hosts.len(), 1);
    assert!(acme.grant.directories["out"].write);
    assert!(!acme.grant.directories["in"].write);
    assert_eq!(acme.grant.limits.memory_bytes, Some(512 << 20));
    assert_eq!(acme.grant.limits.cpu_ms, Some(20_000));
    assert_eq!(acme.grant.limits.plan_cpu_ms, Some(5_000));
    assert_eq!(acme.grant.limits.log_line_bytes, Some(1 << 10));
    assert_eq!(acme.grant.limits.wall_ms, Some(120_000));
    assert_eq!(acme.grant.limits.http_body_bytes, Some(64 << 20));
    assert_eq!(acme.grant.limits.copied_bytes, Some(32 << 20));
    assert_eq!(acme.grant.limits.host_calls, Some(500));
    assert_eq!(acme.grant.limits.handles, Some(20));
}

#[test]
fn a_wrong_grant_is_told_at_its_place() {
    for (inner, summary, place) in [
        (
            "hosts = [\"https://a\"]",
            "`https://a` is no host pattern: write `host`, `host:port` or `*.domain`, without a scheme, a path or user information",
            "\"https://a\"",
        ),
        ("hosts = \"a\"", "a list of strings is required", "\"a\""),
        ("hosts = [1]", "a string is required, and this is a number", "1"),
        (
            "hosts = [null_resource.r.id]",
            "`null_resource.r` is not known here: only variables and constant locals are",
            "null_resource.r",
        ),
        ("hosts = [local.dynamic]", "this is known only after deploy, and must be known before", "local.dynamic"),
        ("hosts = [var.secret]", "this setting is shown to people and cannot be secret", "var.secret"),
        ("credential \"t\" {\n}", "the credential `t` does not say where it comes from", "credential \"t\""),
        (
            "credential \"t\" {\n from = \"file:x\"\n}",
            "credentials from `file:` are not supported by this version",
            "\"file:x\"",
        ),
        (
            "credential \"t\" {\n from = \"default\"\n expected_account = \"1\"\n}",
            "an account of AWS has twelve digits",
            "\"1\"",
        ),
        (
            "credential \"t\" {\n from = \"default\"\n role = { external_id = \"1\" }\n}",
            "a `role` has an `arn`",
            "{ external_id = \"1\" }",
        ),
        ("credential \"t\" {\n from = \"TOKEN\"\n}", "`TOKEN` is no source of a credential", "\"TOKEN\""),
        (
            "credential \"t\" {\n from = \"env:A\"\n expected_account = \"1\"\n}",
            "`expected_account` belongs to credentials of AWS",
            "\"1\"",
        ),
        ("directory \"d\" {\n}", "the directory `d` has no `path`", "directory \"d\""),
        (
            "directory \"d\" {\n path = \"x\"\n write = \"yes\"\n}",
            "`true` or `false` is required, and this is a string",
            "\"yes\"",
        ),
        (
            "directory \"d\" { path = \"x\" }\ndirectory \"d\" { path = \"y\" }",
            "the directory `d` is declared twice",
            "directory \"d\"",
        ),
        ("limits {\n memory = \"512MB\"\n}", "`512MB` is no valid `memory`", "\"512MB\""),
        ("limits {\n memory = 5\n}", "a string is required, and this is a number", "5"),
        ("limits {\n memoy = \"5B\"\n}", "a `limits` block has no attribute `memoy`", "memoy"),
        ("host = []", "a `grant` block has no attribute `host`", "host"),
        ("limits = {}", "`limits` in a `grant` block is a block, not an attribute", "limits"),
    ] {
        let text = format!(
            "provider \"acme\" {{\nsource = \"./a.wasm\"\ngrant {{\n{inner}\n}}\n}}\nresource \"null_resource\" \"r\" {{}}\n\
             locals {{\n  dynamic = null_resource.r.id\n}}\nvariable \"secret\" {{\n  default = \"s\"\n  sensitive = true\n}}\n"
        );
        let errors = Case::new(&text).errors();
        assert_eq!(errors, [(summary.to_owned(), place.to_owned())], "{inner}");
    }
}

fn provider_of(text: &str, address: &str) -> String {
    let stack = Case::new(text).stack();
    let node = stack.resources().iter().find(|node| node.address.to_string() == address).expect("there");
    assert!(stack.providers().iter().any(|declared| declared.key == node.provider), "every key is listed");
    node.provider.to_string()
}

#[test]
fn resources_find_their_provider() {
    let random = "resource \"random_id\" \"a\" {}\n";
    assert_eq!(provider_of(random, "random_id.a"), "local");
    assert_eq!(
        provider_of(&format!("{random}provider \"files\" {{\n  source = \"builtin:local\"\n}}\n"), "random_id.a"),
        "files"
    );
    assert_eq!(
        provider_of(&format!("{random}provider \"random\" {{\n  source = \"./r.wasm\"\n}}\n"), "random_id.a"),
        "random"
    );
    let two =
        "provider \"aws\" {\n  source = \"builtin:aws\"\n}\nprovider \"aws\" \"us\" {\n  source = \"builtin:aws\"\n}\n";
    assert_eq!(provider_of(&format!("{two}resource \"aws_x\" \"a\" {{}}\n"), "aws_x.a"), "aws");
    assert_eq!(
        provider_of(&format!("{two}resource \"aws_x\" \"a\" {{\n  provider = aws.us\n}}\n"), "aws_x.a"),
        "aws.us"
    );
    assert_eq!(
        provider_of(&format!("{two}resource \"random_id\" \"a\" {{\n  provider = aws\n}}\n"), "random_id.a"),
        "aws"
    );
}

#[test]
fn implied_providers_are_listed_and_granted_nothing() {
    let stack = Case::new("resource \"tls_key\" \"a\" {}\nresource \"null_resource\" \"b\" {}\n").stack();
    let listed: Vec<(String, PluginSource)> =
        stack.providers().iter().map(|declared| (declared.key.to_string(), declared.source.clone())).collect();
    let builtin = |name: &str| (name.to_owned(), PluginSource::Builtin(name.to_owned()));
    assert_eq!(listed, [builtin("local"), builtin("null")]);
    assert!(stack.providers().iter().all(|declared| declared.grant == Default::default() && declared.span.is_none()));
}

#[test]
fn a_clash_of_names_is_told() {
    let errors =
        Case::new("resource \"random_id\" \"a\" {}\nprovider \"local\" {\n  source = \"./l.wasm\"\n}\n").errors();
    assert_eq!(
        errors[0].0,
        "`random_id.a` needs the bundled plugin `local`, and the provider of that name is another one"
    );
    let errors =
        Case::new("resource \"aws_x\" \"a\" {}\nprovider \"aws\" \"us\" {\n  source = \"builtin:aws\"\n}\n").errors();
    assert_eq!(errors[0].0, "no provider serves `aws_x.a`");
    let errors = Case::new("provider \"a\" {\n  source = \"a.wasm\"\n}\n").errors();
    assert_eq!(errors[0].0, "`a.wasm` is neither a bundled plugin nor a path");
    let errors = Case::new("provider \"a\" {\n  source = \"./a.wasm\"\n  config = [1]\n}\n").errors();
    assert_eq!(errors[0], ("`config` is an object, and this is a list".to_owned(), "[1]".to_owned()));
}
