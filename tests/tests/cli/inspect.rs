//! `plugin inspect` and `version`: what a plugin is, asks for and offers.

use cofferdam_tests::{Sandbox, shown};

fn inspected(args: &[&str]) -> String {
    let sandbox = Sandbox::new();
    sandbox.plugin("web");
    let text = sandbox.run(args).exits(0).shown();
    // A plugin's size changes with its compiler.
    let size = regex::Regex::new(r"\d[\d.,]* (bytes|B|KiB|MiB)\b").expect("a valid pattern");
    let text: Vec<_> = text
        .lines()
        .map(|line| if line.trim_start().starts_with("size") { size.replace_all(line, "[size]") } else { line.into() })
        .collect();
    shown(&text.join("\n"), sandbox.root())
}

#[test]
fn a_bundled_plugin() {
    insta::assert_snapshot!("local", inspected(&["plugin", "inspect", "local"]));
    insta::assert_snapshot!("null", inspected(&["plugin", "inspect", "null"]));
}

#[test]
fn a_plugin_in_a_file() {
    insta::assert_snapshot!("web", inspected(&["plugin", "inspect", "./web.wasm"]));
}

#[test]
fn a_resource_type() {
    insta::assert_snapshot!("local_file", inspected(&["plugin", "inspect", "local", "--type", "local_file"]));
    insta::assert_snapshot!("random_password", inspected(&["plugin", "inspect", "local", "--type", "random_password"]));
}

#[test]
fn an_unknown_resource_type() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["plugin", "inspect", "local", "--type", "local_fiel"]);
    assert_ne!(output.exit, 0);
    insta::assert_snapshot!("unknown_type", output.shown());
}

#[test]
fn the_version() {
    insta::assert_snapshot!("version", inspected(&["version"]));
}
