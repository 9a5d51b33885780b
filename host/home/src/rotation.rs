//! Keys of a home as people see and change them: who opens it, which key encrypts what, new keys, and old ones that
//! nothing needs any more.

use std::collections::BTreeMap;

use cofferdam_model::{StackName, StageName};

use crate::keyring::name;
use crate::moved;
use crate::places::STACKS;
use crate::store::Listed;
use crate::{
    Access, Holder, Home, KeyChange, KeyError, KeyringInfo, LoadError, OpenStageError, SecretsError, WriteError,
};

/// How many objects are read at one time.
const AT_ONCE: usize = 32;

/// Why a stage was not encrypted anew.
#[derive(Debug, thiserror::Error)]
pub enum ReencryptError {
    /// The keys could not be changed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Another run holds its lease, or it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenStageError),
    /// Its state could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its state could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Its secrets could not be read or written.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

/// Whose settings a home was opened with. Its keys belong to all stacks in it, the form of a state to its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsOf {
    /// Those of the stack whose state it is.
    ThisStack,
    /// Those of another one, or of none.
    AnotherStack,
}

/// What of a stage was encrypted anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reencrypted {
    /// Whether there is a new snapshot; none for a stage without a state.
    pub state: bool,
    /// How many secrets.
    pub secrets: usize,
}

impl Home {
    /// Who opens the secrets of this home, and which keys it has; none before the first secret. Opens nothing.
    ///
    /// # Errors
    /// When the keyring cannot be read.
    pub fn keyring(&self) -> Result<Option<KeyringInfo>, KeyError> {
        Ok(self.vault.ring().read()?.map(|document| document.public))
    }

    /// Changes who opens the secrets of this home, or what they are encrypted with; makes its first key where it has
    /// none. What is encrypted already stays as it is: see [`Home::reencrypt`].
    ///
    /// # Errors
    /// When the keyring cannot be opened, read or written, or the user would not open it any more.
    pub fn change_keys(&self, change: &KeyChange) -> Result<KeyringInfo, ReencryptError> {
        self.make().map_err(OpenStageError::from)?;
        moved::check(self.store()).map_err(OpenStageError::from)?;
        let changed = self.vault.ring().change(change, self.vault.entropy())?;
        // There is no lease here: who moves the home may have passed over this keyring.
        moved::check(self.store()).map_err(OpenStageError::from)?;
        Ok(changed)
    }

    /// Encrypts what counts of a stage with the newest key: its state becomes the next snapshot, with the writes in
    /// flight, its secrets the next list, and older lists are removed. Takes its lease meanwhile. The history stays as
    /// it is. The state keeps the form that it has, where the settings are not those of its stack.
    ///
    /// # Errors
    /// When another run holds the lease, or the stage cannot be read or written.
    pub fn reencrypt(
        &self,
        (stack, stage): (&StackName, &StageName),
        settings: SettingsOf,
        by: &Holder,
    ) -> Result<Reencrypted, ReencryptError> {
        let mut open = self.open_stage(stack, stage, Access::Write(by.clone()))?;
        let loaded = open.load()?;
        if settings == SettingsOf::AnotherStack {
            open.keep_form();
        }
        let state = loaded.state.serial > 0 || !loaded.state.resources.is_empty() || !loaded.state.outputs.is_empty();
        if state {
            let _ = open.renew(&loaded.state)?;
        }
        let secrets = self.secrets(stack, stage).reencrypt()?;
        Ok(Reencrypted { state, secrets })
    }

    /// For each data key, how many objects hold something that is encrypted with it.
    ///
    /// # Errors
    /// When the keyring or the objects cannot be read.
    pub fn key_usage(&self) -> Result<BTreeMap<u64, usize>, KeyError> {
        let numbers = self.keyring()?.into_iter().flat_map(|ring| ring.keys).map(|key| key.number);
        let mut usage: BTreeMap<u64, usize> = numbers.map(|number| (number, 0)).collect();
        let (store, ..) = self.parts();
        let listed: Vec<String> = store.list(STACKS)?.into_iter().filter(holds_secrets).map(|o| o.key).collect();
        for keys in listed.chunks(AT_ONCE) {
            for bytes in store.get_many(keys)?.into_iter().flatten() {
                for (number, count) in &mut usage {
                    if mentions(&bytes, *number) {
                        *count += 1;
                    }
                }
            }
        }
        Ok(usage)
    }

    /// Drops the data keys that nothing needs any more, and says which. Called when no run that began before the
    /// newest key was made is alive: such a run may still encrypt with the key before.
    ///
    /// # Errors
    /// When the keyring or the objects cannot be read, or the keyring cannot be written.
    pub fn drop_unused_keys(&self) -> Result<Vec<u64>, KeyError> {
        let newest = self.keyring()?.and_then(|ring| ring.keys.last().map(|key| key.number));
        let unused = |usage: BTreeMap<u64, usize>| -> Vec<u64> {
            usage.into_iter().filter(|(number, uses)| *uses == 0 && Some(*number) != newest).map(|(n, _)| n).collect()
        };
        let mut dropped = unused(self.key_usage()?);
        if dropped.is_empty() {
            return Ok(dropped);
        }
        let (ring, entropy) = (self.vault.ring(), self.vault.entropy());
        // The usage of keys that are not in the keyring any more has to be asked for by number.
        let taken = ring.take_out(&dropped)?;
        ring.change(&KeyChange::Drop(dropped.clone()), entropy)?;
        // Somebody who sets a secret looks, after writing it, whether its key is still there. Whoever wrote before
        // the key was gone is seen here.
        let mut back = Vec::new();
        for (info, key) in taken {
            if self.is_used(info.number)? {
                dropped.retain(|number| *number != info.number);
                back.push((info, key));
            }
        }
        if !back.is_empty() {
            ring.put_back(&back, entropy)?;
        }
        Ok(dropped)
    }

    fn is_used(&self, number: u64) -> Result<bool, KeyError> {
        let (store, ..) = self.parts();
        let listed: Vec<String> = store.list(STACKS)?.into_iter().filter(holds_secrets).map(|o| o.key).collect();
        for keys in listed.chunks(AT_ONCE) {
            if store.get_many(keys)?.iter().flatten().any(|bytes| mentions(bytes, number)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether an object may hold ciphertexts: anything but a lease. A spare holds those of the snapshot that counts; where
/// it does not, it is of no use any more.
fn holds_secrets(object: &Listed) -> bool {
    object.key.split('/').nth(3).is_some_and(|kind| kind != "lease" && kind != "spare")
}

/// Whether a text holds a ciphertext of a key: a JSON string that begins with the key's name and a dot. A text of the
/// user that looks like one keeps the key longer, no more.
fn mentions(bytes: &[u8], number: u64) -> bool {
    let beginning = format!("\"{}.", name(number));
    bytes.windows(beginning.len()).any(|window| window == beginning.as_bytes())
}
