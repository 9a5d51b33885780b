//! The secrets of one stage, which people set and stacks use: each object of `secrets/` is the whole list, and the
//! highest number counts. Whoever changes it creates the next number; one who was slower reads again. Needs no lease.

mod change;
mod list;

use std::sync::Arc;

use cofferdam_model::{SecretName, StackName, StageName};
use zeroize::Zeroizing;

use crate::places::{Places, number_of};
use crate::store::Store;
use crate::vault::{OpenError, Vault};
use crate::{Clock, Home, Made, SecretsError};

pub use change::Overwrite;

use list::{List, SecretOut};

/// The longest value, bytes.
pub const MAX_SECRET_BYTES: usize = 64 * 1024;
/// All values of a stage together, bytes.
pub const MAX_ALL_SECRETS_BYTES: usize = 1024 * 1024;
/// Objects that are kept beside the one that counts: for people who look back, and for readers that are slow.
const KEPT: u64 = 5;
/// How often a reader looks again where what it found was removed meanwhile.
const READS: usize = 64;

/// The secrets of a stage, to be read and changed.
pub struct Secrets<'h> {
    home: &'h Home,
    store: Arc<dyn Store>,
    places: Places,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
}

/// The secrets of a stage as they were at one moment. Values are decrypted one by one, when they are asked for.
pub struct SecretSet {
    places: Places,
    /// What people call the object.
    place: String,
    vault: Arc<Vault>,
    /// The number of the object; 0 before the first.
    number: u64,
    list: List,
}

/// What is told of a secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// When it was set, and by whom.
    pub made: Made,
    /// At most so many bytes long; longer by less than 32 than it is.
    pub bytes_at_most: usize,
}

impl Home {
    /// The secrets of a stage. Reads nothing yet.
    #[must_use]
    pub fn secrets(&self, stack: &StackName, stage: &StageName) -> Secrets<'_> {
        let places = Places { stack: stack.clone(), stage: stage.clone() };
        let (store, vault, clock) = self.parts();
        Secrets { home: self, store, places, vault, clock }
    }
}

impl Secrets<'_> {
    /// The secrets as they are now.
    ///
    /// # Errors
    /// When the store cannot be read, or what it holds is damaged or of a newer format.
    pub fn read(&self) -> Result<SecretSet, SecretsError> {
        let mut reads = 0;
        loop {
            reads += 1;
            let number = self.numbers()?.into_iter().max().unwrap_or(0);
            let key = self.places.secret_list(number);
            let place = self.store.place(&key);
            let list = match number {
                0 => List::empty(&self.places),
                _ => match self.store.get(&key)? {
                    Some(bytes) => List::read(&place, &bytes, &self.places, number)?,
                    // Others have written so many newer ones that this one is gone.
                    None if reads < READS => continue,
                    None => return Err(SecretsError::Busy(self.places.stage.clone())),
                },
            };
            let (places, vault) = (self.places.clone(), Arc::clone(&self.vault));
            return Ok(SecretSet { places, place, vault, number, list });
        }
    }

    fn numbers(&self) -> Result<Vec<u64>, SecretsError> {
        let listed = self.store.list(&self.places.secrets())?;
        Ok(listed.iter().filter_map(|object| number_of(&object.key, "json")).collect())
    }
}

impl SecretSet {
    /// What there is, by name.
    pub fn iter(&self) -> impl Iterator<Item = SecretInfo> + '_ {
        self.list.secrets.iter().map(|(name, secret)| SecretInfo {
            name: name.clone(),
            made: secret.made.clone(),
            bytes_at_most: secret.bytes_at_most(),
        })
    }

    /// The value of a secret; none where there is none of that name.
    ///
    /// # Errors
    /// When it was changed or moved, or no key of the user opens it.
    pub fn get(&self, name: &SecretName) -> Result<Option<Zeroizing<String>>, SecretsError> {
        let Some(secret) = self.list.secrets.get(name) else { return Ok(None) };
        let value = secret.open(&self.vault, &self.places, name).map_err(|error| unopened(&self.place, error))?;
        Ok(Some(value))
    }

    fn secret(&self, name: &SecretName) -> Option<&SecretOut> {
        self.list.secrets.get(name)
    }
}

/// Reads an object of secrets and opens every value; how many there are.
pub(crate) fn check(
    vault: &Vault,
    places: &Places,
    place: &str,
    bytes: &[u8],
    number: u64,
) -> Result<usize, SecretsError> {
    let list = List::read(place, bytes, places, number)?;
    for (name, secret) in &list.secrets {
        secret.open(vault, places, name).map_err(|error| unopened(place, error))?;
    }
    Ok(list.secrets.len())
}

fn unopened(place: &str, error: OpenError) -> SecretsError {
    match error {
        OpenError::Key(error) => error.into(),
        OpenError::Damaged(what) => SecretsError::damaged(place, what),
    }
}
