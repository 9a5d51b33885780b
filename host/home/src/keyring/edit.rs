//! Changes of a keyring: read it, change it, create the next number under a new key of its own; begin anew where
//! another was faster.

use zeroize::Zeroizing;

use super::document::{DataKeyInfo, Document, Member, Public, Role};
use super::{Keyring, object};
use crate::entropy::random_hex;
use crate::keys::{Encryption, KEY_BYTES, KeyBytes, Keys, Recovery, RecoveryKey};
use crate::store::Created;
use crate::{Entropy, KeyError, Recipient};

/// How often a change begins anew. Of all that change a keyring at one time, one succeeds in each round.
const ROUNDS: usize = 100;
/// How many changes a keyring remembers.
const CHANGES: usize = 64;

/// A change of who opens the secrets of a home, or of what they are encrypted with.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// A new data key, which encrypts from now on.
    Rotate,
    /// The keyring is wrapped for these as well; also for those whom [`Keys`] name.
    Add {
        /// Public keys, and what each is there for.
        members: Vec<(Recipient, Role)>,
        /// Whether it is wrapped with the passphrase, too.
        passphrase: bool,
    },
    /// The keyring is no longer wrapped for these, and there is a new data key, which they never had.
    Remove {
        /// Public keys.
        members: Vec<Recipient>,
        /// Whether the passphrase opens it no longer.
        passphrase: bool,
        /// Services that open it no longer.
        wrappers: Vec<String>,
    },
    /// These data keys go. The highest stays.
    Drop(Vec<u64>),
}

/// A keyring that is open.
pub(crate) struct Opened {
    pub public: Public,
    pub data: Vec<KeyBytes>,
}

impl Opened {
    fn add_key(&mut self, entropy: &dyn Entropy, now_ms: u64) {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(&mut *key);
        let number = self.public.keys.last().map_or(0, |last| last.number) + 1;
        self.public.keys.push(DataKeyInfo { number, since_ms: now_ms });
        self.data.push(key);
    }

    fn add_member(&mut self, recipient: &Recipient, role: Role, now_ms: u64) {
        match self.public.members.iter_mut().find(|member| member.recipient == *recipient) {
            // Who is there stays since when they are; a recovery key becomes one by being named as such.
            Some(member) if role == Role::Recovery => member.role = role,
            Some(_) => {}
            None => self.public.members.push(Member { recipient: recipient.clone(), role, since_ms: now_ms }),
        }
    }

    /// Adds what the user's settings name.
    fn add_settings(&mut self, keys: &Keys, now_ms: u64) {
        for recipient in &keys.encryption.recipients {
            self.add_member(recipient, Role::Member, now_ms);
        }
        if let Recovery::For(recipient) = &keys.encryption.recovery {
            self.add_member(recipient, Role::Recovery, now_ms);
        }
        self.public.passphrase |= keys.encryption.passphrase;
        for id in keys.encryption.wrappers.iter().map(|wrapper| wrapper.id()) {
            if !self.public.wrappers.contains(&id) {
                self.public.wrappers.push(id);
            }
        }
    }

    fn drop_keys(&mut self, numbers: &[u64]) {
        let last = self.public.keys.last().map(|key| key.number);
        let stays = |info: &DataKeyInfo| Some(info.number) == last || !numbers.contains(&info.number);
        let data = std::mem::take(&mut self.data);
        self.data = self.public.keys.iter().zip(data).filter(|(info, _)| stays(info)).map(|(_, key)| key).collect();
        self.public.keys.retain(stays);
    }
}

impl Keyring {
    /// Makes the first keyring, or opens the one that another process has made meanwhile.
    pub(super) fn make(&self, entropy: &dyn Entropy) -> Result<(Public, Vec<KeyBytes>), KeyError> {
        let now_ms = self.clock.now_ms();
        let passphrase = self.keys.passphrase.is_some();
        let public = Public {
            revision: 1,
            id: random_hex::<16>(entropy),
            changes: vec![random_hex::<8>(entropy)],
            members: Vec::new(),
            passphrase,
            wrappers: Vec::new(),
            keys: Vec::new(),
        };
        let mut first = Opened { public, data: Vec::new() };
        first.add_key(entropy, now_ms);
        let Encryption { wrappers, passphrase: as_well, .. } = &self.keys.encryption;
        if wrappers.is_empty() && (!passphrase || *as_well) {
            first.add_member(&self.keys.own(&*self.store)?, Role::Member, now_ms);
        }
        first.add_settings(&self.keys, now_ms);
        let recovery = match &self.keys.encryption.recovery {
            Recovery::Made(tell) => Some((RecoveryKey::generate(), tell)),
            Recovery::None | Recovery::For(_) => None,
        };
        if let Some((key, _)) = &recovery {
            first.add_member(&key.recipient(), Role::Recovery, now_ms);
        }
        if self.create(&first, entropy)? {
            if let Some((key, tell)) = recovery {
                tell(&key);
            }
            return Ok((first.public, first.data));
        }
        let document = self.read()?.ok_or_else(|| KeyError::Busy(self.store.place(super::PREFIX)))?;
        let data = document.open(&self.keys)?;
        Ok((document.public, data))
    }

    /// Changes the keyring, which is made where the home has none.
    pub(crate) fn change(&self, change: &KeyChange, entropy: &dyn Entropy) -> Result<Public, KeyError> {
        self.current(entropy)?;
        self.edit(entropy, |opened, now_ms| {
            match change {
                KeyChange::Rotate => {
                    opened.add_settings(&self.keys, now_ms);
                    opened.add_key(entropy, now_ms);
                }
                KeyChange::Add { members, passphrase } => {
                    opened.add_settings(&self.keys, now_ms);
                    members.iter().for_each(|(recipient, role)| opened.add_member(recipient, *role, now_ms));
                    opened.public.passphrase |= passphrase;
                }
                KeyChange::Remove { members, passphrase, wrappers } => {
                    let public = &mut opened.public;
                    for recipient in members {
                        let before = public.members.len();
                        public.members.retain(|member| member.recipient != *recipient);
                        if public.members.len() == before {
                            return Err(KeyError::NoMember(recipient.shown()));
                        }
                    }
                    public.passphrase &= !passphrase;
                    for id in wrappers {
                        let at = public.wrappers.iter().position(|known| known == id);
                        public.wrappers.remove(at.ok_or_else(|| KeyError::NoMember(id.clone()))?);
                    }
                    opened.add_key(entropy, now_ms);
                }
                KeyChange::Drop(numbers) => opened.drop_keys(numbers),
            }
            Ok(())
        })
    }

    /// The keys of these numbers, to be put back where they are still needed.
    pub(crate) fn take_out(&self, numbers: &[u64]) -> Result<Vec<(DataKeyInfo, KeyBytes)>, KeyError> {
        let Some(document) = self.read()? else { return Ok(Vec::new()) };
        let data = document.open(&self.keys)?;
        Ok(document.public.keys.into_iter().zip(data).filter(|(info, _)| numbers.contains(&info.number)).collect())
    }

    /// Puts keys back that were dropped.
    pub(crate) fn put_back(&self, keys: &[(DataKeyInfo, KeyBytes)], entropy: &dyn Entropy) -> Result<Public, KeyError> {
        self.edit(entropy, |opened, _| {
            for (info, key) in keys {
                let at = opened.public.keys.partition_point(|known| known.number < info.number);
                if opened.public.keys.get(at).is_none_or(|known| known.number != info.number) {
                    opened.public.keys.insert(at, *info);
                    opened.data.insert(at, key.clone());
                }
            }
            Ok(())
        })
    }

    fn edit(
        &self,
        entropy: &dyn Entropy,
        change: impl Fn(&mut Opened, u64) -> Result<(), KeyError>,
    ) -> Result<Public, KeyError> {
        for _ in 0..ROUNDS {
            let Some(document) = self.read()? else { break };
            let data = document.open(&self.keys)?;
            let had_passphrase = document.public.passphrase;
            let mut opened = Opened { public: document.public.clone(), data };
            change(&mut opened, self.clock.now_ms())?;
            if opened.public == document.public {
                return Ok(opened.public);
            }
            if had_passphrase && opened.public.passphrase {
                document.check_passphrase(&self.keys)?;
            }
            opened.public.revision += 1;
            opened.public.changes.push(random_hex::<8>(entropy));
            let more = opened.public.changes.len().saturating_sub(CHANGES);
            opened.public.changes.drain(..more);
            if self.create(&opened, entropy)? {
                self.keep(&opened.public, &opened.data);
                return Ok(opened.public);
            }
        }
        Err(KeyError::Busy(self.store.place(super::PREFIX)))
    }

    /// Creates an object for a keyring; false where another was faster.
    fn create(&self, opened: &Opened, entropy: &dyn Entropy) -> Result<bool, KeyError> {
        let revision = opened.public.revision;
        let name = object(revision);
        let place = self.store.place(&name);
        let text = opened.public.text(&place, &self.keys, &opened.data, entropy)?;
        // What is written has to open again, before anything is encrypted with it.
        match Document::read(&place, &text, revision)?.open(&self.keys) {
            Ok(_) => {}
            Err(
                KeyError::NoIdentity { .. }
                | KeyError::WrongIdentity { .. }
                | KeyError::NoPassphrase(_)
                | KeyError::NoWrapper { .. },
            ) => return Err(KeyError::LocksOut(place)),
            Err(error) => return Err(error),
        }
        if self.store.create(&name, &text)? == Created::Taken {
            return Ok(false);
        }
        let revisions = self.revisions()?;
        if revisions.iter().any(|other| *other > revision) {
            // Either somebody goes on from ours, or the number was free only because it was long ago.
            let ours = self.read()?.is_some_and(|latest| includes(&latest.public, &opened.public));
            if !ours {
                self.store.delete(&[name])?;
            }
            return Ok(ours);
        }
        // Whoever was removed shall not find an older one.
        let old: Vec<String> = revisions.into_iter().filter(|other| *other < revision).map(object).collect();
        if !old.is_empty() {
            self.store.delete(&old)?;
        }
        Ok(true)
    }
}

/// Whether a keyring goes on from another.
fn includes(latest: &Public, earlier: &Public) -> bool {
    earlier.changes.last().is_some_and(|change| latest.changes.contains(change))
}
