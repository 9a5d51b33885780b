//! Assets in the asset bucket: each lies there once, under a key that its digest makes, with a reference for every stage
//! that published it.
//!
//! `assets/sha256/DIGEST` are the assets, `refs/HOME/STACK/STAGE/DIGEST` says which stage of which home published one,
//! and `gc/DIGEST/RUN` that a collection may be removing it at this moment. `host/docs/design/assets.md` says why
//! nothing in use is removed.

mod collect;
mod objects;
mod upload;

use cofferdam_model::assets::{Asset, AssetLocation};
use cofferdam_model::error::{ErrorKind, ProviderError};
use cofferdam_model::{Digest, StackName, StageName};
use serde_json::json;

use super::AwsBootstrap;
pub use collect::{AssetReference, AssetStock, Collected, Collection, StoredAsset};
use objects::{Found, Objects, Put};

/// Assets above this many bytes go in parts.
const LARGE: u64 = 16 * 1024 * 1024;
/// How often an asset is put that others put or remove at the same time.
const ROUNDS: usize = 4;

const ASSETS: &str = "assets/sha256/";
const REFERENCES: &str = "refs/";
const MARKS: &str = "gc/";

/// The stage that publishes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssetOwner {
    /// The id of its home.
    pub home: String,
    /// The stack.
    pub stack: StackName,
    /// The stage.
    pub stage: StageName,
}

impl AssetOwner {
    fn check(&self) -> Result<(), ProviderError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !self.home.is_empty() && self.home.len() <= 64 && self.home.chars().all(fits) {
            return Ok(());
        }
        Err(ProviderError::new(ErrorKind::Other, "the home has an id that is none: look at its `home.json`"))
    }

    fn reference(&self, digest: &Digest) -> String {
        format!("{REFERENCES}{}/{}/{}/{}", self.home, self.stack, self.stage, digest.hex())
    }
}

/// Who follows an upload, and may stop it between two parts.
pub trait Uploading: Send + Sync {
    /// Whether to stop.
    fn is_stopped(&self) -> bool;

    /// So many bytes are about to be sent; the others are there from an upload that was cut off.
    fn begins(&self, bytes: u64);
}

/// How an asset came to lie where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where.
    pub location: AssetLocation,
    /// Whether it was there already.
    pub is_found: bool,
}

fn key_of(digest: &Digest) -> String {
    format!("{ASSETS}{}", digest.hex())
}

fn marks_of(digest: &Digest) -> String {
    format!("{MARKS}{}/", digest.hex())
}

impl AwsBootstrap {
    /// Puts an asset into the asset bucket of a prepared account, unless it lies there already. Blocks its thread.
    ///
    /// # Errors
    /// When the bucket cannot be written, the file is not what its digest says, or the upload is stopped. Parts that
    /// have arrived stay there for the next upload of the same bytes, but for a file that has changed.
    pub fn publish(
        &self,
        asset: &Asset,
        owner: &AssetOwner,
        watch: &dyn Uploading,
    ) -> Result<Published, ProviderError> {
        owner.check()?;
        let objects = self.objects();
        let key = key_of(&asset.digest);
        // Before anything else: from here on a collection leaves the asset alone, or has left its mark.
        let note = json!({ "asset": asset.name, "bytes": asset.size }).to_string();
        objects.put_note(&owner.reference(&asset.digest), note)?;
        let is_marked = objects.has_any(&marks_of(&asset.digest))?;
        let at =
            |version: Option<String>| AssetLocation { bucket: objects.bucket().to_owned(), key: key.clone(), version };
        // What is marked may be gone in a moment: another version of it stays.
        if !is_marked && let Some(found) = objects.head(&key)? {
            return Ok(Published { location: at(checked(found, asset, &objects.place(&key))?), is_found: true });
        }
        for _ in 0..ROUNDS {
            let put = if asset.size > LARGE {
                upload::put(&objects, &key, asset, !is_marked, watch)?
            } else {
                put_whole(&objects, &key, asset, !is_marked, watch)?
            };
            if let Put::Made(version) = put {
                return Ok(Published { location: at(version), is_found: false });
            }
            // Somebody else put the same bytes there, or has finished or ended the upload.
            if let Some(found) = objects.head(&key)? {
                return Ok(Published { location: at(checked(found, asset, &objects.place(&key))?), is_found: true });
            }
        }
        let text = format!("others write and remove `{}` again and again", objects.place(&key));
        Err(ProviderError::new(ErrorKind::Conflict, text))
    }

    fn objects(&self) -> Objects<'_> {
        Objects::new(&self.line, self.asset_bucket(), self.identity.account.clone())
    }
}

/// The version of an object, which has to be the asset by all that the server tells.
fn checked(found: Found, asset: &Asset, place: &str) -> Result<Option<String>, ProviderError> {
    let Found { size, sha256, version } = found;
    // What came in parts has a checksum over their checksums.
    let sha256 = sha256.filter(|_| asset.size <= LARGE);
    if size == asset.size && sha256.is_none_or(|sha256| sha256 == objects::base64(asset.digest.bytes())) {
        return Ok(version);
    }
    let text =
        format!("`{place}` is not what its name says: it was changed by somebody else. Remove it, and run this again");
    Err(ProviderError::new(ErrorKind::Other, text))
}

fn put_whole(
    objects: &Objects<'_>,
    key: &str,
    asset: &Asset,
    only_new: bool,
    watch: &dyn Uploading,
) -> Result<Put, ProviderError> {
    if watch.is_stopped() {
        return Err(stopped(asset));
    }
    let mut bytes = vec![0; usize::try_from(asset.size).unwrap_or_default()];
    asset.content.read_at(0, &mut bytes)?;
    if Digest::of(&bytes) != asset.digest {
        return Err(asset.content.changed());
    }
    watch.begins(asset.size);
    objects.put(key, bytes.into(), &asset.digest, only_new)
}

fn stopped(asset: &Asset) -> ProviderError {
    let text = format!("the upload of `{}` was stopped; the next run goes on with it", asset.name);
    ProviderError::new(ErrorKind::Unavailable, text)
}
