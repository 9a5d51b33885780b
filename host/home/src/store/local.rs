//! A store in a directory. An object is a file, private to its user; a name is given once by `link(2)`, which fails
//! where the name exists, on network file systems too.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::{Created, Hold, Listed, Store, StoreError, Trouble};
use crate::FileError;
use crate::durable;

/// What unfinished files are called, beside what they are to become.
const UNFINISHED: &str = ".unfinished-";
/// An unfinished file that is so old belongs to no living process.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

/// A store in a directory, which need not be there yet.
pub struct LocalStore {
    root: PathBuf,
}

/// A locked file. The system unlocks it when the process ends, however that ends.
struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Hold for Lock {}

impl LocalStore {
    /// The store in a directory. Makes nothing.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, key: &str) -> PathBuf {
        debug_assert!(key.split('/').all(|part| !matches!(part, "" | "." | "..")), "`{key}` is no name of an object");
        self.root.join(key)
    }

    fn lock_path(&self, key: &str) -> PathBuf {
        self.path(key).with_extension("lock")
    }

    /// A file with the content and no name of its own yet.
    fn unfinished(&self, path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, StoreError> {
        let mut file = self.nameless(path)?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed("write", path))?;
        Ok(file)
    }

    /// An empty file beside what it is to become.
    fn nameless(&self, path: &Path) -> Result<tempfile::NamedTempFile, StoreError> {
        let directory = path.parent().unwrap_or(&self.root);
        durable::create_directory(directory)
            .map_err(|FileError { path, source, .. }| failed("create the directory", &path)(source))?;
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory).map_err(failed("write", path))
    }
}

/// Names what was tried on which file, and says whether it may pass.
fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| {
        let trouble = match source.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::StaleNetworkFileHandle => {
                Trouble::Passing
            }
            _ => Trouble::Lasting,
        };
        let hint = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("make room on this disk, then run the command again: it goes on from what is written".to_owned())
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(format!(
                "the user of this process needs to write in `{}`",
                path.parent().unwrap_or(path).display()
            )),
            _ => None,
        };
        StoreError { action, place: path.display().to_string(), trouble, hint, source: source.into() }
    }
}

impl Store for LocalStore {
    fn place(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(key);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    fn create(&self, key: &str, bytes: &[u8]) -> Result<Created, StoreError> {
        let path = self.path(key);
        let file = self.unfinished(&path, bytes)?;
        match std::fs::hard_link(file.path(), &path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if self.get(key)?.is_none_or(|found| found != bytes) {
                    return Ok(Created::Taken);
                }
                // An earlier attempt of this process made it, and may not have made it durable.
            }
            Err(error) => return Err(failed("create", &path)(error)),
        }
        // The other name goes; where that fails, it is removed some day as one that was left behind.
        let _ = file.close();
        durable::sync_parent(&path).map_err(|error| failed("make durable", &path)(error.source))?;
        Ok(Created::Made)
    }

    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(key);
        self.unfinished(&path, bytes)?.persist(&path).map_err(|error| failed("write", &path)(error.error))?;
        durable::sync_parent(&path).map_err(|error| failed("make durable", &path)(error.source))
    }

    fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let mut directories = Vec::new();
        for key in keys {
            let path = self.path(key);
            // Its lock goes first: a lock without an object is of no use to anybody.
            for path in [&path.with_extension("lock"), &path] {
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", path)(error)),
                    _ => {}
                }
            }
            let directory = path.parent().unwrap_or(&self.root).to_owned();
            if !directories.contains(&directory) {
                directories.push(directory);
            }
        }
        directories.iter().for_each(|directory| tidy(directory));
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let mut found = Vec::new();
        let now = Now::default();
        walk(&self.root.join(prefix.trim_end_matches('/')), prefix.trim_end_matches('/'), &now, &mut found)?;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn hold(&self, key: &str) -> Result<Option<Box<dyn Hold>>, StoreError> {
        let path = self.lock_path(key);
        // Locked before it has its name: at no moment does anybody who looks find it unlocked.
        let file = self.nameless(&path)?;
        if rustix::fs::flock(file.as_file(), FlockOperation::NonBlockingLockExclusive).is_err() {
            // A file system without locks: time alone ends the lease.
            return Ok(None);
        }
        let file = file.persist(&path).map_err(|error| failed("write", &path)(error.error))?;
        Ok(Some(Box::new(Lock(file))))
    }

    fn is_abandoned(&self, key: &str) -> bool {
        let Ok(file) = File::open(self.lock_path(key)) else { return false };
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_ok()
    }
}

/// The time by the clock of the file system, which is not always this machine's: looked at once a listing.
#[derive(Default)]
struct Now(std::cell::OnceCell<Option<std::time::SystemTime>>);

impl Now {
    fn since(&self, directory: &Path, then: io::Result<std::time::SystemTime>) -> Option<Duration> {
        let now = self.0.get_or_init(|| {
            let probe = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory).ok()?;
            probe.as_file().metadata().and_then(|metadata| metadata.modified()).ok()
        });
        now.zip(then.ok()).map(|(now, then)| now.duration_since(then).unwrap_or_default())
    }
}

/// The objects in a directory and those below it; `name` is the directory's own.
fn walk(directory: &Path, name: &str, now: &Now, found: &mut Vec<Listed>) -> Result<(), StoreError> {
    let fail = || failed("list", directory);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_nothing(&error) => return Ok(()),
        Err(error) => return Err(fail()(error)),
    };
    for entry in entries {
        let entry = entry.map_err(fail())?;
        let file_name = entry.file_name();
        let Some(text) = file_name.to_str().filter(|text| !text.starts_with(UNFINISHED) && !text.ends_with(".lock"))
        else {
            continue;
        };
        let key = if name.is_empty() { text.to_owned() } else { format!("{name}/{text}") };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Removed since: it belongs to the listing all the same, or one in which everything was replaced
                // meanwhile would be empty.
                found.push(Listed { key, bytes: 0, age: None });
                continue;
            }
            Err(error) => return Err(fail()(error)),
        };
        if metadata.is_dir() {
            walk(&entry.path(), &key, now, found)?;
        } else if metadata.is_file() {
            // Only leases are asked for their age; to look at the clock costs a file.
            let age = if is_lease(&key) { now.since(directory, metadata.modified()) } else { None };
            found.push(Listed { key, bytes: metadata.len(), age });
        }
    }
    Ok(())
}

/// Whether there is no object: a part of another's name is none.
fn is_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | IsADirectory | NotADirectory)
}

fn is_lease(key: &str) -> bool {
    key.split('/').rev().nth(1) == Some("lease")
}

/// Removes what processes that were killed left unfinished.
fn tidy(directory: &Path) {
    let now = Now::default();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let unfinished = entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED));
        if unfinished
            && let Ok(metadata) = entry.metadata()
            && now.since(directory, metadata.modified()).is_some_and(|age| age > LEFT_BEHIND)
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
