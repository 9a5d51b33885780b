//! Files in granted directories. Paths are relative, `/`-separated, without `.`, `..` and empty parts.

use crate::bindings::cofferdam::provider::files as wit;
use crate::error::Error;
use crate::host;

pub use wit::{Kind, Metadata};

/// The most that the host reads at once.
const CHUNK: u32 = 4 * 1024 * 1024;

/// What is there; none where nothing is. Links are not followed.
///
/// # Errors
///
/// `access-denied` for a directory that is not granted, `invalid-input` for a path that is not allowed.
pub fn stat(directory: &str, path: &str) -> Result<Option<Metadata>, Error> {
    host::with(|host| host.stat(directory, path)).map_err(Error::from)
}

/// A whole file, read in chunks.
///
/// # Errors
///
/// `invalid-input` where it is larger than `limit` bytes; else as the host says.
pub fn read(directory: &str, path: &str, limit: usize) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    loop {
        // usize has at most 64 bits on every target.
        let chunk = host::with(|host| host.read(directory, path, content.len() as u64, CHUNK))?;
        let last = chunk.len() < CHUNK as usize;
        content.extend(chunk);
        if content.len() > limit {
            return Err(Error::invalid_input(format!(
                "`{path}` in directory `{directory}` is larger than {limit} bytes"
            )));
        }
        if last {
            return Ok(content);
        }
    }
}

/// Writes a whole file, atomically; the directory that holds it must exist.
///
/// # Errors
///
/// As the host says.
pub fn write(directory: &str, path: &str, content: &[u8], mode: u32) -> Result<(), Error> {
    host::with(|host| host.write(directory, path, content, mode)).map_err(Error::from)
}

/// Makes a directory and those above it; one that exists gets the mode.
///
/// # Errors
///
/// As the host says.
pub fn make_directory(directory: &str, path: &str, mode: u32) -> Result<(), Error> {
    host::with(|host| host.make_directory(directory, path, mode)).map_err(Error::from)
}

/// Removes a file or an empty directory; nothing there is no error.
///
/// # Errors
///
/// `conflict` for a directory that is not empty; else as the host says.
pub fn remove(directory: &str, path: &str) -> Result<(), Error> {
    host::with(|host| host.remove(directory, path)).map_err(Error::from)
}

/// The names in a directory, sorted; the empty path is the granted directory itself.
///
/// # Errors
///
/// As the host says.
pub fn entries(directory: &str, path: &str) -> Result<Vec<String>, Error> {
    host::with(|host| host.entries(directory, path)).map_err(Error::from)
}
