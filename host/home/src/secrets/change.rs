//! Changes of secrets: read the list, change it, create the next number; begin anew where another was faster.

use cofferdam_model::SecretName;

use super::list::SecretOut;
use super::{KEPT, MAX_ALL_SECRETS_BYTES, MAX_SECRET_BYTES, SecretSet, Secrets};
use crate::entropy::random_hex;
use crate::moved;
use crate::store::Created;
use crate::vault::key_of;
use crate::{Holder, Made, SecretsError};

/// How often a change begins anew. Of all that change a list at one time, one succeeds in each round.
const ROUNDS: usize = 500;

/// What to do where somebody else changes the same secret at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Stop and say so.
    No,
    /// The later change counts.
    Yes,
}

/// One change.
enum Change {
    Set(SecretOut),
    Remove,
}

impl Secrets<'_> {
    /// Sets a secret, also one that is there.
    ///
    /// # Errors
    /// When the value is too long, another run sets the same secret at the same time, or the list cannot be read or
    /// written.
    pub fn set(&self, name: &SecretName, value: &str, by: &Holder, overwrite: Overwrite) -> Result<(), SecretsError> {
        if value.len() > MAX_SECRET_BYTES {
            return Err(SecretsError::TooLong { name: name.clone(), bytes: value.len() });
        }
        self.home.make()?;
        let made = Made { at_ms: self.clock.now_ms(), by: by.clone() };
        let seal = || -> Result<Change, SecretsError> {
            let id = random_hex::<8>(self.vault.entropy());
            Ok(Change::Set(SecretOut::seal(&self.vault, &self.places, name, value, id, made.clone())?))
        };
        self.change(name, seal, overwrite).map(drop)
    }

    /// Removes a secret; false where there was none.
    ///
    /// # Errors
    /// When another run sets the same secret at the same time, or the list cannot be read or written.
    pub fn remove(&self, name: &SecretName, overwrite: Overwrite) -> Result<bool, SecretsError> {
        self.change(name, || Ok(Change::Remove), overwrite)
    }

    /// Seals every value with the newest key, and removes older lists; how many there are.
    pub(crate) fn reencrypt(&self) -> Result<usize, SecretsError> {
        for _ in 0..ROUNDS {
            let found = self.read()?;
            let mut list = found.list.clone();
            for (name, secret) in &mut list.secrets {
                let value = found.get(name)?.unwrap_or_default();
                let SecretOut { id, made, .. } = secret.clone();
                *secret = SecretOut::seal(&self.vault, &self.places, name, &value, id, made)?;
            }
            if found.number == 0 {
                return Ok(0);
            }
            let number = found.number + 1;
            let key = self.places.secret_list(number);
            if self.store.create(&key, &list.text(number))? == Created::Taken {
                continue;
            }
            if let Some(secret) = list.secrets.values().next()
                && !self.has_key(secret, &key)?
            {
                continue;
            }
            let numbers = self.numbers()?;
            if numbers.iter().any(|other| *other > number) {
                // Somebody went on from ours, with a key that is as new, or ours is too late: look again.
                continue;
            }
            let old: Vec<String> =
                numbers.into_iter().filter(|other| *other < number).map(|n| self.places.secret_list(n)).collect();
            self.store.delete(&old)?;
            return Ok(list.secrets.len());
        }
        Err(SecretsError::Busy(self.places.stage.clone()))
    }

    fn change(
        &self,
        name: &SecretName,
        make: impl Fn() -> Result<Change, SecretsError>,
        overwrite: Overwrite,
    ) -> Result<bool, SecretsError> {
        moved::check(self.home.store())?;
        let mut found = self.read()?;
        // What was there, and what this run itself has tried.
        let mut expected = vec![found.secret(name).map(|secret| secret.id.clone())];
        for _ in 0..ROUNDS {
            let now = found.secret(name);
            if overwrite == Overwrite::No && !expected.contains(&now.map(|secret| secret.id.clone())) {
                let by = now.map(|secret| Box::new(secret.made.by.clone()));
                return Err(SecretsError::Conflict { name: name.clone(), by });
            }
            let change = make()?;
            match &change {
                Change::Remove if now.is_none() => return Ok(false),
                Change::Remove => {}
                Change::Set(secret) => expected.push(Some(secret.id.clone())),
            }
            if self.create(name, &change, &found)? {
                // There is no lease here: who moves the home may have passed over this list.
                moved::check(self.home.store())?;
                return Ok(true);
            }
            found = self.read()?;
        }
        Err(SecretsError::Busy(self.places.stage.clone()))
    }

    /// Whether the home still has the key of a value in the object just created; removes that object where it has not:
    /// the key was dropped between the sealing and now, by somebody who could not know of it.
    fn has_key(&self, secret: &SecretOut, object: &str) -> Result<bool, SecretsError> {
        let has = self.vault.ring().has(key_of(&secret.value))?;
        if !has {
            self.vault.ring().forget_current();
            self.store.delete(&[object.to_owned()])?;
        }
        Ok(has)
    }

    /// Creates the next number; false where that has to begin anew.
    fn create(&self, name: &SecretName, change: &Change, found: &SecretSet) -> Result<bool, SecretsError> {
        let mut list = found.list.clone();
        let id = match change {
            Change::Set(secret) => {
                list.secrets.insert(name.clone(), secret.clone());
                Some(&secret.id)
            }
            Change::Remove => {
                list.secrets.remove(name);
                None
            }
        };
        if list.bytes() > MAX_ALL_SECRETS_BYTES {
            return Err(SecretsError::TooMany(self.places.stage.clone()));
        }
        let number = found.number + 1;
        let key = self.places.secret_list(number);
        if self.store.create(&key, &list.text(number))? == Created::Taken {
            return Ok(false);
        }
        if let Some(secret) = list.secrets.get(name)
            && !self.has_key(secret, &key)?
        {
            return Ok(false);
        }
        let numbers = self.numbers()?;
        if numbers.iter().any(|other| *other > number) {
            // Somebody goes on from ours, or the number was free only because it was long ago.
            let latest = self.read()?;
            if latest.secret(name).map(|secret| &secret.id) != id {
                self.store.delete(&[key])?;
                return Ok(false);
            }
            return Ok(true);
        }
        let old: Vec<String> = numbers
            .into_iter()
            .filter(|other| *other + KEPT < number)
            .map(|number| self.places.secret_list(number))
            .collect();
        if !old.is_empty() {
            self.store.delete(&old)?;
        }
        Ok(true)
    }
}
