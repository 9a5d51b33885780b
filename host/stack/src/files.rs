//! The project's files as functions see them: paths that stay inside, each file read once per stack, so that every
//! evaluation and the digest speak of the same bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_model::Digest;
use parking_lot::Mutex;

use crate::source::{MAX_FILE_BYTES, MAX_TOTAL_BYTES, ReadFile, ReadFileError};

type Content = Result<Arc<[u8]>, ReadFileError>;

/// The files that functions have asked for.
pub(crate) struct ProjectFiles {
    reader: Arc<dyn ReadFile>,
    // The lock guards memory alone: it is not held while a file is read.
    read: Mutex<BTreeMap<String, Content>>,
}

impl ProjectFiles {
    pub(crate) fn new(reader: Arc<dyn ReadFile>) -> Self {
        Self { reader, read: Mutex::default() }
    }

    /// Reads a file; the text of the error says what is wrong with the path or the file.
    pub(crate) fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        let path = inside(path)?;
        self.content(&path).map_err(|error| format!("the file `{path}` cannot be read: {error}"))
    }

    /// Whether a file is there.
    pub(crate) fn exists(&self, path: &str) -> Result<bool, String> {
        let path = inside(path)?;
        match self.content(&path) {
            Ok(_) | Err(ReadFileError::TooLarge) => Ok(true),
            Err(ReadFileError::NotFound) => Ok(false),
            Err(error) => Err(format!("the file `{path}` cannot be read: {error}")),
        }
    }

    fn content(&self, path: &str) -> Content {
        if let Some(content) = self.read.lock().get(path) {
            return content.clone();
        }
        let content: Content = match self.reader.read(path, MAX_FILE_BYTES) {
            Ok(bytes) if bytes.len() > MAX_FILE_BYTES => Err(ReadFileError::TooLarge),
            Ok(bytes) => Ok(Arc::from(bytes)),
            Err(error) => Err(error),
        };
        let mut read = self.read.lock();
        let total: usize = read.values().filter_map(|known| known.as_ref().ok()).map(|bytes| bytes.len()).sum();
        if content.as_ref().is_ok_and(|bytes| total + bytes.len() > MAX_TOTAL_BYTES) {
            return Err(ReadFileError::Other(format!("all files together are longer than {MAX_TOTAL_BYTES} bytes")));
        }
        read.entry(path.to_owned()).or_insert(content).clone()
    }

    /// The digest of a file, by a path that [`ProjectFiles::digests`] gave; none where it cannot be read.
    pub(crate) fn digest(&self, path: &str) -> Option<Digest> {
        let path = inside(path).ok()?;
        self.content(&path).ok().map(|bytes| Digest::of(&bytes))
    }

    /// Path and digest of every file that has been read so far.
    pub(crate) fn digests(&self) -> Vec<(String, Option<Digest>)> {
        let read = self.read.lock();
        read.iter()
            .map(|(path, content)| (path.clone(), content.as_ref().ok().map(|bytes| Digest::of(bytes))))
            .collect()
    }
}

/// The path relative to the stack's folder, in normal form.
fn inside(path: &str) -> Result<String, String> {
    let shown = crate::findings::quoted(path);
    if path.starts_with('/') || path.contains(['\\', '\0', ':']) {
        return Err(format!("`{shown}` is no path relative to the stack's folder"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(format!("`{shown}` leads out of the stack's folder"));
    }
    if parts.is_empty() {
        return Err(format!("`{shown}` names no file"));
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(inside("./a//b.txt").as_deref(), Ok("a/b.txt"));
        for path in ["/etc/passwd", "../a", "a/../../b", "a/..", "C:\\a", "", ".", "a\0"] {
            assert!(inside(path).is_err(), "{path:?}");
        }
    }
}
