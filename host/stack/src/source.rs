//! The texts that a stack is made of, as the caller gave them, and how a diagnostic finds its place in them. Reads no
//! disk: files arrive as text, and files that functions ask for arrive through [`ReadFile`].

use std::ops::Range;
use std::sync::Arc;

use cofferdam_model::SourceSpan;

/// The longest source file, and the longest file that a function may read, in bytes.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;
/// All source files together, in bytes.
pub const MAX_TOTAL_BYTES: usize = 64 * 1024 * 1024;

/// The `*.hcl` files of a stack, in the order in which their resources count.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Each file's name as the user would write it, and its text.
    pub files: Vec<(Arc<str>, String)>,
}

/// Every text that a span may point into: source files, variable files, and what came from the command line.
#[derive(Debug, Default)]
pub struct SourceTexts(Vec<(Arc<str>, String)>);

impl SourceTexts {
    /// The text of a file.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| &**name == file).map(|(_, text)| text.as_str())
    }

    /// Every file with its text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (&**name, text.as_str()))
    }

    /// The line, from 1, that a span begins on.
    #[must_use]
    pub fn line(&self, span: &SourceSpan) -> Option<usize> {
        let text = self.text(&span.file)?.as_bytes();
        let before = text.get(..span.range.start.min(text.len()))?;
        Some(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    }

    /// A span as people write it: `stack.hcl:12`.
    pub(crate) fn place(&self, span: &SourceSpan) -> String {
        self.line(span).map_or_else(|| format!("`{}`", span.file), |line| format!("{}:{line}", span.file))
    }

    pub(crate) fn push(&mut self, name: Arc<str>, text: String) {
        self.0.push((name, text));
    }
}

/// How functions such as `file()` reach the project's folder.
pub trait ReadFile: Send + Sync {
    /// Reads one file. `path` is relative to the stack's folder, with `/` between its parts and neither `..` nor an
    /// absolute part in it; the implementation still has to refuse a link that leads out of the project's folder, and
    /// stops reading at `limit` bytes.
    ///
    /// # Errors
    /// When there is no such file, it is longer than `limit`, or it cannot be read.
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadFileError>;
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadFileError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// It is longer than the limit.
    #[error("it is longer than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// It leads out of the project's folder, or the system said no.
    #[error("{0}")]
    Other(String),
}

/// A project without files.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl ReadFile for NoFiles {
    fn read(&self, _path: &str, _limit: usize) -> Result<Vec<u8>, ReadFileError> {
        Err(ReadFileError::NotFound)
    }
}

/// A span in a file.
pub(crate) fn span(file: &Arc<str>, range: Range<usize>) -> SourceSpan {
    SourceSpan { file: Arc::clone(file), range }
}
