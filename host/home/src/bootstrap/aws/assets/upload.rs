//! Uploads of large assets in parts. The file is read once from the beginning to the end: each part is compared with
//! what an earlier upload has left, and sent where it is not there; the object is made only when all that was read has
//! the digest that was promised. A few parts are in memory at one time.

use std::collections::{BTreeMap, VecDeque};

use aws_sdk_s3::types::{CompletedPart, Part};
use bytes::Bytes;
use cofferdam_model::Digest;
use cofferdam_model::assets::Asset;
use cofferdam_model::error::ProviderError;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::objects::{Objects, PARTS_AT_ONCE, Put, Sending, base64};
use super::{Uploading, stopped};

/// Every part but the last one, bytes. 10,000 parts, the most that an upload has, are more than the largest asset.
const PART: u64 = 8 * 1024 * 1024;

/// Uploads an asset, going on with an upload that was cut off where there is one.
pub(super) fn put(
    objects: &Objects<'_>,
    key: &str,
    asset: &Asset,
    only_new: bool,
    watch: &dyn Uploading,
) -> Result<Put, ProviderError> {
    let mut begun = objects.uploads(key)?.into_iter();
    let mut upload = None;
    for id in begun.by_ref() {
        if let Some(parts) = objects.parts(key, &id)? {
            upload = Some((id, parts));
            break;
        }
    }
    let (id, known) = match upload {
        Some(upload) => upload,
        None => (objects.begin(key)?, Vec::new()),
    };
    let known: BTreeMap<i32, Part> = known.into_iter().filter_map(|part| Some((part.part_number()?, part))).collect();
    let there: u64 = known.values().filter_map(Part::size).filter_map(|size| u64::try_from(size).ok()).sum();
    watch.begins(asset.size.saturating_sub(there));
    let upload = Upload { objects, key, asset, id: &id, known };
    let put = match upload.parts(watch)? {
        Some(parts) => objects.complete(key, &id, parts, only_new)?,
        None => return Ok(Put::Elsewhere),
    };
    // Others have the object now, and parts that nobody ends cost money. Where the key was taken, so was ours.
    let ours = matches!(put, Put::Elsewhere).then_some(id);
    for id in begun.chain(ours) {
        objects.abort(key, &id)?;
    }
    Ok(put)
}

struct Upload<'u> {
    objects: &'u Objects<'u>,
    key: &'u str,
    asset: &'u Asset,
    id: &'u str,
    /// What arrived before.
    known: BTreeMap<i32, Part>,
}

impl Upload<'_> {
    /// Brings all parts to the server; none where the upload has ended meanwhile.
    fn parts(&self, watch: &dyn Uploading) -> Result<Option<Vec<CompletedPart>>, ProviderError> {
        let (mut whole, mut offset) = (Sha256::new(), 0);
        let (mut done, mut sending) = (Vec::new(), VecDeque::new());
        for number in 1.. {
            if offset == self.asset.size {
                break;
            }
            if watch.is_stopped() {
                return Err(stopped(self.asset));
            }
            let length = PART.min(self.asset.size - offset);
            let mut part = vec![0; usize::try_from(length).unwrap_or_default()];
            self.asset.content.read_at(offset, &mut part).or_else(|error| self.given_up(&mut sending, error))?;
            offset += length;
            whole.update(&part);
            let sha256 = base64(&Sha256::digest(&part));
            if let Some(known) = self.known.get(&number).filter(|known| is_same(known, &part, &sha256)) {
                let part = CompletedPart::builder().part_number(number).set_e_tag(known.e_tag.clone());
                done.push(part.checksum_sha256(sha256).build());
                continue;
            }
            if sending.len() == PARTS_AT_ONCE && !self.settle_one(&mut sending, &mut done)? {
                return Ok(None);
            }
            sending.push_back(self.objects.send(self.key, self.id, number, Bytes::from(part), sha256));
        }
        while !sending.is_empty() {
            if !self.settle_one(&mut sending, &mut done)? {
                return Ok(None);
            }
        }
        if Digest::from_bytes(whole.finalize().into()) != self.asset.digest {
            return self.given_up(&mut sending, self.asset.content.changed());
        }
        done.sort_by_key(CompletedPart::part_number);
        Ok(Some(done))
    }

    /// Waits for the part that was sent first; false where the upload has ended meanwhile.
    fn settle_one(
        &self,
        sending: &mut VecDeque<Sending>,
        done: &mut Vec<CompletedPart>,
    ) -> Result<bool, ProviderError> {
        let Some(first) = sending.pop_front() else { return Ok(true) };
        match self.objects.arrived(self.key, first) {
            Ok(Some(part)) => done.push(part),
            Ok(None) => return Ok(false),
            // Some servers fail where others say that the upload has ended.
            Err(_) if matches!(self.objects.parts(self.key, self.id), Ok(None)) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Takes back parts of a file that is another by now: nobody will ever go on with them.
    fn given_up<T>(&self, sending: &mut VecDeque<Sending>, why: ProviderError) -> Result<T, ProviderError> {
        // A part that arrives after the end of an upload stays for ever.
        for sent in sending.drain(..) {
            let _ = self.objects.arrived(self.key, sent);
        }
        // What went wrong before is what counts; a rule of the bucket ends uploads that nobody ends.
        let _ = self.objects.abort(self.key, self.id);
        Err(why)
    }
}

/// Whether a part on the server has these bytes: by its checksum, or where the server tells none by its tag, which is
/// the MD5 of the bytes unless a key of the user's encrypts them. Where neither says so, the part is sent again.
fn is_same(known: &Part, part: &[u8], sha256: &str) -> bool {
    if known.size() != i64::try_from(part.len()).ok() {
        return false;
    }
    match known.checksum_sha256() {
        Some(sum) => sum == sha256,
        None => known.e_tag().is_some_and(|tag| tag.trim_matches('"') == hex::encode(Md5::digest(part))),
    }
}
