//! What goes wrong in a home: one enum per operation, and the kinds of trouble that they share. `hint` is what a
//! person can do about it.

use std::io;
use std::path::PathBuf;

use cofferdam_model::error::{ErrorKind, ProviderError};
use cofferdam_model::journal::JournalError;
use cofferdam_model::{SecretName, StackName, StageName};

use crate::bootstrap::MAX_RECORD_BYTES;
use crate::keys::{KmsSettings, WrapError};
use crate::lease::{Held, Holder, LeaseLost};
use crate::moved::Moved;
use crate::secrets::{MAX_ALL_SECRETS_BYTES, MAX_SECRET_BYTES};
use crate::store::{ProbeError, StoreError, Trouble};

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
    /// The store does not hold what a home rests on.
    #[error(transparent)]
    Unfit(#[from] ProbeError),
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
            Self::Unfit(error) => error.hint(),
            Self::Moved { moved, .. } => Some(format!("name `{}` as the `home` of the stack", moved.to)),
            Self::Moving { moved, .. } => Some(format!(
                "wait for the end; where that run was killed, end it with `cofferdam home migrate … {}`, or give it up with \
                 `cofferdam home migrate --give-up …`",
                moved.to
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

impl WriteError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint.clone(),
            Self::Journal(error) => error.hint.clone(),
            _ => None,
        }
    }
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

/// Why the keys of a home could not be made, opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file of the user could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer program wrote the keyring.
    #[error(transparent)]
    Newer(#[from] NewerFormat),
    /// The user has no private key.
    #[error("the secrets need `{key}`, and the identity `{}` that opens it is not there", path.display())]
    NoIdentity {
        /// Where the identity was looked for.
        path: PathBuf,
        /// The keyring.
        key: String,
    },
    /// A file of identities that the user named is not there.
    #[error("the identity `{}` is not there", .0.display())]
    NoIdentityFile(PathBuf),
    /// The file has no identity in it.
    #[error("`{}` holds no age identity (a line that begins with `AGE-SECRET-KEY-1`) and no SSH private key of a kind \
             that keys can be wrapped for", .0.display())]
    BadIdentity(PathBuf),
    /// The SSH private key is encrypted, and no passphrase opens it.
    #[error("the SSH key `{}` is encrypted, and no passphrase opens it", .0.display())]
    LockedIdentity(PathBuf),
    /// The keyring is wrapped for others.
    #[error("{} not open `{key}`, which is wrapped for {}", identities(paths), listed(wrapped_for))]
    WrongIdentity {
        /// The files that were tried.
        paths: Vec<PathBuf>,
        /// The keyring.
        key: String,
        /// Whom it is wrapped for.
        wrapped_for: Vec<String>,
    },
    /// The keyring is wrapped with a passphrase, and none was given.
    #[error("`{0}` needs a passphrase, and none was given")]
    NoPassphrase(String),
    /// The passphrase is another one.
    #[error("the passphrase does not open `{0}`")]
    WrongPassphrase(String),
    /// The keyring is wrapped by a service that is not set up.
    #[error("`{key}` is wrapped by `{id}`, which is not set up here")]
    NoWrapper {
        /// The keyring.
        key: String,
        /// The service and its key.
        id: String,
    },
    /// A service did not unwrap the keyring.
    #[error("`{id}` does not unwrap `{key}`")]
    Unwrap {
        /// The keyring.
        key: String,
        /// The service and its key.
        id: String,
        /// What it said.
        #[source]
        source: WrapError,
    },
    /// A service did not wrap the keyring.
    #[error("`{id}` does not wrap the keys in `{place}`")]
    WrapBy {
        /// The keyring.
        place: String,
        /// The service and its key.
        id: String,
        /// What it said.
        #[source]
        source: WrapError,
    },
    /// A secret names a key that the home does not have.
    #[error("the secrets need the data key {id}, which is not in `{place}`")]
    NoKey {
        /// Its name.
        id: String,
        /// Where the keys of the home lie.
        place: String,
    },
    /// The keyring cannot be read.
    #[error("`{0}` is no keyring, or was changed")]
    BadKey(String),
    /// The identity would lie beside what it protects.
    #[error("the identity `{}` would lie inside the home that it protects", .0.display())]
    IdentityInHome(PathBuf),
    /// The keyring could not be wrapped.
    #[error("could not wrap the keys in `{place}`")]
    Wrap {
        /// The keyring.
        place: String,
        /// What the age library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody would open the keyring any more.
    #[error("nobody would open `{0}` any more")]
    NobodyLeft(String),
    /// The user would not open the keyring any more.
    #[error("you would not open `{0}` yourself any more")]
    LocksOut(String),
    /// The keyring is not wrapped for that key.
    #[error("the keys of this home are not wrapped for `{0}`")]
    NoMember(String),
    /// Others change the keyring without end.
    #[error("`{0}` is changed by others all the time")]
    Busy(String),
}

fn identities(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    let (what, does) = if names.len() == 1 { ("identity", "does") } else { ("identities", "do") };
    format!("the {what} {} {does}", names.join(", "))
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

impl KeyError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(_) | Self::Wrap { .. } => return None,
            Self::Unwrap { source, .. } | Self::WrapBy { source, .. } => return source.hint.clone(),
            Self::Store(error) => return error.hint.clone(),
            Self::Newer(newer) => newer.hint(),
            Self::NoIdentity { path, .. } => format!(
                "copy the identity from where this stack was first deployed to `{}`, with mode 0600, or name the file of \
                 another one that opens it with COFFERDAM_IDENTITY",
                path.display()
            ),
            Self::NoIdentityFile(_) => "COFFERDAM_IDENTITY names files, with `:` between them".to_owned(),
            Self::BadIdentity(path) => {
                format!("put the identity back from a backup, or make another with: age-keygen -o '{}'", path.display())
            }
            Self::LockedIdentity(_) => "set COFFERDAM_IDENTITY_PASSPHRASE to its passphrase".to_owned(),
            Self::WrongIdentity { .. } => "name the file of an identity that opens it with COFFERDAM_IDENTITY, or let \
                                           somebody who opens it run: cofferdam key add-recipient age1…"
                .to_owned(),
            Self::NoPassphrase(_) | Self::WrongPassphrase(_) => {
                "set COFFERDAM_PASSPHRASE to the passphrase of this home".to_owned()
            }
            Self::NoWrapper { id, .. } => no_wrapper(id),
            Self::NoKey { place, .. } | Self::BadKey(place) => format!("restore `{place}` from a backup"),
            Self::IdentityInHome(_) => "keep the identity in another directory than the home".to_owned(),
            Self::NobodyLeft(_) | Self::LocksOut(_) => {
                "add another recipient first: cofferdam key add-recipient age1…".to_owned()
            }
            Self::NoMember(_) => "`cofferdam key list` shows for whom they are".to_owned(),
            Self::Busy(_) => "try again".to_owned(),
        })
    }
}

fn no_wrapper(id: &str) -> String {
    let away = format!("or, where it shall open the home no longer: cofferdam key remove-recipient {id}");
    match KmsSettings::of_id(id) {
        Some(KmsSettings { key, .. }) => {
            format!("name it in the `stack` block: encryption = {{ kms = {{ key = \"{key}\" }} }}; {away}")
        }
        None => format!("name it in `encryption` of the `stack` block; {away}"),
    }
}

/// Why secrets could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The home could not be made, or is not usable.
    #[error(transparent)]
    Home(#[from] OpenHomeError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer program wrote them.
    #[error(transparent)]
    Newer(#[from] NewerFormat),
    /// They are damaged.
    #[error(transparent)]
    Damaged(Damage),
    /// A value could not be sealed or opened.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Another run changed the same secret since this one looked.
    #[error("the secret `{name}` was {} at the same time", changed_by(by.as_deref()))]
    Conflict {
        /// The secret.
        name: SecretName,
        /// Who has set it; none where it was removed.
        by: Option<Box<Holder>>,
    },
    /// The value is too long.
    #[error("the value of the secret `{name}` has {bytes} bytes, and {MAX_SECRET_BYTES} are the most")]
    TooLong {
        /// The secret.
        name: SecretName,
        /// Its length.
        bytes: usize,
    },
    /// All values together are too long.
    #[error("the secrets of stage `{0}` would have more than {MAX_ALL_SECRETS_BYTES} bytes together")]
    TooMany(StageName),
    /// Others change the secrets without end.
    #[error("the secrets of stage `{0}` are changed by others all the time")]
    Busy(StageName),
}

fn changed_by(by: Option<&Holder>) -> String {
    by.map_or_else(|| "removed".to_owned(), |by| format!("set by {by}"))
}

impl SecretsError {
    pub(crate) fn damaged(place: &str, what: String) -> Self {
        Self::Damaged(Damage { place: place.to_owned(), line: None, what })
    }

    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Home(error) => error.hint(),
            Self::Store(error) => error.hint.clone(),
            Self::Newer(newer) => Some(newer.hint()),
            Self::Damaged(damage) => Some(format!(
                "restore `{}` from a backup, or let `cofferdam state repair` move it aside: the list of the number before \
                 counts then",
                damage.place
            )),
            Self::Key(error) => error.hint(),
            Self::Conflict { .. } => Some("look who is right; `--force` sets it all the same".to_owned()),
            Self::TooLong { .. } | Self::TooMany(_) => {
                Some("keep large texts in files, and the key that encrypts them as the secret".to_owned())
            }
            Self::Busy(_) => Some("try again".to_owned()),
        }
    }
}

/// Why a scope is not prepared.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A part of the scope is not what it should be.
    #[error("{0}")]
    Scope(String),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store cannot keep a record.
    #[error(transparent)]
    Probe(ProbeError),
    /// A newer program wrote the record.
    #[error(transparent)]
    Newer(#[from] NewerFormat),
    /// The record is damaged.
    #[error(transparent)]
    Damaged(Damage),
    /// Another process has taken the lease meanwhile.
    #[error(transparent)]
    Lost(#[from] LeaseLost),
    /// The record is too long.
    #[error("the record would be {0} bytes long, more than the {MAX_RECORD_BYTES} allowed")]
    TooLong(usize),
    /// There is no record.
    #[error("{0} is not prepared")]
    NotPrepared(String),
    /// Somebody takes it apart.
    #[error("the bootstrap of {0} is being destroyed")]
    Destroying(String),
    /// Others change the record without end.
    #[error("the record of {0} is changed by others all the time")]
    Busy(String),
    /// Another process prepares it for too long.
    #[error("{scope} is being prepared by {}", held.holder.as_ref().map_or_else(|| "another run".to_owned(), ToString::to_string))]
    Held {
        /// What.
        scope: String,
        /// By whom.
        held: Box<Held>,
    },
    /// The run was stopped.
    #[error("stopped; the next run goes on from here")]
    Stopped,
    /// A step failed.
    #[error("could not prepare {scope}: step `{step}`")]
    Step {
        /// What.
        scope: String,
        /// The step.
        step: String,
        /// What the provider or the service said.
        #[source]
        source: Box<ProviderError>,
    },
}

impl From<ProbeError> for BootstrapError {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::Store(error) => Self::Store(error),
            lies @ ProbeError::NotExclusive { .. } => Self::Probe(lies),
        }
    }
}

impl BootstrapError {
    /// What to do, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint.clone(),
            Self::Probe(error) => error.hint(),
            Self::Newer(newer) => Some(newer.hint()),
            Self::Damaged(damage) => Some(damage.hint()),
            Self::NotPrepared(_) => Some("a deploy prepares it, or `cofferdam bootstrap repair`".to_owned()),
            Self::Destroying(_) => Some("end it with `cofferdam bootstrap destroy`, then deploy again".to_owned()),
            Self::Held { .. } | Self::Busy(_) => Some("wait for its end and try again".to_owned()),
            Self::Scope(_) | Self::Lost(_) | Self::TooLong(_) | Self::Stopped | Self::Step { .. } => None,
        }
    }

    /// Whether the same may go well in a moment.
    #[must_use]
    pub fn is_retried(&self) -> bool {
        self.to_provider_error().kind.is_retried()
    }

    /// The same in the taxonomy of the contract, for whoever waits for the scope.
    #[must_use]
    pub fn to_provider_error(&self) -> ProviderError {
        if let Self::Step { source, .. } = self {
            return ProviderError { message: format!("{self}: {}", source.message), ..(**source).clone() };
        }
        let kind = match self {
            Self::Scope(_) => ErrorKind::InvalidInput,
            Self::Store(error) if error.trouble == Trouble::Passing => ErrorKind::Unavailable,
            Self::Busy(_) | Self::Held { .. } | Self::Lost(_) | Self::Stopped => ErrorKind::Unavailable,
            Self::NotPrepared(_) => ErrorKind::NotFound,
            Self::Destroying(_) => ErrorKind::AlreadyExists,
            Self::Newer(_) | Self::Probe(_) => ErrorKind::Unsupported,
            _ => ErrorKind::Other,
        };
        let mut message = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        if let Some(hint) = self.hint() {
            message.push_str("; ");
            message.push_str(&hint);
        }
        ProviderError::new(kind, message)
    }
}
