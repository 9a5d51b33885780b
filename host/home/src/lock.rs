//! The lock of one stage: an advisory lock on a file that tells who holds it. It ends with its process, however that
//! ends; what the file says is for people and decides nothing.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::FileError;
use crate::durable::{FILE_MODE, at};

/// Who holds the lock of a stage. Shown to others; holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The user's name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// The command, such as `deploy`, without its arguments.
    pub command: String,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: u64,
}

impl Holder {
    pub(crate) fn describe(holder: Option<&Self>) -> String {
        match holder {
            Some(Self { pid, user, host, command, .. }) => format!("`{command}` of {user} on {host}, process {pid}"),
            None => "another run".to_owned(),
        }
    }
}

/// The lock, held until this is dropped.
pub(crate) struct StageLock(File);

/// What came of an attempt to take a lock.
pub(crate) enum Attempt {
    Taken(StageLock),
    /// The holder, where the file tells it.
    Held(Option<Holder>),
}

impl StageLock {
    /// Takes the lock, or tells at once who has it.
    pub(crate) fn take(path: &Path, holder: &Holder) -> Result<Attempt, FileError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let mut file = options.open(path).map_err(at("open", path))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // Half a text is as good as none.
                let told = file.read_to_string(&mut text).ok().and_then(|_| serde_json::from_str(&text).ok());
                return Ok(Attempt::Held(told));
            }
            Err(error) => return Err(at("lock", path)(error.into())),
        }
        let text = serde_json::to_vec(holder).expect("names and numbers are JSON");
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(at("write", path))?;
        Ok(Attempt::Taken(Self(file)))
    }
}

impl Drop for StageLock {
    fn drop(&mut self) {
        // The file stays: to remove it would let two processes lock two files of one name. A text that stays behind
        // misleads nobody, for it is read only while the lock is held.
        let _ = self.0.set_len(0);
    }
}
