//! Components that want more than any plugin may have before they have done anything.

use cofferdam_tests::from_text;

use crate::inspect;

#[track_caller]
fn refused(name: &str) {
    insta::assert_snapshot!(name, inspect(&from_text(name)).exits(4).shown());
}

#[test]
fn memories_and_tables() {
    refused("big-memory");
    refused("big-memories");
    refused("many-memories");
    refused("big-table");
}

#[test]
fn handles() {
    refused("many-handles");
}

#[test]
fn a_start_that_fails() {
    refused("start-trap");
}
