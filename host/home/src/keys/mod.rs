//! What the user has to open secrets with, and who else shall open them. [`recipient`] is who a key is wrapped for,
//! [`identity`] reads private keys, [`wrap`] wraps and unwraps, [`kms`] has a service do it.

mod identity;
mod kms;
mod recipient;
pub(crate) mod wrap;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use age::secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::Form;

pub use kms::{KmsSettings, KmsSettingsError, KmsWrapper};
pub use recipient::{Recipient, RecipientError};
pub use wrap::{WrapError, Wrapper};

/// The length of a key, bytes.
pub(crate) const KEY_BYTES: usize = 32;
/// The most work that unwrapping a key may take: a hostile home shall not stop the program for hours.
const MAX_WORK_FACTOR: u8 = 22;

/// A key that encrypts. Wiped when it goes.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// Where the keys of the user come from. Looked at only when a secret is written or read.
#[derive(Clone)]
pub struct Keys {
    /// The user's age identity. Made, with mode 0600, when the first secret is written and it is absent.
    pub identity: PathBuf,
    /// Wraps the keys of a new home instead of the identity.
    pub passphrase: Option<Passphrase>,
    /// Files of age identities or SSH private keys that the user named; the first is the user's own.
    pub identities: Vec<PathBuf>,
    /// SSH private keys in their usual places, tried where keys are wrapped for SSH keys.
    pub ssh: Vec<PathBuf>,
    /// Opens SSH private keys that are encrypted.
    pub identity_passphrase: Option<Passphrase>,
    /// Who else shall open secrets.
    pub encryption: Encryption,
}

impl Keys {
    /// Keys with an identity alone.
    #[must_use]
    pub fn new(identity: PathBuf) -> Self {
        Self {
            identity,
            passphrase: None,
            identities: Vec::new(),
            ssh: Vec::new(),
            identity_passphrase: None,
            encryption: Encryption::default(),
        }
    }
}

/// Who, beside the user, shall open the secrets of a home. Counts when its first key is made; later changes are
/// [`KeyChange`](crate::KeyChange)s.
#[derive(Clone, Default)]
pub struct Encryption {
    /// Public keys.
    pub recipients: Vec<Recipient>,
    /// The key for the day on which every other is lost.
    pub recovery: Recovery,
    /// Whether the keys have to be wrapped with a passphrase; the user's identity opens them then, too.
    pub passphrase: bool,
    /// What of states and journals is encrypted. Counts for whatever is written from now on.
    pub form: Form,
    /// Services that wrap keys. Where there is one, who opens a new home is decided there, and the user's identity is
    /// no member by itself.
    pub wrappers: Vec<Arc<dyn Wrapper>>,
}

/// The key for the day on which every other is lost.
#[derive(Clone, Default)]
pub enum Recovery {
    /// There is none.
    #[default]
    None,
    /// A public key, whose private key lies in a safe.
    For(Recipient),
    /// A new one is made and handed to this function, once, after the keys are wrapped for it.
    Made(Arc<dyn Fn(&RecoveryKey) + Send + Sync>),
}

/// A private key that opens every secret of a home. Never written anywhere by this crate.
pub struct RecoveryKey(age::x25519::Identity);

impl RecoveryKey {
    pub(crate) fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// The public key.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient::of_age(self.0.to_public())
    }

    /// The private key: `AGE-SECRET-KEY-1…`.
    #[must_use]
    pub fn secret(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string().expose_secret().to_owned())
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(…)")
    }
}

/// A passphrase. Never shown.
#[derive(Clone)]
pub struct Passphrase {
    text: SecretString,
    work_factor: u8,
}

impl Passphrase {
    /// The scrypt work factor of new keys: N = 2^17, 128 MiB and up to a second, once per run that meets a secret.
    pub const WORK_FACTOR: u8 = 17;

    /// Takes a passphrase.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text: text.into(), work_factor: Self::WORK_FACTOR }
    }

    /// With another work factor: N = 2^`work_factor`, held within 1 and 22.
    #[must_use]
    pub fn with_work_factor(mut self, work_factor: u8) -> Self {
        self.work_factor = work_factor.clamp(1, MAX_WORK_FACTOR);
        self
    }
}
