//! The data keys of a home. Each object of `keys/` is the whole keyring, and the highest number counts; whoever
//! changes it creates the next. Made with the first secret, opened with the first that is read. The key of the
//! highest number encrypts.

pub(crate) mod document;
mod edit;

use std::collections::HashMap;
use std::sync::Arc;

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use parking_lot::Mutex;

use crate::keys::KeyBytes;
use crate::places::number_of;
use crate::store::Store;
use crate::{Clock, Entropy, KeyError, Keys};

pub use document::{DataKeyInfo, Member, Public, Role};
pub use edit::KeyChange;

use document::Document;

pub(crate) const PREFIX: &str = "keys/";
/// How often a reader looks again where what it found was removed meanwhile.
const READS: usize = 64;

/// A data key that is open, with the name that ciphertexts carry.
#[derive(Clone)]
pub(crate) struct DataKey {
    pub id: Arc<str>,
    // Wiped when the last clone goes.
    pub cipher: Arc<XChaCha20Poly1305>,
}

/// The keys of one home.
pub(crate) struct Keyring {
    store: Arc<dyn Store>,
    keys: Keys,
    clock: Arc<dyn Clock>,
    // Guards memory alone: keyrings are read, opened and made outside of it.
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    current: Option<DataKey>,
    all: HashMap<Arc<str>, DataKey>,
}

impl Keyring {
    pub(crate) fn new(store: Arc<dyn Store>, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { store, keys, clock, open: Mutex::default() }
    }

    /// The key that new secrets are encrypted with, made where the home has none.
    pub(crate) fn current(&self, entropy: &dyn Entropy) -> Result<DataKey, KeyError> {
        let current = self.open.lock().current.clone();
        if let Some(key) = current {
            return Ok(key);
        }
        let (public, data) = match self.read()? {
            Some(document) => {
                // Not opened again for a key that is known: with a passphrase that takes a second.
                let newest = document.public.keys.last().map(|newest| name(newest.number)).unwrap_or_default();
                let mut open = self.open.lock();
                if let Some(key) = open.all.get(newest.as_str()).cloned() {
                    open.current = Some(key.clone());
                    return Ok(key);
                }
                drop(open);
                let data = document.open(&self.keys)?;
                (document.public, data)
            }
            None => self.make(entropy)?,
        };
        self.keep(&public, &data).ok_or_else(|| KeyError::BadKey(self.store.place(PREFIX)))
    }

    /// The key of a name.
    pub(crate) fn get(&self, id: &str) -> Result<DataKey, KeyError> {
        let known = self.open.lock().all.get(id).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let missing = || KeyError::NoKey { id: id.to_owned(), place: self.store.place(PREFIX) };
        // It may have been made since the keyring was read.
        let document = self.read()?.ok_or_else(missing)?;
        if !document.public.keys.iter().any(|key| name(key.number) == id) {
            return Err(missing());
        }
        let data = document.open(&self.keys)?;
        self.keep(&document.public, &data);
        self.open.lock().all.get(id).cloned().ok_or_else(missing)
    }

    /// Whether the home has a key of that name now.
    pub(crate) fn has(&self, id: &str) -> Result<bool, KeyError> {
        let document = self.read()?;
        Ok(document.is_some_and(|document| document.public.keys.iter().any(|key| name(key.number) == id)))
    }

    /// Looks again which key encrypts before the next secret is encrypted.
    pub(crate) fn forget_current(&self) {
        self.open.lock().current = None;
    }

    /// The keyring as it is now; none where the home has none.
    pub(crate) fn read(&self) -> Result<Option<Document>, KeyError> {
        let mut reads = 0;
        loop {
            reads += 1;
            let Some(revision) = self.revisions()?.into_iter().max() else { return Ok(None) };
            let object = object(revision);
            let place = self.store.place(&object);
            match self.store.get(&object)? {
                Some(bytes) => return Document::read(&place, &bytes, revision).map(Some),
                // Others have made a newer one.
                None if reads < READS => {}
                None => return Err(KeyError::Busy(place)),
            }
        }
    }

    /// Opens a keyring that may be an older one; how many keys open it, none where it is gone.
    pub(crate) fn check(&self, revision: u64) -> Result<Option<usize>, KeyError> {
        let object = object(revision);
        let Some(bytes) = self.store.get(&object)? else { return Ok(None) };
        let document = Document::read(&self.store.place(&object), &bytes, revision)?;
        document.open(&self.keys)?;
        let Public { members, passphrase, wrappers, .. } = document.public;
        Ok(Some(members.len() + usize::from(passphrase) + wrappers.len()))
    }

    fn revisions(&self) -> Result<Vec<u64>, KeyError> {
        let listed = self.store.list(PREFIX)?;
        Ok(listed.iter().filter_map(|object| number_of(&object.key, "json")).collect())
    }

    /// Keeps the keys of a keyring in memory; the one that encrypts.
    fn keep(&self, public: &Public, data: &[KeyBytes]) -> Option<DataKey> {
        let mut open = self.open.lock();
        for (info, bytes) in public.keys.iter().zip(data) {
            let cipher = Arc::new(XChaCha20Poly1305::new((&**bytes).into()));
            let key = DataKey { id: name(info.number).into(), cipher };
            open.all.insert(key.id.clone(), key.clone());
            // Another thread may have seen a newer keyring.
            if open.current.as_ref().is_none_or(|current| current.id <= key.id) {
                open.current = Some(key);
            }
        }
        open.current.clone()
    }
}

fn object(revision: u64) -> String {
    format!("{PREFIX}{revision:010}.json")
}

/// The name of a key.
pub(crate) fn name(number: u64) -> String {
    format!("{number:010}")
}

/// Whether a text may be the name of a key.
pub(crate) fn is_key_id(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|c| c.is_ascii_digit())
}
