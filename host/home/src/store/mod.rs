//! Where a home's objects lie: `local` in a directory, `s3` in a bucket, `prepared` in the bucket of an account's
//! bootstrap. A store keeps whole objects under names;
//! that a name is given only once ([`Store::create`]) is all that leases, journals and histories are built on.

mod local;
mod prepared;
mod probe;
mod s3;

pub use local::LocalStore;
pub use prepared::PreparedStore;
pub(crate) use probe::{BOOTSTRAP_ROUNDS, probe_in};
pub use probe::{ProbeError, probe};
pub use s3::{S3Settings, S3Store};
pub(crate) use s3::{ServerClock, age};

use std::time::Duration;

/// What came of an exclusive creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Created {
    /// The object is there, durable, and it is ours: also where an earlier attempt of the same bytes made it and its
    /// answer was lost.
    Made,
    /// Another object has the name.
    Taken,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub key: String,
    /// The length, bytes.
    pub bytes: u64,
    /// Time since it was last written, both moments by the store's own clock; none where the store does not tell.
    pub age: Option<Duration>,
}

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It may pass: no connection, a timeout, throttling, a fault of the server. Nobody knows whether a write was made.
    Passing,
    /// It stays until somebody does something about it: no permission, no such bucket, a full disk.
    Lasting,
}

/// A store that could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} `{place}`")]
pub struct StoreError {
    /// What was tried: "read", "create", "list".
    pub action: &'static str,
    /// The file, or the object with its bucket: `s3://bucket/key`.
    pub place: String,
    /// Whether to try again.
    pub trouble: Trouble,
    /// What to do, where there is something.
    pub hint: Option<String>,
    /// What the system or the server said. Holds no credential.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Hears that a store on another machine does not answer. Called by the thread that talks to it: must not wait for the
/// store.
pub trait StoreListener: Send + Sync {
    /// Nothing was heard for a while, and whoever waits goes on to wait for up to `limit`; told once a silence. `why`:
    /// what the last request failed with, where one has ended.
    fn silent(&self, place: &str, why: Option<&str>, limit: Duration);

    /// It answers again, so long after the first request that it did not answer.
    fn answers(&self, place: &str, after: Duration);
}

/// Held as long as a process lives; to drop it, or to die, gives it back.
pub trait Hold: Send {}

/// Whole objects under names of the form `a/b/c`, without empty, `.` and `..` parts.
///
/// Every method blocks its thread; none may be called on a thread that drives an asynchronous runtime. A write that
/// returned is durable, and every read or listing that begins later, in any process, sees it.
pub trait Store: Send + Sync {
    /// What people call an object: a path, or `s3://bucket/key`.
    fn place(&self, key: &str) -> String;

    /// The object; none where there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Many objects, in the order of their names; at the same time where that is faster.
    ///
    /// # Errors
    /// When one of them cannot be read.
    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// Makes an object under a name that is free. Of any number of callers at one time, one makes it.
    ///
    /// # Errors
    /// When the object could not be written. Where that may pass, nobody knows whether it was.
    fn create(&self, key: &str, bytes: &[u8]) -> Result<Created, StoreError>;

    /// Writes an object, in the place of the old one where there is one: readers see the one or the other. For objects
    /// that have a single writer.
    ///
    /// # Errors
    /// When the object could not be written.
    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// Removes objects. One that is gone already is no error.
    ///
    /// # Errors
    /// When one of them could not be removed.
    fn delete(&self, keys: &[String]) -> Result<(), StoreError>;

    /// Every object whose name begins with a prefix that ends with `/` or is empty, sorted by name. One that is made or removed
    /// meanwhile is listed or not; one that was there when this began is listed, also where it is gone by the end.
    ///
    /// # Errors
    /// When the store cannot be listed.
    fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError>;

    /// The directory that everything lies in, where it is one.
    fn directory(&self) -> Option<&std::path::Path> {
        None
    }

    /// Takes hold of a name for as long as this process lives, where the store can tell when a process dies.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn hold(&self, _key: &str) -> Result<Option<Box<dyn Hold>>, StoreError> {
        Ok(None)
    }

    /// Whether the process that took hold of a name is known to be dead. False where nobody can tell.
    fn is_abandoned(&self, _key: &str) -> bool {
        false
    }
}
