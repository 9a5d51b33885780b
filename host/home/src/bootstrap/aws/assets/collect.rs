//! The collection of assets that no stage needs. What is removed is the very versions that were listed: another version
//! that somebody publishes meanwhile stays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use cofferdam_model::error::{ErrorKind, ProviderError};
use cofferdam_model::{StackName, StageName};

use super::objects::{Objects, again, fault};
use super::{ASSETS, AssetOwner, MARKS, REFERENCES};
use crate::aws::{Cause, Fault};
use crate::bootstrap::aws::AwsBootstrap;
use crate::store::{ServerClock, age};

/// How many versions a server removes in one request.
const AT_ONCE: usize = 1000;
/// Marks that are older are of collections that were cut off.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// All listed versions of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Versions {
    key: String,
    /// With markers of removals.
    ids: Vec<String>,
    /// Of the newest.
    bytes: u64,
    age: Duration,
}

/// An asset in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAsset {
    /// Its digest, hexadecimal.
    pub digest: String,
    /// In bytes.
    pub bytes: u64,
    /// Since it was last put there.
    pub age: Duration,
    versions: Versions,
}

/// That a stage has published an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetReference {
    /// Which stage.
    pub owner: AssetOwner,
    /// The asset's digest, hexadecimal.
    pub digest: String,
    /// Since the stage published it last.
    pub age: Duration,
    versions: Versions,
}

/// What lies in an asset bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetStock {
    /// The assets, by their digests.
    pub assets: Vec<StoredAsset>,
    /// Who published them.
    pub references: Vec<AssetReference>,
    marks: Vec<Versions>,
}

/// What a collection removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// Assets that nobody needs.
    pub assets: Vec<StoredAsset>,
    /// References of stages that do not need their asset any more.
    pub references: Vec<AssetReference>,
    stale: Vec<Versions>,
}

/// What a collection has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Assets that are gone.
    pub assets: usize,
    /// Their bytes, in their newest versions.
    pub bytes: u64,
    /// Assets that were published meanwhile, and stay.
    pub kept: usize,
}

impl AssetStock {
    /// What may go: assets that are old enough and have no reference but such that are old enough and not needed.
    #[must_use]
    pub fn unneeded(&self, older_than: Duration, is_needed: impl Fn(&AssetReference) -> bool) -> Collection {
        // Servers tell times in whole seconds.
        let older_than = Duration::from_secs(older_than.as_secs());
        let goes = |reference: &&AssetReference| reference.age >= older_than && !is_needed(reference);
        let references: Vec<_> = self.references.iter().filter(goes).cloned().collect();
        let stays: BTreeSet<&str> = self
            .references
            .iter()
            .filter(|reference| !references.contains(reference))
            .map(|reference| reference.digest.as_str())
            .collect();
        let goes = |asset: &&StoredAsset| asset.age >= older_than && !stays.contains(asset.digest.as_str());
        let assets = self.assets.iter().filter(goes).cloned().collect();
        let stale = self.marks.iter().filter(|mark| mark.age >= STALE).cloned().collect();
        Collection { assets, references, stale }
    }
}

impl Collection {
    /// Whether there is nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty() && self.references.is_empty()
    }
}

impl AwsBootstrap {
    /// What lies in the asset bucket; empty where there is no bucket. Changes nothing.
    ///
    /// # Errors
    /// When the bucket cannot be listed, or keeps no versions.
    pub fn asset_stock(&self) -> Result<AssetStock, ProviderError> {
        let objects = self.objects();
        if !self.line.exists(objects.bucket(), &self.identity.account)? {
            return Ok(AssetStock::default());
        }
        let listed = listed(&objects, ASSETS)?;
        if listed.iter().flat_map(|versions| &versions.ids).any(|id| id.is_empty() || id == "null") {
            let text = format!(
                "bucket `{}` keeps no versions, and without them a collection could remove what is published at the \
                 same moment; turn versioning on: `cofferdam bootstrap repair`",
                objects.bucket()
            );
            return Err(ProviderError::new(ErrorKind::Unsupported, text));
        }
        let assets = listed.into_iter().filter_map(|versions| {
            let digest = versions.key.strip_prefix(ASSETS).filter(|digest| is_digest(digest))?.to_owned();
            Some(StoredAsset { digest, bytes: versions.bytes, age: versions.age, versions })
        });
        let marks = self::listed(&objects, MARKS)?;
        Ok(AssetStock { assets: assets.collect(), references: references(&objects)?, marks })
    }

    /// Removes what nobody needs. `run` tells this collection from others.
    ///
    /// # Errors
    /// When something cannot be removed; the next collection removes it.
    pub fn collect(&self, collection: &Collection, run: &str) -> Result<Collected, ProviderError> {
        let objects = self.objects();
        let mark = |asset: &StoredAsset| format!("{MARKS}{}/{run}", asset.digest);
        let mut collected = Collected::default();
        // Whoever publishes writes its reference first and looks for marks then: either it is seen here, or it sees
        // the mark, and puts a version of its own there.
        for asset in &collection.assets {
            objects.put_note(&mark(asset), String::new())?;
        }
        let gone: BTreeMap<&str, &[String]> =
            collection.references.iter().map(|r| (r.versions.key.as_str(), r.versions.ids.as_slice())).collect();
        let is_gone = |reference: &AssetReference| {
            let listed = gone.get(reference.versions.key.as_str());
            listed.is_some_and(|ids| reference.versions.ids.iter().all(|id| ids.contains(id)))
        };
        let live: BTreeSet<String> = references(&objects)?
            .into_iter()
            .filter(|reference| !is_gone(reference))
            .map(|reference| reference.digest)
            .collect();
        let mut removed = Vec::new();
        for asset in &collection.assets {
            if live.contains(&asset.digest) {
                collected.kept += 1;
                continue;
            }
            collected.assets += 1;
            collected.bytes += asset.bytes;
            removed.push(&asset.versions);
        }
        remove(&objects, &removed)?;
        remove(&objects, &collection.references.iter().map(|reference| &reference.versions).collect::<Vec<_>>())?;
        let ours: BTreeSet<String> = collection.assets.iter().map(mark).collect();
        let marks = listed(&objects, MARKS)?;
        let ours = marks.iter().filter(|versions| ours.contains(&versions.key));
        remove(&objects, &ours.chain(&collection.stale).collect::<Vec<_>>())?;
        Ok(collected)
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The references whose newest version is no removal.
fn references(objects: &Objects<'_>) -> Result<Vec<AssetReference>, ProviderError> {
    let read = |versions: Versions| {
        let parts: Vec<&str> = versions.key.strip_prefix(REFERENCES)?.split('/').collect();
        let [home, stack, stage, digest] = parts[..] else { return None };
        let (stack, stage) = (StackName::new(stack).ok()?, StageName::new(stage).ok()?);
        let owner = AssetOwner { home: home.to_owned(), stack, stage };
        let digest = Some(digest.to_owned()).filter(|digest| is_digest(digest))?;
        Some(AssetReference { owner, digest, age: versions.age, versions })
    };
    Ok(listed(objects, REFERENCES)?.into_iter().filter_map(read).collect())
}

/// The objects below a prefix that are there, with all their versions.
fn listed(objects: &Objects<'_>, prefix: &str) -> Result<Vec<Versions>, ProviderError> {
    let (s3, bucket, owner) = objects.client();
    let name = prefix.to_owned();
    let what = format!("list the versions of `{}`", objects.place(prefix));
    objects.run(&what, "s3:ListBucketVersions", async move {
        let mut found: BTreeMap<String, Versions> = BTreeMap::new();
        let (mut key, mut version) = (None::<String>, None::<String>);
        loop {
            let clock = ServerClock::default();
            let page = again(|| {
                let request = s3.list_object_versions().bucket(&bucket).expected_bucket_owner(&owner).prefix(&name);
                let request = request.set_key_marker(key.clone()).set_version_id_marker(version.clone());
                let request = request.customize().interceptor(clock.clone());
                async move { request.send().await.map_err(|error| fault(&error)) }
            });
            let page = page.await?;
            let now = clock.now();
            for object in page.versions() {
                let Some(key) = object.key() else { continue };
                // Where the server tells no time, nothing is old.
                let age = now.zip(object.last_modified()).map_or(Duration::ZERO, |(now, then)| age(now, *then));
                let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                let all = found.entry(key.to_owned()).or_insert_with(|| Versions {
                    key: key.to_owned(),
                    ids: Vec::new(),
                    bytes,
                    age,
                });
                all.age = all.age.min(age);
                all.ids.push(object.version_id().unwrap_or_default().to_owned());
            }
            for marker in page.delete_markers() {
                if let Some(all) = marker.key().and_then(|key| found.get_mut(key)) {
                    all.ids.push(marker.version_id().unwrap_or_default().to_owned());
                }
            }
            if page.is_truncated() != Some(true) {
                break;
            }
            let next = (page.next_key_marker().map(str::to_owned), page.next_version_id_marker().map(str::to_owned));
            if next == (key.clone(), version.clone()) || next.0.is_none() {
                return Err(Fault::lasting(Cause::Other, "a listing that neither ends nor goes on"));
            }
            (key, version) = next;
        }
        Ok(found.into_values().collect())
    })
}

/// Removes versions that were listed, and no other.
fn remove(objects: &Objects<'_>, all: &[&Versions]) -> Result<(), ProviderError> {
    let each = all.iter().flat_map(|versions| versions.ids.iter().map(|id| (&versions.key, id)));
    let each: Vec<ObjectIdentifier> =
        each.filter_map(|(key, id)| ObjectIdentifier::builder().key(key).version_id(id).build().ok()).collect();
    for some in each.chunks(AT_ONCE) {
        let (s3, bucket, owner) = objects.client();
        let delete = Delete::builder().set_objects(Some(some.to_vec())).quiet(true).build();
        let delete = delete.map_err(|error| ProviderError::new(ErrorKind::Other, error.to_string()))?;
        objects.run(&format!("remove from bucket `{bucket}`"), "s3:DeleteObjectVersion", async move {
            let removed = again(|| {
                let request = s3.delete_objects().bucket(&bucket).expected_bucket_owner(&owner).delete(delete.clone());
                async move { request.send().await.map_err(|error| fault(&error)) }
            });
            match removed.await?.errors().first() {
                None => Ok(()),
                Some(error) => {
                    let (code, said) = (error.code().unwrap_or("no code"), error.message().unwrap_or("it stays"));
                    Err(Fault::lasting(Cause::Denied, format!("{code}: {said}")))
                }
            }
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn versions(key: &str, age: Duration) -> Versions {
        Versions { key: key.to_owned(), ids: vec!["v1".to_owned()], bytes: 1, age }
    }

    fn asset(digest: &str, age: Duration) -> StoredAsset {
        StoredAsset { digest: digest.into(), bytes: 1, age, versions: versions(digest, age) }
    }

    fn reference(home: &str, digest: &str, age: Duration) -> AssetReference {
        let (stack, stage) = (StackName::new("shop").expect("a name"), StageName::new("dev").expect("a name"));
        let owner = AssetOwner { home: home.into(), stack, stage };
        AssetReference { owner, digest: digest.into(), age, versions: versions(&format!("{home}/{digest}"), age) }
    }

    #[test]
    fn only_what_is_old_and_needed_by_nobody_goes() {
        let stock = AssetStock {
            assets: ["used", "young", "left", "elsewhere", "lately", "nobodys"]
                .map(|digest| asset(digest, if digest == "young" { DAY } else { DAY * 30 }))
                .to_vec(),
            references: vec![
                reference("here", "used", DAY * 30),
                reference("here", "left", DAY * 30),
                reference("here", "elsewhere", DAY * 30),
                reference("there", "elsewhere", DAY * 300),
                reference("here", "lately", DAY),
            ],
            marks: vec![versions("old", DAY * 2), versions("new", DAY / 2)],
        };
        let is_needed = |reference: &AssetReference| reference.owner.home != "here" || reference.digest == "used";
        let goes = stock.unneeded(DAY * 7, is_needed);
        let digests = |assets: &[StoredAsset]| assets.iter().map(|asset| asset.digest.clone()).collect::<Vec<_>>();
        assert_eq!(digests(&goes.assets), ["left", "nobodys"]);
        let dead: Vec<_> = goes.references.iter().map(|reference| reference.digest.as_str()).collect();
        assert_eq!(dead, ["left", "elsewhere"]);
        assert_eq!(goes.stale, [versions("old", DAY * 2)]);
        assert_eq!(stock.unneeded(DAY * 400, is_needed).assets, []);
    }
}
