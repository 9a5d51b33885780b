//! The text of a keyring: in clear who it is wrapped for and which keys it has; sealed the keys themselves, under a
//! key of this one text, which is wrapped for everybody. What stands in clear is bound to what is sealed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::keys::{KEY_BYTES, KeyBytes, Keys, Recipient, wrap};
use crate::snapshot::checksum;
use crate::{Entropy, KeyError};

/// The format that is written.
const FORMAT: u64 = 1;
const NONCE_BYTES: usize = 24;

/// What a recipient is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Somebody who works with the home.
    Member,
    /// The key for the day on which every other is lost.
    Recovery,
}

/// Somebody whom a keyring is wrapped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The public key.
    pub recipient: Recipient,
    /// What it is there for.
    pub role: Role,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// What is told of a data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataKeyInfo {
    /// Its number; the highest encrypts.
    pub number: u64,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// What a keyring tells in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// Counts the changes, from 1.
    pub revision: u64,
    /// Random; the same in every revision.
    pub(crate) id: String,
    /// The last changes, each a random text: tells whether a revision goes on from another.
    pub(crate) changes: Vec<String>,
    /// Who opens it with a private key.
    pub members: Vec<Member>,
    /// Whether a passphrase opens it.
    pub passphrase: bool,
    /// The services that open it, by [`Wrapper::id`](crate::Wrapper::id).
    pub wrappers: Vec<String>,
    /// The data keys, the oldest first.
    pub keys: Vec<DataKeyInfo>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMember {
    recipient: String,
    role: Role,
    since_ms: u64,
}

/// [`Public`] as it is stored; its JSON text is what the sealed part is bound to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPublic {
    revision: u64,
    id: String,
    changes: Vec<String>,
    members: Vec<StoredMember>,
    passphrase: bool,
    wrappers: Vec<String>,
    keys: Vec<DataKeyInfo>,
}

/// The key of this text, wrapped for everybody. All bytes in base64.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wraps {
    /// An age file for all members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age: Option<String>,
    /// An age file for the passphrase: age allows nobody else beside one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passphrase: Option<String>,
    /// What each service made, in the order of `wrappers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wrappers: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    public: StoredPublic,
    wraps: Wraps,
    sealed: String,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    sum: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// A keyring as it was read: checked, not yet opened.
pub(crate) struct Document {
    place: String,
    pub public: Public,
    bound: Vec<u8>,
    wraps: Wraps,
    sealed: Vec<u8>,
}

impl Public {
    fn stored(&self) -> StoredPublic {
        let member = |member: &Member| StoredMember {
            recipient: member.recipient.to_string(),
            role: member.role,
            since_ms: member.since_ms,
        };
        StoredPublic {
            revision: self.revision,
            id: self.id.clone(),
            changes: self.changes.clone(),
            members: self.members.iter().map(member).collect(),
            passphrase: self.passphrase,
            wrappers: self.wrappers.clone(),
            keys: self.keys.clone(),
        }
    }

    fn recipients(&self) -> Vec<Recipient> {
        self.members.iter().map(|member| member.recipient.clone()).collect()
    }

    /// The text of a keyring with these keys, under a new key of its own.
    pub(crate) fn text(
        &self,
        place: &str,
        keys: &Keys,
        data: &[KeyBytes],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyError> {
        let mut own = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(&mut *own);
        let wraps = self.wraps(place, keys, &own)?;
        let public = self.stored();
        let bound = bound(&public);
        let mut nonce = XNonce::default();
        entropy.fill(&mut nonce);
        let plain: Zeroizing<Vec<u8>> = Zeroizing::new(data.iter().flat_map(|key| key.iter().copied()).collect());
        let cipher = XChaCha20Poly1305::new((&*own).into());
        let payload = Payload { msg: &plain[..], aad: &bound };
        let sealed = cipher.encrypt(&nonce, payload).expect("keys are shorter than the cipher's 256 GiB");
        let sealed = BASE64.encode([&nonce[..], &sealed].concat());
        let body = serde_json::to_string(&Body { public, wraps, sealed }).expect("texts and numbers are JSON");
        let sum = checksum(body.as_bytes());
        Ok(format!(r#"{{"v":{FORMAT},"sum":"{sum}","body":{body}}}"#).into_bytes())
    }

    fn wraps(&self, place: &str, keys: &Keys, own: &KeyBytes) -> Result<Wraps, KeyError> {
        let recipients = self.recipients();
        let age = (!recipients.is_empty()).then(|| wrap::for_recipients(place, own, &recipients)).transpose()?;
        let passphrase = match (self.passphrase, &keys.passphrase) {
            (false, _) => None,
            (true, Some(passphrase)) => Some(wrap::with_passphrase(place, own, passphrase)?),
            (true, None) => return Err(KeyError::NoPassphrase(place.to_owned())),
        };
        let mut wrappers = Vec::new();
        for id in &self.wrappers {
            let missing = || KeyError::NoWrapper { key: place.to_owned(), id: id.clone() };
            let wrapper = keys.encryption.wrappers.iter().find(|wrapper| wrapper.id() == *id).ok_or_else(missing)?;
            let wrapped = wrapper.wrap(&own[..], &self.context());
            let failed = |source| KeyError::WrapBy { place: place.to_owned(), id: id.clone(), source };
            let wrapped = wrapped.map_err(failed)?;
            wrappers.push(BASE64.encode(wrapped));
        }
        if age.is_none() && passphrase.is_none() && wrappers.is_empty() {
            return Err(KeyError::NobodyLeft(place.to_owned()));
        }
        let (age, passphrase) = (age.map(|bytes| BASE64.encode(bytes)), passphrase.map(|bytes| BASE64.encode(bytes)));
        Ok(Wraps { age, passphrase, wrappers })
    }

    fn context(&self) -> [(&'static str, &str); 2] {
        [("cofferdam", "keyring"), ("keyring", &self.id)]
    }
}

fn bound(public: &StoredPublic) -> Vec<u8> {
    let text = serde_json::to_vec(public).expect("texts and numbers are JSON");
    [b"cofferdam keyring 1".as_slice(), &text].concat()
}

/// How far a way that failed is from what the user meant to open a keyring with: what was given for it comes before what
/// is there by itself, and that before what is not there.
fn distance(error: &KeyError, keys: &Keys) -> u8 {
    match error {
        KeyError::WrongPassphrase(_) => 0,
        KeyError::Unwrap { .. } if keys.identities.is_empty() => 1,
        KeyError::NoWrapper { .. } => 4,
        KeyError::NoIdentity { .. } => 5,
        KeyError::NoPassphrase(_) => 6,
        KeyError::Unwrap { .. } => 3,
        // About an identity in a file.
        _ => 2,
    }
}

impl Document {
    /// Reads and checks a keyring.
    pub(crate) fn read(place: &str, bytes: &[u8], revision: u64) -> Result<Self, KeyError> {
        let bad = || KeyError::BadKey(place.to_owned());
        let Version { v } = serde_json::from_slice(bytes).map_err(|_| bad())?;
        if v > FORMAT {
            return Err(crate::NewerFormat { place: place.to_owned(), found: v, known: FORMAT }.into());
        }
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|_| bad())?;
        if v != FORMAT || checksum(envelope.body.get().as_bytes()) != envelope.sum {
            return Err(bad());
        }
        let Body { public, wraps, sealed } = serde_json::from_str(envelope.body.get()).map_err(|_| bad())?;
        let bound = bound(&public);
        let mut members = Vec::new();
        for StoredMember { recipient, role, since_ms } in public.members {
            members.push(Member { recipient: recipient.parse().map_err(|_| bad())?, role, since_ms });
        }
        let StoredPublic { revision: found, id, changes, passphrase, wrappers, keys, .. } = public;
        let public = Public { revision: found, id, changes, members, passphrase, wrappers, keys };
        let ascending = public.keys.is_sorted_by(|a, b| a.number < b.number);
        if found != revision || public.keys.is_empty() || !ascending {
            return Err(bad());
        }
        let sealed = BASE64.decode(sealed).map_err(|_| bad())?;
        Ok(Self { place: place.to_owned(), public, bound, wraps, sealed })
    }

    /// The data keys, in the order of [`Public::keys`].
    pub(crate) fn open(&self, keys: &Keys) -> Result<Vec<KeyBytes>, KeyError> {
        let bad = || KeyError::BadKey(self.place.clone());
        let own = self.unwrap(keys)?;
        let (nonce, sealed) = self.sealed.split_at_checked(NONCE_BYTES).ok_or_else(bad)?;
        let cipher = XChaCha20Poly1305::new((&*own).into());
        let payload = Payload { msg: sealed, aad: &self.bound };
        let plain = Zeroizing::new(cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| bad())?);
        let (data, rest) = plain.as_chunks::<KEY_BYTES>();
        if !rest.is_empty() || data.len() != self.public.keys.len() {
            return Err(bad());
        }
        Ok(data.iter().map(|key| Zeroizing::new(*key)).collect())
    }

    /// The key of this text: by a private key, which costs least, by the passphrase, or by a service.
    fn unwrap(&self, keys: &Keys) -> Result<KeyBytes, KeyError> {
        let place = &self.place;
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| KeyError::BadKey(place.clone()));
        let mut failed = Vec::new();
        if let Some(wrapped) = &self.wraps.age {
            match wrap::by_identity(keys, place, &bytes(wrapped)?, &self.public.recipients()) {
                Ok(key) => return Ok(key),
                Err(KeyError::WrongIdentity { paths, key, mut wrapped_for }) => {
                    wrapped_for.extend(self.public.wrappers.iter().cloned());
                    failed.push(KeyError::WrongIdentity { paths, key, wrapped_for });
                }
                Err(error) => failed.push(error),
            }
        }
        if let Some(wrapped) = &self.wraps.passphrase {
            match &keys.passphrase {
                None => failed.push(KeyError::NoPassphrase(place.clone())),
                Some(passphrase) => match wrap::by_passphrase(place, &bytes(wrapped)?, passphrase)? {
                    Some(key) => return Ok(key),
                    None => failed.push(KeyError::WrongPassphrase(place.clone())),
                },
            }
        }
        for (id, wrapped) in self.public.wrappers.iter().zip(&self.wraps.wrappers) {
            let Some(wrapper) = keys.encryption.wrappers.iter().find(|wrapper| wrapper.id() == *id) else {
                failed.push(KeyError::NoWrapper { key: place.clone(), id: id.clone() });
                continue;
            };
            match wrapper.unwrap(&bytes(wrapped)?, &self.public.context()) {
                Ok(key) => {
                    let key: [u8; KEY_BYTES] =
                        key.as_slice().try_into().map_err(|_| KeyError::BadKey(place.clone()))?;
                    return Ok(Zeroizing::new(key));
                }
                Err(source) => failed.push(KeyError::Unwrap { key: place.clone(), id: id.clone(), source }),
            }
        }
        let nearest = failed.into_iter().min_by_key(|error| distance(error, keys));
        Err(nearest.unwrap_or_else(|| KeyError::BadKey(place.clone())))
    }

    /// Whether the passphrase that is given is the one that opens this keyring.
    pub(crate) fn check_passphrase(&self, keys: &Keys) -> Result<(), KeyError> {
        let (Some(wrapped), Some(passphrase)) = (&self.wraps.passphrase, &keys.passphrase) else { return Ok(()) };
        let wrapped = BASE64.decode(wrapped).map_err(|_| KeyError::BadKey(self.place.clone()))?;
        match wrap::by_passphrase(&self.place, &wrapped, passphrase)? {
            Some(_) => Ok(()),
            None => Err(KeyError::WrongPassphrase(self.place.clone())),
        }
    }
}
