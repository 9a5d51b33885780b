//! The private keys of the user: age identities and SSH keys in files. The identity of the user's own is made where
//! there is none.

use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::{Keys, Recipient};
use crate::store::Store;
use crate::{KeyError, durable};

/// A private key from a file.
pub(super) struct Known {
    pub path: PathBuf,
    pub identity: Box<dyn age::Identity>,
    pub recipient: Option<Recipient>,
}

/// What the user's files hold.
#[derive(Default)]
pub(super) struct Identities {
    pub known: Vec<Known>,
    /// Files that hold none, or none that can be used.
    pub failed: Vec<KeyError>,
}

/// How well a file has to be what it should be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The user named it: it is there and good.
    ByUser,
    /// It is looked at because it is usual.
    ByCustom,
}

impl Keys {
    /// Every private key that there is. SSH keys in their usual places are looked at only where one may help.
    pub(super) fn identities(&self, ssh: bool) -> Identities {
        let mut found = Identities::default();
        for path in &self.identities {
            self.read(path, Named::ByUser, &mut found);
        }
        if self.identity.exists() {
            self.read(&self.identity, Named::ByUser, &mut found);
        }
        if ssh {
            for path in &self.ssh {
                self.read(path, Named::ByCustom, &mut found);
            }
        }
        found
    }

    fn read(&self, path: &Path, named: Named, into: &mut Identities) {
        match self.parse(path) {
            Ok(Some(known)) => into.known.extend(known),
            Ok(None) if named == Named::ByUser => {
                into.failed.push(KeyError::NoIdentityFile(path.to_owned()));
            }
            Ok(None) => {}
            // A key in its usual place that is locked may be the one that is missing.
            Err(error @ KeyError::LockedIdentity(_)) => into.failed.push(error),
            Err(error) if named == Named::ByUser => into.failed.push(error),
            Err(_) => {}
        }
    }

    /// The identities in a file; none where there is no file.
    fn parse(&self, path: &Path) -> Result<Option<Vec<Known>>, KeyError> {
        let Some(bytes) = durable::read(path)? else { return Ok(None) };
        let bytes = Zeroizing::new(bytes);
        let bad = || KeyError::BadIdentity(path.to_owned());
        let text = std::str::from_utf8(&bytes).map_err(|_| bad())?;
        if text.trim_start().starts_with("-----BEGIN ") {
            return self.parse_ssh(path, text).map(|known| Some(vec![known]));
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Vec<age::x25519::Identity> =
            lines.map(str::parse).collect::<Result<_, &str>>().map_err(|_| bad())?;
        if identities.is_empty() {
            return Err(bad());
        }
        let known = identities.into_iter().map(|identity| Known {
            path: path.to_owned(),
            recipient: Some(Recipient::of_age(identity.to_public())),
            identity: Box::new(identity),
        });
        Ok(Some(known.collect()))
    }

    fn parse_ssh(&self, path: &Path, text: &str) -> Result<Known, KeyError> {
        use age::ssh::Identity;
        let bad = || KeyError::BadIdentity(path.to_owned());
        let identity = Identity::from_buffer(text.trim_start().as_bytes(), None).map_err(|_| bad())?;
        let recipient = age::ssh::Recipient::try_from(identity.clone()).ok().map(Recipient::of_ssh);
        let identity = match identity {
            Identity::Unencrypted(_) => identity,
            Identity::Encrypted(key) => {
                let locked = || KeyError::LockedIdentity(path.to_owned());
                let passphrase = self.identity_passphrase.as_ref().ok_or_else(locked)?;
                Identity::Unencrypted(key.decrypt(passphrase.text.clone()).map_err(|_| locked())?)
            }
            Identity::Unsupported(_) => return Err(bad()),
        };
        Ok(Known { path: path.to_owned(), identity: Box::new(identity), recipient })
    }

    /// The recipient of the user's own key: of the first file that was named, else of the user's identity, which is
    /// made where it is absent.
    pub(crate) fn own(&self, store: &dyn Store) -> Result<Recipient, KeyError> {
        if let Some(path) = self.identities.first() {
            let known = self.parse(path)?.ok_or_else(|| KeyError::NoIdentityFile(path.clone()))?;
            let first = known.into_iter().next().and_then(|known| known.recipient);
            return first.ok_or_else(|| KeyError::BadIdentity(path.clone()));
        }
        let path = &self.identity;
        let read = || -> Result<Option<Recipient>, KeyError> {
            let Some(known) = self.parse(path)? else { return Ok(None) };
            let first = known.into_iter().next().and_then(|known| known.recipient);
            first.map(Some).ok_or_else(|| KeyError::BadIdentity(path.clone()))
        };
        if let Some(recipient) = read()? {
            return Ok(recipient);
        }
        if store.directory().is_some_and(|root| lies_in(path, root)) {
            return Err(KeyError::IdentityInHome(path.clone()));
        }
        if let Some(directory) = path.parent().filter(|directory| *directory != Path::new("")) {
            durable::create_directory(directory)?;
        }
        let identity = age::x25519::Identity::generate();
        let public = identity.to_public();
        let secret = identity.to_string();
        let text = Zeroizing::new(format!("# public key: {public}\n{}\n", secret.expose_secret()));
        if durable::create_new(path, text.as_bytes())? {
            return Ok(Recipient::of_age(public));
        }
        // Another process made it first; its identity is the one that stays.
        read()?.ok_or_else(|| KeyError::BadIdentity(path.clone()))
    }
}

/// Whether a path, which need not exist, lies in a directory that does.
fn lies_in(path: &Path, directory: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let directory = real(directory).unwrap_or_else(|| directory.to_owned());
    let nearest = absolute.ancestors().find_map(real);
    nearest.is_some_and(|nearest| nearest.starts_with(directory))
}
