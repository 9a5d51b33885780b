//! The compiled cache: a private directory whose entries are authenticated before they are used, because compiled
//! code is run as it is. Keyed by component digest and the engine's compatibility hash, never overwritten in place.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cofferdam_model::Digest;
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

const MAC_BYTES: usize = 32;
const KEPT: Duration = Duration::from_hours(30 * 24);
const TOUCHED: Duration = Duration::from_hours(24);

/// Where compiled components are kept; created private if it is not there.
#[derive(Clone, Debug, Default)]
pub struct CacheDirectory(pub PathBuf);

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The directory belongs to somebody else, or others may write to it.
    #[error("the cache directory `{path}` is not private: {why}")]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The file system failed.
    #[error("the cache directory `{path}` cannot be used")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What an entry holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    /// Machine code.
    Code,
    /// The answer of `describe`.
    Manifest,
    /// The schema of one resource type.
    Schema(&'a str),
}

pub(crate) struct Cache {
    directory: PathBuf,
    key: [u8; 32],
    compatibility: String,
}

impl Cache {
    pub fn open(directory: CacheDirectory, engine: &Engine) -> Result<Self, CacheError> {
        let path = directory.0;
        let fail = |source| CacheError::Io { path: path.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(fail)?;
        check_private(&path)?;
        let key = load_or_create_key(&path).map_err(fail)?;
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatibility = hex::encode(&hasher.0.finalize()[..8]);
        Ok(Self { directory: path, key, compatibility })
    }

    /// The entry's bytes, if there are any and they are what this user's host wrote.
    pub fn get(&self, digest: &Digest, entry: Entry<'_>) -> Option<Vec<u8>> {
        let path = self.path(digest, entry);
        let mut bytes = fs::read(&path).ok()?;
        let split = bytes.len().checked_sub(MAC_BYTES)?;
        let genuine = self.mac(&path, &bytes[..split]).verify_slice(&bytes[split..]).is_ok();
        if !genuine {
            // Damaged or planted: never used, and out of the way of the next one.
            let _ = fs::remove_file(&path);
            return None;
        }
        bytes.truncate(split);
        refresh(&path);
        Some(bytes)
    }

    /// The entry's file, if there is one and it holds what this user's host wrote: to be mapped rather than read. No
    /// file is changed in place or replaced, and the directory is this user's alone, so what was authenticated stays.
    pub fn verified(&self, digest: &Digest, entry: Entry<'_>) -> Option<PathBuf> {
        let path = self.path(digest, entry);
        let mut file = fs::File::open(&path).ok()?;
        let mut left = file.metadata().ok()?.len().checked_sub(MAC_BYTES as u64)?;
        let mut mac = self.begin_mac(&path);
        let mut buffer = [0; 64 * 1024];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
            let read = file.read(&mut buffer[..most]).ok().filter(|read| *read > 0)?;
            mac.update(&buffer[..read]);
            left -= read as u64;
        }
        let mut written = [0; MAC_BYTES];
        file.read_exact(&mut written).ok()?;
        if mac.verify_slice(&written).is_err() {
            let _ = fs::remove_file(&path);
            return None;
        }
        refresh(&path);
        Some(path)
    }

    /// Keeps an entry. A failure to do so costs time, never correctness, and is not reported.
    pub fn put(&self, digest: &Digest, entry: Entry<'_>, bytes: &[u8]) {
        let path = self.path(digest, entry);
        let mac = self.mac(&path, bytes).finalize().into_bytes();
        let written = write_new(&self.directory, &path, &[bytes, mac.as_slice()]);
        if written.is_ok() && matches!(entry, Entry::Code) {
            self.prune(&path);
        }
    }

    // The name is part of what is authenticated: an entry cannot stand in for another.
    fn begin_mac(&self, path: &Path) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(path.file_name().map(std::ffi::OsStr::as_encoded_bytes).unwrap_or_default());
        mac.update(&[0]);
        mac
    }

    fn mac(&self, path: &Path, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.begin_mac(path);
        mac.update(bytes);
        mac
    }

    fn path(&self, digest: &Digest, entry: Entry<'_>) -> PathBuf {
        let kind = match entry {
            Entry::Code => format!("{}.code", self.compatibility),
            Entry::Manifest => format!("v{}.manifest", env!("CARGO_PKG_VERSION")),
            Entry::Schema(ty) => {
                format!("v{}.{}.schema", env!("CARGO_PKG_VERSION"), &Digest::of(ty.as_bytes()).hex()[..16])
            }
        };
        self.directory.join(format!("{}.{kind}", digest.hex()))
    }

    /// Removes entries that nobody has used for a month.
    fn prune(&self, newest: &Path) {
        let Ok(now) = fs::metadata(newest).and_then(|meta| meta.modified()) else { return };
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let old = entry
                .metadata()
                .and_then(|meta| meta.modified())
                .is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > KEPT));
            if old && entry.file_name() != "key" {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn check_private(path: &Path) -> Result<(), CacheError> {
    let fail = |why: String| CacheError::NotPrivate { path: path.to_owned(), why };
    let meta = fs::symlink_metadata(path).map_err(|source| CacheError::Io { path: path.to_owned(), source })?;
    if !meta.is_dir() {
        return Err(fail("it is a link or a file".into()));
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me {
        return Err(fail(format!("it belongs to user {}, not to {me}", meta.uid())));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(fail(format!(
            "its mode is {:o}; run `chmod 700 {}`",
            meta.permissions().mode() & 0o777,
            path.display()
        )));
    }
    Ok(())
}

fn load_or_create_key(directory: &Path) -> io::Result<[u8; 32]> {
    let path = directory.join("key");
    for _ in 0..2 {
        match fs::read(&path) {
            Ok(bytes) => {
                return bytes
                    .try_into()
                    .map_err(|_| io::Error::other(format!("`{}` is damaged; remove it", path.display())));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(io::Error::other)?;
                // Another process may have been faster; its key is as good.
                match write_new(directory, &path, &[&key]) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("`{}` cannot be created", path.display())))
}

/// Writes a whole file under a new name, or fails with `AlreadyExists` and changes nothing.
fn write_new(directory: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.as_file().sync_data()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// Marks an entry as used, at most once a day.
fn refresh(path: &Path) {
    let Ok(file) = fs::OpenOptions::new().write(true).open(path) else { return };
    let stale = file
        .metadata()
        .and_then(|meta| meta.modified())
        .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > TOUCHED));
    if stale {
        let _ = rustix::fs::futimens(
            &file,
            &rustix::fs::Timestamps {
                last_access: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
                last_modification: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
            },
        );
    }
}

struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Cache {
        let engine = Engine::new(&crate::engine::config()).expect("engine");
        Cache::open(CacheDirectory(path.to_owned()), &engine).expect("opens")
    }

    fn private() -> tempfile::TempDir {
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().expect("tempdir")
    }

    #[test]
    fn gives_back_only_what_it_wrote() {
        let home = private();
        let cache = open(home.path());
        let digest = Digest::of(b"component");
        cache.put(&digest, Entry::Manifest, b"hello");
        assert_eq!(cache.get(&digest, Entry::Manifest).as_deref(), Some(&b"hello"[..]));
        // Another process of the same user reads it too.
        assert_eq!(open(home.path()).get(&digest, Entry::Manifest).as_deref(), Some(&b"hello"[..]));

        let path = cache.path(&digest, Entry::Manifest);
        let mut bytes = fs::read(&path).expect("there");
        bytes[0] ^= 1;
        fs::write(&path, bytes).expect("writes");
        assert_eq!(cache.get(&digest, Entry::Manifest), None);
        assert!(!path.exists(), "a forged entry is removed");
    }

    #[test]
    fn an_entry_cannot_stand_in_for_another() {
        let home = private();
        let cache = open(home.path());
        let (good, evil) = (Digest::of(b"good"), Digest::of(b"evil"));
        cache.put(&evil, Entry::Code, b"code");
        fs::copy(cache.path(&evil, Entry::Code), cache.path(&good, Entry::Code)).expect("copies");
        assert!(cache.verified(&evil, Entry::Code).is_some());
        assert!(cache.verified(&good, Entry::Code).is_none());
    }

    #[test]
    fn a_directory_open_to_others_is_refused() {
        let home = private();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        let engine = Engine::new(&crate::engine::config()).expect("engine");
        let error = Cache::open(CacheDirectory(home.path().to_owned()), &engine).err().expect("refused");
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}
