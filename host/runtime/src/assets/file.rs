//! One file of the project: opened inside what is granted, told apart from what it was before, hashed and read.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cofferdam_model::Digest;
use cofferdam_model::assets::{AssetContent, MAX_ASSET_BYTES};
use cofferdam_model::error::{ErrorKind, ProviderError};
use sha2::{Digest as _, Sha256};

use crate::host::files::open_regular;

/// What is read at a time to be hashed, bytes.
const PIECE: usize = 256 * 1024;

/// What tells a file from what it was before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// A file that is open.
#[derive(Debug)]
pub(crate) struct AssetFile {
    file: File,
    identity: Identity,
    /// For messages.
    name: String,
    path: PathBuf,
}

impl AssetFile {
    /// Opens a path below a folder of the stack's folder. No link leads out of that folder.
    pub fn open(stack: &Path, folder: &str, rest: &str, name: &str) -> Result<Self, ProviderError> {
        let opened = || {
            let mut dir = Dir::open_ambient_dir(stack, ambient_authority())?;
            if !folder.is_empty() {
                dir = dir.open_dir(folder)?;
            }
            let file = open_regular(&dir, rest)?.into_std();
            let identity = Identity::of(&file.metadata()?);
            Ok((file, identity))
        };
        let (file, identity) = opened().map_err(|error| failed(name, &error))?;
        if identity.size > MAX_ASSET_BYTES {
            let text =
                format!("the asset `{name}` has {} bytes, more than the {MAX_ASSET_BYTES} allowed", identity.size);
            return Err(ProviderError::new(ErrorKind::QuotaExceeded, text));
        }
        Ok(Self { file, identity, name: name.to_owned(), path: stack.join(name) })
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn size(&self) -> u64 {
        self.identity.size
    }

    /// The digest of the file as it was opened, read a piece at a time.
    pub fn digest(&self) -> Result<Digest, ProviderError> {
        let fail = |error: io::Error| failed(&self.name, &error);
        let (mut hash, mut piece, mut offset) = (Sha256::new(), vec![0; PIECE], 0_u64);
        loop {
            let read = match self.file.read_at(&mut piece, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(fail)?,
            };
            offset += read as u64;
            // One that grows for ever ends here too.
            if offset > self.identity.size {
                return Err(self.changed());
            }
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
        }
        if Identity::of(&self.file.metadata().map_err(fail)?) != self.identity {
            return Err(self.changed());
        }
        Ok(Digest::from_bytes(hash.finalize().into()))
    }

    /// Up to so many bytes from an offset; fewer only at the end.
    pub fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, ProviderError> {
        let mut content = Vec::new();
        At { file: &self.file, offset }
            .take(u64::from(length))
            .read_to_end(&mut content)
            .map_err(|error| failed(&self.name, &error))?;
        Ok(content)
    }
}

/// Reads a file from an offset, without moving a cursor that others may share.
struct At<'f> {
    file: &'f File,
    offset: u64,
}

impl io::Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl AssetContent for AssetFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ProviderError> {
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => failed(&self.name, &error),
        })
    }

    fn changed(&self) -> ProviderError {
        let text =
            format!("the asset `{}` changed while it was read; run this again when nothing writes to it", self.name);
        ProviderError::new(ErrorKind::InvalidInput, text)
    }
}

fn failed(name: &str, error: &io::Error) -> ProviderError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            let text = format!("there is no asset `{name}` in the stack's folder; build it, or correct its path");
            return ProviderError::new(ErrorKind::NotFound, text);
        }
        io::ErrorKind::PermissionDenied => ErrorKind::AccessDenied,
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
        _ => ErrorKind::Other,
    };
    ProviderError::new(kind, format!("cannot read the asset `{name}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(content: &[u8]) -> (tempfile::TempDir, AssetFile) {
        let folder = tempfile::tempdir().expect("tempdir");
        std::fs::write(folder.path().join("a"), content).expect("writes");
        let file = AssetFile::open(folder.path(), "", "a", "a").expect("opens");
        (folder, file)
    }

    #[test]
    fn a_digest_is_that_of_all_bytes() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17] {
            let content: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).expect("small")).collect();
            let (_folder, file) = file(&content);
            assert_eq!(file.digest(), Ok(Digest::of(&content)), "{size}");
            assert_eq!(file.read(0, u32::MAX), Ok(content.clone()));
            assert_eq!(file.read(size as u64 + 5, 10), Ok(Vec::new()));
        }
        let (_folder, file) = file(b"0123456789");
        assert_eq!(file.read(8, 5), Ok(b"89".to_vec()));
    }

    #[test]
    fn a_file_that_changes_is_found_out() {
        let (folder, file) = file(b"0123456789");
        let mut other = std::fs::OpenOptions::new().append(true).open(folder.path().join("a")).expect("opens");
        other.write_all(b"more").expect("writes");
        let text = file.digest().expect_err("it grew").message;
        assert!(text.contains("`a` changed while it was read"), "{text}");
        other.set_len(3).expect("cuts");
        assert!(file.digest().is_err(), "it shrank");
        let mut buffer = [0; 5];
        assert_eq!(file.read_at(0, &mut buffer), Err(file.changed()));
        // Another file in its place leaves the one that is open as it was.
        let (folder, file) = self::file(b"0123456789");
        std::fs::write(folder.path().join("b"), b"new").expect("writes");
        std::fs::rename(folder.path().join("b"), folder.path().join("a")).expect("renames");
        assert_eq!(file.read(0, 10), Ok(b"0123456789".to_vec()));
    }

    #[test]
    fn a_pipe_does_not_hang_the_host() {
        let folder = tempfile::tempdir().expect("tempdir");
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo");
        assert!(made.success());
        let error = AssetFile::open(folder.path(), "", "pipe", "pipe").expect_err("no regular file");
        assert_eq!(error.kind, ErrorKind::InvalidInput);
    }
}
