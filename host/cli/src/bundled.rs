//! The plugins inside the binary: one file deploys.

use std::collections::BTreeMap;
use std::io;

use cofferdam_model::Digest;
use cofferdam_runtime::Source;

/// A plugin inside the binary.
pub struct Bundled {
    /// What `builtin:NAME` calls it.
    pub name: &'static str,
    /// Of the unpacked component.
    pub digest: &'static str,
    /// Size of the unpacked component.
    pub bytes: u64,
    /// Prefixes of its resource types.
    prefixes: &'static [&'static str],
    packed: &'static [u8],
}

/// Every bundled plugin, packed by the build script.
pub static BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Which bundled plugin serves a prefix of resource types.
pub fn prefixes() -> BTreeMap<String, String> {
    BUNDLED
        .iter()
        .flat_map(|plugin| plugin.prefixes.iter().map(|prefix| ((*prefix).to_owned(), plugin.name.to_owned())))
        .collect()
}

/// The source of a bundled plugin.
pub fn source(name: &str) -> Option<Source> {
    let plugin = BUNDLED.iter().find(|plugin| plugin.name == name)?;
    let digest: Digest = plugin.digest.parse().ok()?;
    Some(Source::Bundled { digest, bytes: plugin.bytes, unpack: Box::new(move || unpack(plugin.packed, digest)) })
}

fn unpack(packed: &[u8], digest: Digest) -> io::Result<Vec<u8>> {
    let bytes = zstd::decode_all(packed)?;
    // The build script took the digest; a binary that was changed since is not run.
    if Digest::of(&bytes) != digest {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the plugin in this binary is damaged"));
    }
    Ok(bytes)
}
