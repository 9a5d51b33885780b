//! Files of the user's project, by content. An asset is named by the string that the inputs hold: a path in the stack's
//! folder. A plugin asks for them with [`Capabilities::assets`](crate::Capabilities::assets); the user says which.

use crate::bindings::cofferdam::provider::assets as wit;
use crate::error::Error;

pub use wit::{Info, Location};

/// Digest and size of an asset; in plans too.
///
/// # Errors
///
/// `not-found` where the project has no such file, `access-denied` where it is not granted.
pub fn stat(asset: &str) -> Result<Info, Error> {
    wit::stat(asset).map_err(Error::from)
}

/// Up to `length` bytes from `offset`, at most 4 MiB a call; fewer only at the end.
///
/// # Errors
///
/// As the host says.
pub fn read(asset: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    wit::read(asset, offset, length).map_err(Error::from)
}

/// Puts an asset into the asset bucket of a bootstrap record, once, however many callers ask. `scope` is what
/// [`bootstrap::ensure`](crate::bootstrap::ensure) is given. Keep the key or the digest in an output: assets that no state
/// names are removed.
///
/// # Errors
///
/// `access-denied` in plans; `invalid-input` where the file changes meanwhile; else as the host says.
pub fn publish(asset: &str, scope: &serde_json::Value) -> Result<Location, Error> {
    wit::publish(asset, &scope.to_string()).map_err(Error::from)
}
