//! Packs the bundled plugins into the binary: compressed, with the digest that the host trusts them by. They are built
//! beforehand, exactly as a third party would build theirs.

#![expect(clippy::disallowed_methods, reason = "a build script is told everything by its environment")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

/// Name, file, and the resource prefixes that work without a `provider` block.
const PLUGINS: [(&str, &str, &[&str]); 2] = [
    ("null", "cofferdam_null.wasm", &["null"]),
    ("local", "cofferdam_local.wasm", &["local", "random", "tls", "time"]),
];
const LEVEL: i32 = 19;

fn main() {
    println!("cargo::rerun-if-env-changed=COFFERDAM_PLUGINS");
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let folder = env::var_os("COFFERDAM_PLUGINS")
        .map_or_else(|| manifest.join("../../target/guests/wasm32-wasip2/release"), PathBuf::from);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut table = String::from("&[\n");
    for (name, file, prefixes) in PLUGINS {
        match pack(&folder.join(file), &out.join(format!("{name}.zst"))) {
            Ok((digest, bytes)) => {
                writeln!(
                    table,
                    "    Bundled {{ name: {name:?}, digest: \"sha256:{digest}\", bytes: {bytes}, prefixes: &{prefixes:?}, \
                     packed: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.zst\")) }},"
                )
                .expect("writing to a string");
            }
            Err(error) => {
                println!("cargo::error=the bundled plugin `{name}` is not built ({error}); run `make plugins` first");
                return;
            }
        }
    }
    table.push(']');
    fs::write(out.join("bundled.rs"), table).expect("OUT_DIR is writable");
}

fn pack(component: &Path, packed: &Path) -> std::io::Result<(String, usize)> {
    println!("cargo::rerun-if-changed={}", component.display());
    let bytes = fs::read(component)?;
    fs::write(packed, zstd::encode_all(&bytes[..], LEVEL)?)?;
    Ok((hex::encode(Sha256::digest(&bytes)), bytes.len()))
}
