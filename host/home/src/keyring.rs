//! The data keys of a home, `keys/<number>.age`: made with the first secret, unwrapped with the first that is read.
//! The highest number encrypts.

use std::collections::HashMap;
use std::sync::Arc;

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::keys::KEY_BYTES;
use crate::places::number_of;
use crate::store::{Created, Store};
use crate::{Entropy, KeyError, Keys};

const PREFIX: &str = "keys/";

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
    // Guards memory alone: keys are read, unwrapped and made outside of it.
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    current: Option<DataKey>,
    all: HashMap<Arc<str>, DataKey>,
}

impl Keyring {
    pub(crate) fn new(store: Arc<dyn Store>, keys: Keys) -> Self {
        Self { store, keys, open: Mutex::default() }
    }

    /// The key that new secrets are encrypted with, made where the home has none.
    pub(crate) fn current(&self, entropy: &dyn Entropy) -> Result<DataKey, KeyError> {
        let current = self.open.lock().current.clone();
        if let Some(key) = current {
            return Ok(key);
        }
        let key = match self.latest()? {
            Some(number) => self.get(&id(number))?,
            None => self.make(1, entropy)?,
        };
        self.open.lock().current = Some(key.clone());
        Ok(key)
    }

    /// The key of a name.
    pub(crate) fn get(&self, id: &str) -> Result<DataKey, KeyError> {
        let known = self.open.lock().all.get(id).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let name = format!("{PREFIX}{id}.age");
        let place = self.store.place(&name);
        let wrapped = self.store.get(&name)?.ok_or_else(|| KeyError::NoKey(place.clone()))?;
        let bytes = self.keys.unwrap(&place, &wrapped)?;
        Ok(self.keep(id, &bytes))
    }

    fn keep(&self, id: &str, bytes: &[u8; KEY_BYTES]) -> DataKey {
        let key = DataKey { id: id.into(), cipher: Arc::new(XChaCha20Poly1305::new(bytes.into())) };
        self.open.lock().all.insert(key.id.clone(), key.clone());
        key
    }

    /// The number of the newest key; none where the home has no key.
    fn latest(&self) -> Result<Option<u64>, KeyError> {
        let listed = self.store.list(PREFIX)?;
        Ok(listed.iter().filter_map(|object| number_of(&object.key, "age")).max())
    }

    /// Makes a key, or opens the one that another process has made meanwhile.
    fn make(&self, number: u64, entropy: &dyn Entropy) -> Result<DataKey, KeyError> {
        let id = id(number);
        let name = format!("{PREFIX}{id}.age");
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(&mut *key);
        let wrapped = self.keys.wrap(&*self.store, &self.store.place(&name), &key)?;
        match self.store.create(&name, &wrapped)? {
            Created::Made => Ok(self.keep(&id, &key)),
            Created::Taken => self.get(&id),
        }
    }
}

fn id(number: u64) -> String {
    format!("{number:010}")
}

/// Whether a text may be the name of a key; safe as a part of an object's name.
pub(crate) fn is_key_id(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|c| c.is_ascii_digit())
}
