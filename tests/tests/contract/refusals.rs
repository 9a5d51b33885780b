//! Files that are no plugin of this host: each is refused with exit code 4 and told what it is.

use std::fs::File;
use std::io::Write;

use cofferdam_tests::{Sandbox, from_text};

use crate::inspect;

/// The bytes that every component begins with.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

#[track_caller]
fn refused(name: &str, bytes: &[u8]) {
    insta::assert_snapshot!(name, inspect(bytes).exits(4).shown());
}

#[test]
fn what_is_no_webassembly() {
    refused("empty", b"");
    refused("text", b"#!/bin/sh\nrm -rf \"$HOME\"\n");
    refused("native", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0");
    refused("header_alone", &COMPONENT[..4]);
    refused("unknown_version", b"\0asm\x0e\0\x01\0");
}

#[test]
fn what_is_no_component() {
    refused("core_module", &from_text("core-module"));
}

#[test]
fn what_is_broken() {
    let whole = from_text("wrong-version");
    refused("truncated", &whole[..whole.len() / 2]);
    let garbage: Vec<u8> = (0..2000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    refused("garbage", &[&COMPONENT[..], &garbage].concat());
}

#[test]
fn what_exports_something_else() {
    refused("nothing", &from_text("nothing"));
    refused("wrong_world", &from_text("wrong-world"));
    refused("wrong_version", &from_text("wrong-version"));
    refused("missing_exports", &from_text("missing-exports"));
    refused("wrong_export_type", &from_text("wrong-export-type"));
}

#[test]
fn what_imports_something_else() {
    refused("unknown_import", &from_text("unknown-import"));
    refused("unknown_function", &from_text("unknown-function"));
    refused("wrong_import_type", &from_text("wrong-import-type"));
}

#[test]
fn what_is_not_there() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!("no_file", sandbox.run(&["plugin", "inspect", "./plugin.wasm"]).exits(4).shown());
    insta::assert_snapshot!("no_bundled_plugin", sandbox.run(&["plugin", "inspect", "locl"]).exits(4).shown());
    sandbox.file("plugin.wasm/inside", "");
    insta::assert_snapshot!("a_folder", sandbox.run(&["plugin", "inspect", "./plugin.wasm"]).exits(4).shown());
}

#[test]
fn what_is_too_large() {
    let sandbox = Sandbox::new();
    let mut file = File::create(sandbox.path("plugin.wasm")).expect("the folder is there");
    file.write_all(&COMPONENT).and_then(|()| file.set_len((64 << 20) + 1)).expect("a file may have holes");
    insta::assert_snapshot!("too_large", sandbox.run(&["plugin", "inspect", "./plugin.wasm"]).exits(4).shown());
}

/// The same through a stack, where most people meet it.
#[test]
fn a_stack_names_the_plugin() {
    let sandbox = Sandbox::new();
    sandbox.file("acme.wasm", from_text("core-module")).stack(
        r#"
        stack "shop" {}
        provider "acme" {
          source = "./acme.wasm"
        }
        resource "acme_zone" "main" {}
        "#,
    );
    insta::assert_snapshot!("through_a_stack", sandbox.run(&["plan"]).exits(4).shown());
}
