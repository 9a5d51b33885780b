//! The files of a folder, sorted, with one digest over all of them.

use cofferdam_sdk::files::{Kind, Metadata};
use cofferdam_sdk::prelude::*;
use sha2::{Digest, Sha256};

use crate::digests;
use crate::file::FILE_BYTES;

/// The most files and directories in a folder: each costs host calls, of which a call has 100,000.
const ENTRIES: usize = 30_000;
/// The most bytes in a folder: the archive is made in memory.
const BYTES: u64 = 96 * 1024 * 1024;

/// The files of a folder.
#[derive(Default)]
pub(super) struct Source {
    directory: String,
    root: String,
    /// Paths in the folder, sorted.
    pub(super) paths: Vec<String>,
    /// SHA-256 over every path and the digest of its content.
    pub(super) sha256: String,
}

/// Says whether a pattern is one.
pub(super) fn check_pattern(index: usize, pattern: &str) -> Result<(), Error> {
    fast_glob::validate(pattern).map_err(|_| {
        Error::invalid_input(format!("`{pattern}` is no pattern; write one such as `**/*.log`"))
            .at(&format!("excludes/{index}"))
    })
}

impl Source {
    /// Finds what is in a folder, except what the patterns leave out and the output, a path in the same directory.
    pub(super) fn find(directory: &str, root: &str, excludes: &[String], output: Option<&str>) -> Result<Self, Error> {
        for (index, pattern) in excludes.iter().enumerate() {
            check_pattern(index, pattern)?;
        }
        let mut source = Self { directory: directory.to_owned(), root: root.to_owned(), ..Self::default() };
        if !root.is_empty() && files::stat(directory, root)?.is_none_or(|found| found.kind != Kind::Directory) {
            let text = format!("there is no folder `{root}` in directory `{directory}`");
            return Err(Error::invalid_input(text).at("source_path"));
        }
        let is_left_out = |path: &str| {
            output == Some(source.full(path).as_str())
                || excludes.iter().any(|pattern| fast_glob::glob_match(pattern, path))
        };
        let mut found = source.walk(&is_left_out)?;
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut digest = Sha256::new();
        for (path, metadata) in &found {
            let content = match &metadata.sha256 {
                Some(sha256) => sha256.clone(),
                None => digests::sha256_hex(&source.content(path)?),
            };
            // A path holds no zero byte, so no two folders have the same text.
            digest.update(format!("{path}\0{content}\n"));
        }
        source.sha256 = hex::encode(digest.finalize());
        source.paths = found.into_iter().map(|(path, _)| path).collect();
        Ok(source)
    }

    /// The content of one file.
    pub(super) fn content(&self, path: &str) -> Result<Vec<u8>, Error> {
        files::read(&self.directory, &self.full(path), FILE_BYTES)
    }

    fn full(&self, path: &str) -> String {
        if self.root.is_empty() { path.to_owned() } else { format!("{}/{path}", self.root) }
    }

    fn walk(&self, is_left_out: &dyn Fn(&str) -> bool) -> Result<Vec<(String, Metadata)>, Error> {
        let mut found = Vec::new();
        let (mut seen, mut bytes) = (0, 0);
        let mut open = vec![String::new()];
        while let Some(folder) = open.pop() {
            let at = if folder.is_empty() { self.root.clone() } else { self.full(&folder) };
            for name in files::entries(&self.directory, &at)? {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                seen += 1;
                if seen > ENTRIES {
                    return Err(self.too_much(&format!("more than {ENTRIES} entries")));
                }
                if is_left_out(&path) {
                    continue;
                }
                let Some(metadata) = files::stat(&self.directory, &self.full(&path))? else { continue };
                match metadata.kind {
                    Kind::Directory => open.push(path),
                    Kind::File => {
                        bytes += metadata.size;
                        if bytes > BYTES || metadata.size > FILE_BYTES as u64 {
                            return Err(self.too_much(&format!("more than {BYTES} bytes, or a file over {FILE_BYTES}")));
                        }
                        found.push((path, metadata));
                    }
                    Kind::Other => log::warn(format!("`{path}` is a link or a special file and not in the archive")),
                }
            }
        }
        Ok(found)
    }

    fn too_much(&self, what: &str) -> Error {
        let text = format!("folder `{}` in directory `{}` holds {what}; leave some out", self.root, self.directory);
        Error::invalid_input(text).at("excludes")
    }
}
