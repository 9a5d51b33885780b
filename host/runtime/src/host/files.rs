//! `files`: granted directories, each opened as a capability that no path, link or race leads out of.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use cofferdam_model::Digest;
use cofferdam_model::capabilities::DirectoryGrant;
use cofferdam_model::provider::Mode;
use cofferdam_model::redact::Redactor;

use super::Guest;
use crate::contract::v0_1::convert::error_out;
use crate::contract::v0_1::imports::files::{self, Kind, Metadata};
use crate::contract::v0_1::imports::types::{ErrorKind, ProviderError};

const MAX_READ: u32 = 4 * 1024 * 1024;
const MAX_FILE: u64 = 32 * 1024 * 1024;
/// Below what one call may hand over, so that the answer is an error and not a trap.
const MAX_WRITE: usize = 15 * 1024 * 1024;
const MAX_ENTRIES: usize = 100_000;
const MAX_PATH: usize = 4096;
/// How much of a path that is refused is shown, in bytes.
const MAX_SHOWN: usize = 120;
const MODE_BITS: u32 = 0o777;

type Answer<T> = Result<T, ProviderError>;

/// A directory that both keys open: the plugin asked, the user granted.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub path: PathBuf,
    pub write: bool,
}

impl From<DirectoryGrant> for Directory {
    fn from(grant: DirectoryGrant) -> Self {
        Self { path: grant.path, write: grant.write }
    }
}

/// What a call does with a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    /// Changes as a write does, but makes no directory.
    Remove,
}

impl Guest {
    /// The directory, if the grant and the mode allow the access.
    fn directory(&self, name: &str, access: Access) -> Answer<Directory> {
        let denied = |message: String| Err(error_out(ErrorKind::AccessDenied, message));
        let Some(reach) = &self.reach else {
            return denied("this call has no capabilities".into());
        };
        let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        let Some(directory) = reach.directories.get(name) else {
            return denied(format!(
                "the directory `{shown}` is not granted; to allow it, add `directory \"{shown}\" {{ path = \"…\" }}` to the `grant` block"
            ));
        };
        if access != Access::Read && !directory.write {
            return denied(format!(
                "the directory `{shown}` is granted for reading; to allow writing, add `write = true` to it"
            ));
        }
        if access != Access::Read && reach.mode == Mode::ReadOnly {
            return denied(format!("writing to the directory `{shown}` is refused while planning"));
        }
        Ok(directory.clone())
    }

    /// Runs file work on a thread that may block, after the checks that every call shares.
    async fn with_directory<T: Send + 'static>(
        &mut self,
        name: &str,
        path: String,
        access: Access,
        work: impl FnOnce(&Dir, &str) -> io::Result<T> + Send + 'static,
        missing: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Answer<T> {
        let directory = self.directory(name, access)?;
        if !is_fine(&path) {
            return Err(refused(&path, self.log.redactor()));
        }
        let shown = format!("{name}/{path}");
        let done = tokio::task::spawn_blocking(move || {
            if access == Access::Write {
                std::fs::create_dir_all(&directory.path)?;
            }
            let opened = match Dir::open_ambient_dir(&directory.path, ambient_authority()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return missing().ok_or(error),
                opened => opened?,
            };
            let path = if path.is_empty() { "." } else { &path };
            work(&opened, path)
        })
        .await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(describe(&shown, &error)),
            Err(_panic) => Err(error_out(ErrorKind::Other, format!("working on `{shown}` failed in the host"))),
        }
    }
}

fn describe(shown: &str, error: &io::Error) -> ProviderError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        io::ErrorKind::PermissionDenied => ErrorKind::AccessDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ErrorKind::QuotaExceeded
        }
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::DirectoryNotEmpty
        | io::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
        _ => ErrorKind::Other,
    };
    error_out(kind, format!("cannot use `{shown}`: {error}"))
}

fn is_fine(path: &str) -> bool {
    path.len() <= MAX_PATH
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && (path.is_empty() || path.split('/').all(|part| !part.is_empty() && part != "." && part != ".."))
}

fn refused(path: &str, redactor: &Redactor) -> ProviderError {
    let shown: String = redactor.redact_start(path, MAX_SHOWN).chars().filter(|c| !c.is_control()).collect();
    error_out(
        ErrorKind::InvalidInput,
        format!(
            "the path `{shown}` is refused: write it relative to the directory, with `/`, and without `.` and `..`"
        ),
    )
}

fn stat(dir: &Dir, path: &str) -> io::Result<Option<Metadata>> {
    let meta = match dir.symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        meta => meta?,
    };
    let kind = if meta.is_file() {
        Kind::File
    } else if meta.is_dir() {
        Kind::Directory
    } else {
        Kind::Other
    };
    let size = if kind == Kind::File { meta.len() } else { 0 };
    let sha256 = match kind {
        Kind::File if size <= MAX_FILE => {
            let mut content = Vec::new();
            open_regular(dir, path)?.take(MAX_FILE + 1).read_to_end(&mut content)?;
            (content.len() as u64 <= MAX_FILE).then(|| Digest::of(&content).hex())
        }
        _ => None,
    };
    Ok(Some(Metadata { kind, size, mode: meta.permissions().mode() & MODE_BITS, sha256 }))
}

/// Opens a regular file without waiting on a pipe or a device that stands in its place.
pub(crate) fn open_regular(dir: &Dir, path: &str) -> io::Result<cap_std::fs::File> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = dir.open_with(path, OpenOptions::new().read(true).custom_flags(nonblocking))?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok(file)
}

fn read(dir: &Dir, path: &str, offset: u64, length: u32) -> io::Result<Vec<u8>> {
    let mut file = open_regular(dir, path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut content = Vec::new();
    file.take(u64::from(length)).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes beside the file, makes it durable, and renames it into place.
fn write(dir: &Dir, path: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
    let parent = dir.open_dir(parent)?;
    if parent.symlink_metadata(name).is_ok_and(|meta| meta.is_dir()) {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let temporary = format!(".cofferdam-{}.tmp", hex::encode(random));
    let written =
        write_durably(&parent, &temporary, content, mode).and_then(|()| parent.rename(&temporary, &parent, name));
    if written.is_err() {
        let _ = parent.remove_file(&temporary);
        return written;
    }
    parent.open(".")?.sync_all()
}

fn write_durably(parent: &Dir, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = parent.open_with(name, OpenOptions::new().write(true).create_new(true).mode(0o600))?;
    file.write_all(content)?;
    file.set_permissions(Permissions::from_mode(mode & MODE_BITS))?;
    file.sync_all()
}

fn make_directory(dir: &Dir, path: &str, mode: u32) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(mode & MODE_BITS);
    dir.create_dir_with(path, &builder)?;
    dir.set_permissions(path, Permissions::from_mode(mode & MODE_BITS))
}

fn remove(dir: &Dir, path: &str) -> io::Result<()> {
    let removed = match dir.symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => dir.remove_dir(path),
        Ok(_) => dir.remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn entries(dir: &Dir, path: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in dir.read_dir(path)? {
        if names.len() == MAX_ENTRIES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {MAX_ENTRIES} entries")));
        }
        let name = entry?.file_name();
        names.push(
            name.into_string().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a name in it is not UTF-8"))?,
        );
    }
    names.sort_unstable();
    Ok(names)
}

impl files::Host for Guest {
    async fn stat(&mut self, directory: String, path: String) -> wasmtime::Result<Answer<Option<Metadata>>> {
        self.count()?;
        Ok(self.with_directory(&directory, path, Access::Read, stat, || Some(None)).await)
    }

    async fn read(
        &mut self,
        directory: String,
        path: String,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Answer<Vec<u8>>> {
        self.count()?;
        let length = length.min(MAX_READ);
        Ok(self
            .with_directory(&directory, path, Access::Read, move |dir, path| read(dir, path, offset, length), || None)
            .await)
    }

    async fn write(
        &mut self,
        directory: String,
        path: String,
        content: Vec<u8>,
        mode: u32,
    ) -> wasmtime::Result<Answer<()>> {
        self.count()?;
        if path.is_empty() {
            return Ok(Err(error_out(ErrorKind::InvalidInput, "a file needs a path")));
        }
        if content.len() > MAX_WRITE {
            return Ok(Err(error_out(
                ErrorKind::InvalidInput,
                format!("a file is written with at most {MAX_WRITE} bytes"),
            )));
        }
        let content = Arc::new(content);
        Ok(self
            .with_directory(&directory, path, Access::Write, move |dir, path| write(dir, path, &content, mode), || None)
            .await)
    }

    async fn make_directory(&mut self, directory: String, path: String, mode: u32) -> wasmtime::Result<Answer<()>> {
        self.count()?;
        if path.is_empty() {
            return Ok(Err(error_out(ErrorKind::InvalidInput, "the granted directory itself is not changed")));
        }
        Ok(self
            .with_directory(&directory, path, Access::Write, move |dir, path| make_directory(dir, path, mode), || None)
            .await)
    }

    async fn remove(&mut self, directory: String, path: String) -> wasmtime::Result<Answer<()>> {
        self.count()?;
        if path.is_empty() {
            return Ok(Err(error_out(ErrorKind::InvalidInput, "the granted directory itself is not removed")));
        }
        Ok(self.with_directory(&directory, path, Access::Remove, remove, || Some(())).await)
    }

    async fn entries(&mut self, directory: String, path: String) -> wasmtime::Result<Answer<Vec<String>>> {
        self.count()?;
        Ok(self.with_directory(&directory, path, Access::Read, entries, || None).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, Dir) {
        let home = tempfile::tempdir().expect("tempdir");
        std::fs::create_dir(home.path().join("in")).expect("mkdir");
        let dir = Dir::open_ambient_dir(home.path().join("in"), ambient_authority()).expect("opens");
        (home, dir)
    }

    #[test]
    fn writes_whole_files_and_leaves_nothing_else() {
        let (_home, dir) = dir();
        write(&dir, "a.txt", b"one", 0o640).expect("writes");
        write(&dir, "a.txt", b"two", 0o600).expect("overwrites");
        assert_eq!(read(&dir, "a.txt", 1, 10).expect("reads"), b"wo");
        assert_eq!(entries(&dir, ".").expect("lists"), ["a.txt"]);
        assert_eq!(stat(&dir, "a.txt").expect("stats").expect("there").mode, 0o600);
    }

    #[test]
    fn no_link_leads_out() {
        let (home, dir) = dir();
        std::fs::write(home.path().join("outside"), "secret").expect("writes");
        std::os::unix::fs::symlink(home.path().join("outside"), home.path().join("in/absolute")).expect("links");
        std::os::unix::fs::symlink("../outside", home.path().join("in/relative")).expect("links");
        std::os::unix::fs::symlink("..", home.path().join("in/up")).expect("links");
        for path in ["absolute", "relative", "up/outside"] {
            assert!(read(&dir, path, 0, 10).is_err(), "{path}");
        }
        assert!(write(&dir, "up/new", b"x", 0o600).is_err());
        // Writing over a link replaces the link, never what it points to.
        write(&dir, "relative", b"mine", 0o600).expect("writes");
        assert_eq!(std::fs::read_to_string(home.path().join("outside")).expect("there"), "secret");
    }

    #[test]
    fn bad_paths_are_refused_before_the_file_system_sees_them() {
        for path in ["/etc/passwd", "../x", "a/../b", "a//b", "./a", "a\\b", "a\0b", "a/"] {
            assert!(!is_fine(path), "{path:?}");
        }
        assert!(is_fine("") && is_fine("a/b.txt"));
    }

    #[test]
    fn a_pipe_does_not_hang_the_host() {
        let (home, dir) = dir();
        let made = std::process::Command::new("mkfifo").arg(home.path().join("in/pipe")).status().expect("mkfifo");
        assert!(made.success());
        assert!(read(&dir, "pipe", 0, 10).is_err());
    }
}
