//! Files that survive a crash: replaced as a whole or not at all, private to their user.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::FileError;

const DIRECTORY_MODE: u32 = 0o700;

/// Names what was tried on which file.
pub(crate) fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError { action, path: path.to_owned(), source }
}

/// Makes a directory and those above it that are missing, each durable in its parent.
pub(crate) fn create_directory(path: &Path) -> Result<(), FileError> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.parent() {
            Some(parent) if parent != Path::new("") => {
                create_directory(parent)?;
                create_directory(path)
            }
            _ => Err(at("create the directory", path)(error)),
        },
        Err(error) => Err(at("create the directory", path)(error)),
    }
}

/// The whole file; none where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at("read", path)(error)),
    }
}

/// Makes a file that nobody else has made meanwhile, durable when this returns; false where somebody has.
pub(crate) fn create_new(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    let fail = || at("create", path);
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    // Mode 0600, as `tempfile` makes all its files.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(fail())?;
    file.write_all(bytes).map_err(fail())?;
    file.as_file().sync_all().map_err(fail())?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_parent(path).map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(fail()(error.error)),
    }
}

pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(at("make durable the directory", parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private() {
        let root = tempfile::tempdir().expect("temporary directory");
        let deep = root.path().join("a/b");
        create_directory(&deep).expect("made");
        create_directory(&deep).expect("there already");
        assert!(create_new(&deep.join("g"), b"1").expect("made"));
        assert!(!create_new(&deep.join("g"), b"2").expect("there already"));
        assert_eq!((mode(&root.path().join("a")), mode(&deep)), (0o700, 0o700));
        assert_eq!(mode(&deep.join("g")), 0o600);
        assert_eq!(read(&deep.join("g")).expect("read"), Some(b"1".to_vec()));
        assert_eq!(read(&deep.join("none")).expect("read"), None);
    }
}
