//! Plugins whose `describe` answers against the contract, or does not answer.

use cofferdam_tests::{Sandbox, described};

use crate::inspect;

#[track_caller]
fn refused(name: &str, script: &str) {
    insta::assert_snapshot!(name, inspect(&described(script)).exits(4).shown());
}

#[test]
fn the_script_works() {
    inspect(&described("")).exits(0).says("hostile_act");
    inspect(&described(r#"{ "name": "renamed" }"#)).exits(0).says("renamed");
}

#[test]
fn names_and_versions() {
    refused("name_in_capitals", r#"{ "name": "Hostile" }"#);
    refused("no_name", r#"{ "name": "" }"#);
    refused("name_with_escapes", r#"{ "name": "a\u001b[2Jb" }"#);
    refused("version_of_its_own", r#"{ "version": "one" }"#);
    refused("type_name", r#"{ "resource_types": ["Hostile Act"] }"#);
    refused("type_twice", r#"{ "resource_types": ["hostile_act", "hostile_act"] }"#);
}

#[test]
fn capabilities() {
    refused("unknown_capability", r#"{ "capabilities": "{\"sockets\":[\"*\"]}" }"#);
    refused("malformed_capabilities", r#"{ "capabilities": "{\"hosts\":" }"#);
    refused("capabilities_of_another_type", r#"{ "capabilities": "[]" }"#);
    refused("malformed_config_schema", r#"{ "config_schema": "{" }"#);
}

#[test]
fn describe_that_fails() {
    refused("panic_in_describe", "panic");
    refused("exit_in_describe", "exit");
    refused("allocate_in_describe", "allocate");
    refused("recurse_in_describe", "recurse");
    refused("host_calls_in_describe", "host-calls");
}

/// Takes the ten seconds of CPU time that a call may use.
#[test]
fn describe_that_never_ends() {
    refused("loop_in_describe", "loop");
}

/// Schemas are read when a stack uses their types.
#[test]
fn schemas() {
    let cases = [
        ("malformed_schema", "{"),
        ("schema_of_no_object", "[]"),
        ("schema_with_a_wrong_keyword", r#"{"typeName":"hostile_act","readOnlyProperties":"id","properties":{}}"#),
        ("schema_with_a_wrong_pointer", r#"{"typeName":"hostile_act","readOnlyProperties":["id"],"properties":{}}"#),
        ("schema_with_a_wrong_type", r#"{"typeName":"hostile_act","type":"objekt","properties":{"deed":{"type":7}}}"#),
        ("schema_of_another_type", r#"{"typeName":"other_type","type":"object","properties":{}}"#),
        (
            "schema_that_refers_outside",
            r#"{"type":"object","properties":{"deed":{"$ref":"https://evil.test/schema.json"}}}"#,
        ),
        ("schema_that_refers_to_itself", r##"{"type":"object","properties":{"deed":{"$ref":"#/properties/deed"}}}"##),
        (
            "schema_with_a_slow_pattern",
            r#"{"type":"object","properties":{"deed":{"type":"string","pattern":"^(a+)+$"}}}"#,
        ),
    ];
    for (name, schema) in cases {
        let script = serde_json::json!({ "schema": schema }).to_string();
        let sandbox = Sandbox::new();
        sandbox.file("hostile.wasm", described(&script)).stack(STACK);
        insta::assert_snapshot!(name, sandbox.run(&["plan"]).shown());
    }
}

const STACK: &str = r#"
stack "shop" {}

provider "hostile" {
  source = "./hostile.wasm"
}

resource "hostile_act" "evil" {
  deed = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"
}
"#;
