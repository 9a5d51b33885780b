//! Files of the project that plugins read and publish: how they are named, what is known of one, and where it lies once
//! it is published.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::error::ProviderError;

/// The largest asset, bytes.
pub const MAX_ASSET_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// The longest path of an asset, bytes.
pub const MAX_ASSET_PATH: usize = 1024;
/// Where a stack keeps its own things: never an asset.
const OWN_FOLDER: &str = ".cofferdam";

/// A file or folder inside the stack's folder, written with `/`. Empty for the folder itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetPath(String);

/// A text that names nothing inside the stack's folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names nothing in the stack's folder: write the path from there, with `/`, without `..`, and not below \
     `{OWN_FOLDER}`"
)]
pub struct AssetPathError(String);

impl AssetPath {
    /// Reads a path. A leading `./` and a trailing `/` say nothing; `.` is the stack's folder.
    ///
    /// # Errors
    /// When the text is absolute, leads upwards, is too long, or has empty parts, backslashes or control characters.
    pub fn parse(text: &str) -> Result<Self, AssetPathError> {
        let fail = || AssetPathError(text.chars().filter(|c| !c.is_control()).take(80).collect());
        if text.is_empty() || text.len() > MAX_ASSET_PATH || text.chars().any(|c| c.is_control() || c == '\\') {
            return Err(fail());
        }
        if text == "." || text == "./" {
            return Ok(Self::default());
        }
        let path = text.strip_prefix("./").unwrap_or(text);
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.split('/').any(|part| part.is_empty() || part == "." || part == "..")
            || path.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(OWN_FOLDER))
        {
            return Err(fail());
        }
        Ok(Self(path.to_owned()))
    }

    /// The path; empty for the stack's folder itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the stack's folder itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The part of another path below this one; empty where both are the same, none where it lies elsewhere.
    #[must_use]
    pub fn below<'p>(&self, other: &'p Self) -> Option<&'p str> {
        if self.is_root() {
            return Some(&other.0);
        }
        let rest = other.0.strip_prefix(&self.0)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }
}

impl fmt::Display for AssetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl TryFrom<String> for AssetPath {
    type Error = AssetPathError;
    fn try_from(text: String) -> Result<Self, AssetPathError> {
        Self::parse(&text)
    }
}

impl From<AssetPath> for String {
    fn from(path: AssetPath) -> Self {
        path.to_string()
    }
}

/// An asset that is to be published: what it was when its digest was taken, and a way to its bytes.
#[derive(Clone)]
pub struct Asset {
    /// Its path, for messages.
    pub name: String,
    /// The digest of all its bytes.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// The bytes.
    pub content: Arc<dyn AssetContent>,
}

/// The bytes of an asset. Every method blocks its thread.
pub trait AssetContent: Send + Sync {
    /// Fills the buffer from an offset.
    ///
    /// # Errors
    /// When the file cannot be read, or has not so many bytes any more.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ProviderError>;

    /// What to say where the bytes are not those of the digest.
    fn changed(&self) -> ProviderError;
}

/// Where a published asset lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetLocation {
    /// The bucket.
    pub bucket: String,
    /// The object's key in it.
    pub key: String,
    /// The object's version, in a bucket that has versions.
    pub version: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> AssetPath {
        AssetPath::parse(text).expect(text)
    }

    #[test]
    fn paths_stay_inside() {
        for (text, path) in
            [("a.zip", "a.zip"), ("./dist/a.zip", "dist/a.zip"), ("dist/", "dist"), (".", "."), ("a b", "a b")]
        {
            assert_eq!(AssetPath::parse(text).map(|found| found.to_string()).as_deref(), Ok(path), "{text}");
        }
        let long = "a".repeat(MAX_ASSET_PATH + 1);
        for text in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a//b",
            "././a",
            "a/./b",
            "a\\b",
            "a\0",
            "a\n",
            ".cofferdam/x",
            ".Cofferdam",
            "./.cofferdam",
            &long,
        ] {
            assert!(AssetPath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_folder_has_what_lies_below_it() {
        assert_eq!(path("dist").below(&path("dist/a/b.zip")), Some("a/b.zip"));
        assert_eq!(path("dist/a.zip").below(&path("./dist/a.zip")), Some(""));
        assert_eq!(path(".").below(&path("dist/a.zip")), Some("dist/a.zip"));
        assert_eq!(path("dist").below(&path("distant/a")), None);
        assert_eq!(path("dist/a").below(&path("dist")), None);
    }
}
