//! No fixture without a test.

use std::fs;
use std::path::Path;

use cofferdam_tests::{guests, repository};

#[test]
fn every_fixture_is_used() {
    let mut tests = String::new();
    collect(&repository().join("tests/tests"), &mut tests);
    for entry in fs::read_dir(guests()).expect("the folder of the fixtures").flatten() {
        let name = entry.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let used = tests.contains(&format!("\"{name}\"")) || tests.contains(&format!("\"fixture-{name}\""));
        assert!(used, "no test uses the fixture `{}`; remove it, or write one", entry.path().display());
    }
}

/// Appends every Rust file below a folder.
fn collect(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("the tests' own folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path).expect("sources are text"));
        }
    }
}
