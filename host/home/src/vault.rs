//! Encryption of single secrets: XChaCha20-Poly1305 under the home's data key, a random nonce each, bound to the
//! place that the secret has. A ciphertext moved to another place, resource, stage or stack does not open.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{Tag, XNonce};
use zeroize::Zeroizing;

use crate::keyring::{Keyring, is_key_id};
use crate::store::Store;
use crate::{Clock, Entropy, KeyError, Keys};

const NONCE_BYTES: usize = 24;

/// Encrypts and decrypts for one home.
pub(crate) struct Vault {
    ring: Keyring,
    entropy: Arc<dyn Entropy>,
}

/// Which file a secret stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A snapshot: of that serial in that lineage, so that what an older one held opens in no newer one.
    State {
        lineage: &'a str,
        serial: u64,
    },
    Journal,
    /// Not in the home: what was sealed for a file of the user.
    Plan,
    Secrets,
}

/// What a secret belongs to; with a pointer, its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub stack: &'a str,
    pub stage: &'a str,
    pub kind: Kind<'a>,
    /// "resource", "operation", "outputs" or "secret".
    pub class: &'static str,
    /// The address, the operation id, the name of the secret, or nothing.
    pub subject: &'a str,
}

/// Why a ciphertext did not open.
#[derive(Debug)]
pub(crate) enum OpenError {
    Key(KeyError),
    /// The text does not belong there or was changed.
    Damaged(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::Damaged(what) => f.write_str(what),
        }
    }
}

impl From<KeyError> for OpenError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl Scope<'_> {
    fn bind(&self, pointer: &str) -> Vec<u8> {
        let (kind, lineage, serial) = match self.kind {
            Kind::State { lineage, serial } => ("state", lineage, serial),
            Kind::Journal => ("journal", "", 0),
            Kind::Plan => ("plan", "", 0),
            Kind::Secrets => ("secrets", "", 0),
        };
        let serial = serial.to_string();
        let mut bound = b"cofferdam secret 1".to_vec();
        for part in [self.stack, self.stage, kind, lineage, &serial, self.class, self.subject, pointer] {
            bound.extend((part.len() as u64).to_le_bytes());
            bound.extend(part.as_bytes());
        }
        bound
    }
}

/// The name of the key that a text of [`Vault::seal`] is encrypted with.
pub(crate) fn key_of(text: &str) -> &str {
    text.split_once('.').unwrap_or_default().0
}

/// The length of what a text of [`Vault::seal`] holds, bytes.
pub(crate) fn plain_bytes(text: &str) -> usize {
    let (_, bytes) = text.split_once('.').unwrap_or_default();
    (bytes.len() / 4 * 3 + bytes.len() % 4 * 3 / 4).saturating_sub(NONCE_BYTES + size_of::<Tag>())
}

impl Vault {
    pub(crate) fn new(store: Arc<dyn Store>, keys: Keys, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { ring: Keyring::new(store, keys, clock), entropy }
    }

    pub(crate) fn ring(&self) -> &Keyring {
        &self.ring
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Encrypts: the key's name, a dot, and nonce and ciphertext in base64.
    pub(crate) fn seal(&self, scope: &Scope<'_>, pointer: &str, plain: &[u8]) -> Result<String, KeyError> {
        let key = self.ring.current(&*self.entropy)?;
        let mut nonce = XNonce::default();
        self.entropy.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: &scope.bind(pointer) };
        let sealed = key.cipher.encrypt(&nonce, payload).expect("a secret is shorter than the cipher's 256 GiB");
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Ok(format!("{}.{}", key.id, STANDARD_NO_PAD.encode(bytes)))
    }

    /// Decrypts what [`Vault::seal`] made for the same place.
    pub(crate) fn open(&self, scope: &Scope<'_>, pointer: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let damaged = || {
            let subject = if scope.subject.is_empty() { scope.class } else { scope.subject };
            OpenError::Damaged(format!("the secret at `{pointer}` of `{subject}` was changed or does not belong there"))
        };
        let (id, bytes) = text.split_once('.').filter(|(id, _)| is_key_id(id)).ok_or_else(damaged)?;
        let bytes = STANDARD_NO_PAD.decode(bytes).map_err(|_| damaged())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        if sealed.len() < size_of::<Tag>() {
            return Err(damaged());
        }
        let key = self.ring.get(id)?;
        let payload = Payload { msg: sealed, aad: &scope.bind(pointer) };
        let plain = key.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| damaged())?;
        Ok(Zeroizing::new(plain))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Counting(AtomicU64);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = u8::try_from(self.0.fetch_add(1, Ordering::Relaxed) % 251).expect("less than 251");
            }
        }
    }

    struct Still;

    impl Clock for Still {
        fn now_ms(&self) -> u64 {
            0
        }

        fn monotonic_ms(&self) -> u64 {
            0
        }
    }

    impl Vault {
        /// A vault of a new home below a folder.
        pub(crate) fn of_tests(root: &Path) -> Self {
            let keys = Keys::new(root.join("user/identity.txt"));
            let store = Arc::new(crate::store::LocalStore::new(root.join("home")));
            Self::new(store, keys, Arc::new(Still), Arc::new(Counting(AtomicU64::new(1))))
        }
    }
}
