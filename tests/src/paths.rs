//! Where the things under test lie. What is missing is named, with the command that makes it.

use std::path::{Path, PathBuf};

/// The root of the checkout.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests lie in a folder of the repository").to_owned()
}

/// The folder for everything that is built.
#[must_use]
pub fn target() -> PathBuf {
    repository().join("target")
}

/// The folder of the fixtures' sources.
#[must_use]
pub fn guests() -> PathBuf {
    repository().join("tests/guests")
}

/// The script that gives commands an environment in which plugins build.
#[must_use]
pub fn toolchain() -> PathBuf {
    repository().join("plugins/toolchain/setup")
}

/// The binary under test: `COFFERDAM_BIN`, or the release build.
#[must_use]
pub fn binary() -> PathBuf {
    given("COFFERDAM_BIN", target().join("release/cofferdam"), "the binary")
}

/// A built fixture, by its crate's name: from `COFFERDAM_FIXTURES`, or where guests are built.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    let folder = variable("COFFERDAM_FIXTURES").unwrap_or_else(|| target().join("guests/wasm32-wasip2/release"));
    existing(folder.join(format!("{}.wasm", name.replace('-', "_"))), "the fixture")
}

fn given(name: &str, default: PathBuf, what: &str) -> PathBuf {
    existing(variable(name).unwrap_or(default), what)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the tests' own environment")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn existing(path: PathBuf, what: &str) -> PathBuf {
    assert!(path.is_file(), "{what} `{}` is not there; run `make build` first", path.display());
    path
}
