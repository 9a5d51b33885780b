//! Wrapping of keys: for public keys and with a passphrase by age, and by services behind [`Wrapper`].

use std::io::{Read as _, Write as _};

use zeroize::Zeroizing;

use super::recipient::PublicKey;
use super::{KEY_BYTES, KeyBytes, Keys, MAX_WORK_FACTOR, Passphrase, Recipient};
use crate::KeyError;

/// A service that did not wrap or unwrap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct WrapError {
    /// What it said. Holds no credential.
    pub said: String,
    /// What to do, where there is something.
    pub hint: Option<String>,
}

/// A service that wraps keys, such as a cloud's key management.
///
/// Both methods block their thread. What is wrapped in one context unwraps in no other.
pub trait Wrapper: Send + Sync {
    /// Which service and which of its keys, for people and to find it again: `aws-kms:arn:…`. Public.
    fn id(&self) -> String;

    /// Wraps a key.
    ///
    /// # Errors
    /// When the service refuses or does not answer.
    fn wrap(&self, key: &[u8], context: &[(&str, &str)]) -> Result<Vec<u8>, WrapError>;

    /// Unwraps a key.
    ///
    /// # Errors
    /// When the service refuses or does not answer.
    fn unwrap(&self, wrapped: &[u8], context: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, WrapError>;
}

fn age_wrap(place: &str, key: &KeyBytes, recipients: &[&dyn age::Recipient]) -> Result<Vec<u8>, KeyError> {
    let fail = |source| KeyError::Wrap { place: place.to_owned(), source };
    let failed = |error: std::io::Error| fail(error.into());
    let encryptor = age::Encryptor::with_recipients(recipients.iter().copied()).map_err(|error| fail(error.into()))?;
    let mut wrapped = Vec::new();
    let mut writer = encryptor.wrap_output(&mut wrapped).map_err(failed)?;
    writer.write_all(&**key).and_then(|()| writer.finish()).map_err(failed)?;
    Ok(wrapped)
}

/// Wraps a key for public keys, at least one.
pub(crate) fn for_recipients(place: &str, key: &KeyBytes, recipients: &[Recipient]) -> Result<Vec<u8>, KeyError> {
    let recipients: Vec<&dyn age::Recipient> = recipients
        .iter()
        .map(|recipient| match &*recipient.key {
            PublicKey::Age(key) => key as &dyn age::Recipient,
            PublicKey::Ssh(key) => key as &dyn age::Recipient,
        })
        .collect();
    age_wrap(place, key, &recipients)
}

/// Wraps a key with a passphrase.
pub(crate) fn with_passphrase(place: &str, key: &KeyBytes, passphrase: &Passphrase) -> Result<Vec<u8>, KeyError> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.text.clone());
    recipient.set_work_factor(passphrase.work_factor);
    age_wrap(place, key, &[&recipient])
}

/// The key in what age wrapped; none where none of the identities opens it.
fn age_unwrap(place: &str, wrapped: &[u8], identities: &[&dyn age::Identity]) -> Result<Option<KeyBytes>, KeyError> {
    let bad = || KeyError::BadKey(place.to_owned());
    let decryptor = age::Decryptor::new_buffered(wrapped).map_err(|_| bad())?;
    let mut reader = match decryptor.decrypt(identities.iter().copied()) {
        Ok(reader) => reader,
        Err(
            age::DecryptError::NoMatchingKeys
            | age::DecryptError::KeyDecryptionFailed
            | age::DecryptError::DecryptionFailed,
        ) => return Ok(None),
        Err(_) => return Err(bad()),
    };
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    reader.read_exact(&mut *key).map_err(|_| bad())?;
    match reader.read(&mut [0]) {
        Ok(0) => Ok(Some(key)),
        _ => Err(bad()),
    }
}

/// The key in what [`with_passphrase`] made; none where the passphrase is another one.
pub(crate) fn by_passphrase(
    place: &str,
    wrapped: &[u8],
    passphrase: &Passphrase,
) -> Result<Option<KeyBytes>, KeyError> {
    let mut identity = age::scrypt::Identity::new(passphrase.text.clone());
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    age_unwrap(place, wrapped, &[&identity])
}

/// The key in what [`for_recipients`] made for those recipients.
pub(crate) fn by_identity(
    keys: &Keys,
    place: &str,
    wrapped: &[u8],
    recipients: &[Recipient],
) -> Result<KeyBytes, KeyError> {
    let found = keys.identities(recipients.iter().any(Recipient::is_ssh));
    let identities: Vec<&dyn age::Identity> = found.known.iter().map(|known| &*known.identity).collect();
    if !identities.is_empty()
        && let Some(key) = age_unwrap(place, wrapped, &identities)?
    {
        return Ok(key);
    }
    let key = place.to_owned();
    if let Some(error) = found.failed.into_iter().next() {
        return Err(error);
    }
    if found.known.is_empty() {
        return Err(KeyError::NoIdentity { path: keys.identity.clone(), key });
    }
    let mut paths: Vec<_> = found.known.into_iter().map(|known| known.path).collect();
    paths.dedup();
    let wrapped_for = recipients.iter().map(Recipient::shown).collect();
    Err(KeyError::WrongIdentity { paths, key, wrapped_for })
}
