//! What opens a home's secrets: the user's age identity, or a passphrase; and the wrapping of data keys for them.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::store::Store;
use crate::{KeyError, durable};

/// The length of a data key, bytes.
pub(crate) const KEY_BYTES: usize = 32;
/// The most work that unwrapping a key may take: a hostile home shall not stop the program for hours.
const MAX_WORK_FACTOR: u8 = 22;

/// Where the key of the user comes from. Looked at only when a secret is written or read.
#[derive(Clone)]
pub struct Keys {
    /// The user's age identity. Made, with mode 0600, when the first secret is written and it is absent.
    pub identity: PathBuf,
    /// Wraps new data keys instead of the identity.
    pub passphrase: Option<Passphrase>,
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

impl Keys {
    /// The data key in a wrapped file.
    pub(crate) fn unwrap(&self, place: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyError> {
        let bad = || KeyError::BadKey(place.to_owned());
        let decryptor = age::Decryptor::new_buffered(wrapped).map_err(|_| bad())?;
        let by_passphrase = decryptor.is_scrypt();
        let opened = if by_passphrase {
            let passphrase = self.passphrase.as_ref().ok_or_else(|| KeyError::NoPassphrase(place.to_owned()))?;
            let mut identity = age::scrypt::Identity::new(passphrase.text.clone());
            identity.set_max_work_factor(MAX_WORK_FACTOR);
            decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
        } else {
            let Some(identities) = self.identities()? else {
                return Err(KeyError::NoIdentity { path: self.identity.clone(), key: place.to_owned() });
            };
            decryptor.decrypt(identities.iter().map(|identity| identity as &dyn age::Identity))
        };
        let wrong = || match by_passphrase {
            true => KeyError::WrongPassphrase(place.to_owned()),
            false => KeyError::WrongIdentity { path: self.identity.clone(), key: place.to_owned() },
        };
        let mut reader = opened.map_err(|error| match error {
            age::DecryptError::NoMatchingKeys
            | age::DecryptError::KeyDecryptionFailed
            | age::DecryptError::DecryptionFailed => wrong(),
            _ => bad(),
        })?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        reader.read_exact(&mut *key).map_err(|_| bad())?;
        match reader.read(&mut [0]) {
            Ok(0) => Ok(key),
            _ => Err(bad()),
        }
    }

    /// Wraps a new data key for the passphrase or, without one, for the identity, which is made where it is absent.
    pub(crate) fn wrap(&self, store: &dyn Store, place: &str, key: &[u8; KEY_BYTES]) -> Result<Vec<u8>, KeyError> {
        let fail = |source| KeyError::Wrap { place: place.to_owned(), source };
        let failed = |error: std::io::Error| fail(error.into());
        let recipient: Box<dyn age::Recipient> = match &self.passphrase {
            Some(passphrase) => {
                let mut recipient = age::scrypt::Recipient::new(passphrase.text.clone());
                recipient.set_work_factor(passphrase.work_factor);
                Box::new(recipient)
            }
            None => Box::new(self.recipient(store)?),
        };
        let encryptor =
            age::Encryptor::with_recipients(std::iter::once(&*recipient)).map_err(|error| fail(error.into()))?;
        let mut wrapped = Vec::new();
        let mut writer = encryptor.wrap_output(&mut wrapped).map_err(failed)?;
        writer.write_all(key).and_then(|()| writer.finish()).map_err(failed)?;
        Ok(wrapped)
    }

    /// The identities in the user's file; none where there is no file.
    fn identities(&self) -> Result<Option<Vec<age::x25519::Identity>>, KeyError> {
        let Some(bytes) = durable::read(&self.identity)? else { return Ok(None) };
        let bytes = Zeroizing::new(bytes);
        let bad = || KeyError::BadIdentity(self.identity.clone());
        let text = std::str::from_utf8(&bytes).map_err(|_| bad())?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Vec<_> = lines.map(str::parse).collect::<Result<_, &str>>().map_err(|_| bad())?;
        if identities.is_empty() { Err(bad()) } else { Ok(Some(identities)) }
    }

    fn recipient(&self, store: &dyn Store) -> Result<age::x25519::Recipient, KeyError> {
        if let Some([first, ..]) = self.identities()?.as_deref() {
            return Ok(first.to_public());
        }
        if store.directory().is_some_and(|root| lies_in(&self.identity, root)) {
            return Err(KeyError::IdentityInHome(self.identity.clone()));
        }
        if let Some(directory) = self.identity.parent().filter(|directory| *directory != Path::new("")) {
            durable::create_directory(directory)?;
        }
        let identity = age::x25519::Identity::generate();
        let public = identity.to_public();
        let secret = identity.to_string();
        let text = Zeroizing::new(format!("# public key: {public}\n{}\n", secret.expose_secret()));
        if durable::create_new(&self.identity, text.as_bytes())? {
            return Ok(public);
        }
        // Another process made it first; its identity is the one that stays.
        match self.identities()?.as_deref() {
            Some([first, ..]) => Ok(first.to_public()),
            _ => Err(KeyError::BadIdentity(self.identity.clone())),
        }
    }
}

/// Whether a path, which need not exist, lies in a directory that does.
fn lies_in(path: &Path, directory: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let directory = real(directory).unwrap_or_else(|| directory.to_owned());
    let nearest = absolute.ancestors().find_map(real);
    nearest.is_some_and(|nearest| nearest.starts_with(directory))
}
