//! The data keys of a home, `keys/<key id>.age`: made with the first secret, unwrapped with the first that is read.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use parking_lot::Mutex;
use rustix::fs::FlockOperation;
use zeroize::Zeroizing;

use crate::durable::at;
use crate::entropy::random_hex;
use crate::keys::KEY_BYTES;
use crate::{Entropy, FileError, KeyError, Keys, durable};

/// A data key that is open, with the name that ciphertexts carry.
#[derive(Clone)]
pub(crate) struct DataKey {
    pub id: Arc<str>,
    // Wiped when the last clone goes.
    pub cipher: Arc<XChaCha20Poly1305>,
}

/// The keys of one home.
pub(crate) struct Keyring {
    root: PathBuf,
    directory: PathBuf,
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
    pub(crate) fn new(root: &Path, keys: Keys) -> Self {
        Self { root: root.to_owned(), directory: root.join("keys"), keys, open: Mutex::default() }
    }

    /// The key that new secrets are encrypted with, made where the home has none.
    pub(crate) fn current(&self, entropy: &dyn Entropy) -> Result<DataKey, KeyError> {
        let current = self.open.lock().current.clone();
        if let Some(key) = current {
            return Ok(key);
        }
        let key = match self.first()? {
            Some(id) => self.get(&id)?,
            None => self.make(entropy)?,
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
        let path = self.path(id);
        let wrapped = durable::read(&path)?.ok_or_else(|| KeyError::NoKey(path.clone()))?;
        let bytes = self.keys.unwrap(&path, &wrapped)?;
        Ok(self.keep(id, &bytes))
    }

    fn keep(&self, id: &str, bytes: &[u8; KEY_BYTES]) -> DataKey {
        let key = DataKey { id: id.into(), cipher: Arc::new(XChaCha20Poly1305::new(bytes.into())) };
        self.open.lock().all.insert(key.id.clone(), key.clone());
        key
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.age"))
    }

    /// The first key by name; none where the home has no key.
    fn first(&self) -> Result<Option<String>, FileError> {
        let fail = || at("list", &self.directory);
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail()(error)),
        };
        let mut first: Option<String> = None;
        for entry in entries {
            let name = entry.map_err(fail())?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".age")).filter(|id| is_key_id(id));
            if let Some(id) = id
                && first.as_deref().is_none_or(|first| id < first)
            {
                first = Some(id.to_owned());
            }
        }
        Ok(first)
    }

    /// Makes a key, or opens the one that another process has made meanwhile.
    fn make(&self, entropy: &dyn Entropy) -> Result<DataKey, KeyError> {
        durable::create_directory(&self.directory)?;
        // Held until the end of this function, then closed and with that released.
        let directory = File::open(&self.directory).map_err(at("open", &self.directory))?;
        rustix::fs::flock(&directory, FlockOperation::LockExclusive)
            .map_err(|error| at("lock", &self.directory)(error.into()))?;
        if let Some(id) = self.first()? {
            return self.get(&id);
        }
        let id = random_hex::<4>(entropy);
        let path = self.path(&id);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(&mut *key);
        let wrapped = self.keys.wrap(&self.root, &path, &key)?;
        if !durable::create_new(&path, &wrapped)? {
            // A name that is taken by chance: the key that is there counts.
            return self.get(&id);
        }
        Ok(self.keep(&id, &key))
    }
}

/// Whether a text may be the name of a key; safe as a file name.
pub(crate) fn is_key_id(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}
