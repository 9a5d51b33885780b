//! What goes wrong in a home: one enum per operation, and the kinds of trouble that they share. `hint` is what a
//! person can do about it.

use std::io;
use std::path::PathBuf;

use cofferdam_model::journal::JournalError;
use cofferdam_model::{StackName, StageName};

use crate::lease::{Held, LeaseLost};
use crate::moved::Moved;
use crate::store::StoreError;

/// A file that could not be worked with.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} `{}`", path.display())]
pub struct FileError {
    /// What was tried: "read", "replace".
    pub action: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// A file that a newer program wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{place}` has format {found}, and this cofferdam knows formats up to {known}")]
pub struct NewerFormat {
    /// The object.
    pub place: String,
    /// Its format.
    pub found: u64,
    /// The newest known.
    pub known: u64,
}

impl NewerFormat {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        "install a newer cofferdam; this one changed nothing".to_owned()
    }
}

/// A file that does not say what this program wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The object.
    pub place: String,
    /// The line, from 1, in an object of lines.
    pub line: Option<usize>,
    /// What is wrong: "the checksum does not match".
    pub what: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is damaged", self.place)?;
        self.line.map_or(Ok(()), |line| write!(f, " at line {line}"))?;
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Damage {}

impl Damage {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        "nothing was changed; `cofferdam state verify` lists what is damaged, and `cofferdam state repair` goes on from \
         what is whole and keeps a copy of the rest"
            .to_owned()
    }
}

/// Why a home could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenHomeError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer program wrote it.
    #[error(transparent)]
    Newer(#[from] NewerFormat),
    /// `home.json` is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// It is elsewhere now; what is left may only be read.
    #[error("the home `{place}` has moved to `{}`", moved.to)]
    Moved {
        /// The old place.
        place: String,
        /// The new one.
        moved: Box<Moved>,
    },
    /// It is being moved elsewhere.
    #[error("the home `{place}` is being moved to `{}`", moved.to)]
    Moving {
        /// The old place.
        place: String,
        /// The new one.
        moved: Box<Moved>,
    },
    /// Another home is being moved here.
    #[error("the home `{from}` is being moved to `{place}`, and not yet whole there")]
    Arriving {
        /// The new place.
        place: String,
        /// The old one.
        from: String,
    },
}

impl OpenHomeError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint.clone(),
            Self::Newer(newer) => Some(newer.hint()),
            Self::Damaged(damage) => Some(damage.hint()),
            Self::Moved { moved, .. } => Some(format!("name `{}` as the `home` of the stack", moved.to)),
            Self::Moving { place, moved } => Some(format!(
                "wait for the end; where that run was killed, end it: cofferdam home migrate … {}\n(or give it up: remove \
                 `{}/moving.json`)",
                moved.to,
                place.trim_end_matches('/')
            )),
            Self::Arriving { .. } => Some("wait for the end, or run `cofferdam home migrate` again".to_owned()),
        }
    }
}

/// Why a stage could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStageError {
    /// Another run holds the lease.
    #[error("stack `{stack}` in stage `{stage}` is locked by {}", described(held))]
    Locked {
        /// The stack.
        stack: StackName,
        /// The stage.
        stage: StageName,
        /// Who holds it.
        held: Box<Held>,
    },
    /// The home could not be made or is not usable.
    #[error(transparent)]
    Home(#[from] OpenHomeError),
}

impl From<StoreError> for OpenStageError {
    fn from(error: StoreError) -> Self {
        Self::Home(error.into())
    }
}

fn described(held: &Held) -> String {
    held.holder.as_ref().map_or_else(|| "another run".to_owned(), ToString::to_string)
}

impl OpenStageError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Locked { .. } => {
                Some("wait for it with `--lock-wait 5m`; the lease of a run that was killed ends by itself".to_owned())
            }
            Self::Home(error) => error.hint(),
        }
    }
}

/// Why a lease could not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The home is elsewhere, or cannot be read.
    #[error(transparent)]
    Home(#[from] OpenHomeError),
    /// The run before could not be shut out.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl From<StoreError> for UnlockError {
    fn from(error: StoreError) -> Self {
        Self::Load(error.into())
    }
}

impl UnlockError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Home(error) => error.hint(),
            Self::Load(error) => error.hint(),
        }
    }
}

/// Why the state could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer program wrote it.
    #[error(transparent)]
    Newer(#[from] NewerFormat),
    /// A file is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The lease was lost meanwhile.
    #[error(transparent)]
    Lost(#[from] LeaseLost),
    /// A secret could not be decrypted.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl LoadError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint.clone(),
            Self::Newer(newer) => Some(newer.hint()),
            Self::Damaged(damage) => Some(damage.hint()),
            Self::Lost(_) => None,
            Self::Key(error) => error.hint(),
        }
    }
}

/// Why a journal was not opened, or a snapshot not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The stage was opened to read.
    #[error("stage `{0}` was opened to read, and a journal or a snapshot needs write access")]
    ReadOnly(StageName),
    /// What is there could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The state did not grow out of the snapshot that is there.
    #[error("the state given is {given}, and the home holds {found}")]
    Outdated {
        /// Stack, stage, lineage and serial of the state given.
        given: String,
        /// The same of what is there.
        found: String,
    },
    /// Records were appended while the snapshot was made.
    #[error("the journal of stage `{0}` was appended to while its snapshot was made")]
    Busy(StageName),
    /// A value could not be stored.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An earlier write failed; nothing more is written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshot could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another run writes now.
    #[error(transparent)]
    Lost(#[from] LeaseLost),
}

/// Why a value could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is no key to encrypt it with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It has too many levels to be read back.
    #[error("the value at `{0}` has more levels than a document may have")]
    TooDeep(String),
}

/// Why a data key could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The identity's file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The identity that opens the key is not there.
    #[error("the secrets need `{key}`, and the identity `{}` that opens it is not there", path.display())]
    NoIdentity {
        /// Where the identity was looked for.
        path: PathBuf,
        /// The wrapped key.
        key: String,
    },
    /// The identity file has no identity in it.
    #[error("`{}` holds no age identity (a line that begins with `AGE-SECRET-KEY-1`)", .0.display())]
    BadIdentity(PathBuf),
    /// The key is wrapped for somebody else.
    #[error("the identity `{}` does not open `{key}`", path.display())]
    WrongIdentity {
        /// The identity's file.
        path: PathBuf,
        /// The wrapped key.
        key: String,
    },
    /// The key is wrapped with a passphrase, and none was given.
    #[error("`{0}` needs a passphrase, and none was given")]
    NoPassphrase(String),
    /// The passphrase is another one.
    #[error("the passphrase does not open `{0}`")]
    WrongPassphrase(String),
    /// A secret names a key that the home does not have.
    #[error("the key `{0}` is not there")]
    NoKey(String),
    /// The wrapped key cannot be read.
    #[error("`{0}` is no wrapped data key")]
    BadKey(String),
    /// The identity would lie beside what it protects.
    #[error("the identity `{}` would lie inside the home that it protects", .0.display())]
    IdentityInHome(PathBuf),
    /// The key could not be wrapped.
    #[error("could not wrap the data key for `{place}`")]
    Wrap {
        /// The wrapped key.
        place: String,
        /// What the age library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl KeyError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(_) | Self::Wrap { .. } => None,
            Self::Store(error) => error.hint.clone(),
            Self::NoIdentity { path, .. } => Some(format!(
                "copy the identity from where this stack was first deployed to `{}`, with mode 0600",
                path.display()
            )),
            Self::BadIdentity(path) => Some(format!(
                "put the identity back from a backup, or make another with: age-keygen -o '{}'",
                path.display()
            )),
            Self::WrongIdentity { path, .. } => Some(format!(
                "add the identity that made this home, a line that begins with `AGE-SECRET-KEY-1`, to `{}`",
                path.display()
            )),
            Self::NoPassphrase(_) | Self::WrongPassphrase(_) => {
                Some("give the passphrase that this home was made with".to_owned())
            }
            Self::NoKey(place) | Self::BadKey(place) => Some(format!("restore `{place}` from a backup")),
            Self::IdentityInHome(_) => Some("keep the identity in another directory than the home".to_owned()),
        }
    }
}
