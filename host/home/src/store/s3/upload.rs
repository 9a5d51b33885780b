//! Uploads of large objects in parts. The object appears when the upload is completed, under the same condition as an
//! object in one request; a server that drops the condition there is found out before the first of them.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::aws::{Cause, Fault, limits};

use super::bucket::{Bucket, Condition};
use super::fault::fault;

/// Objects above this many bytes go in parts.
pub(super) const LARGE: usize = 16 * 1024 * 1024;
const PART: usize = 8 * 1024 * 1024;
const PARTS_AT_ONCE: usize = 4;

impl Bucket {
    /// Writes an object in parts. What a failed upload leaves is removed, as far as the server answers.
    pub(super) async fn upload(&self, key: &str, body: &Bytes, condition: Condition) -> Result<(), Fault> {
        let id = self.begin_upload(key).await?;
        let result = async {
            let parts = self.upload_parts(key, &id, body).await?;
            if condition == Condition::Free {
                self.check_conditional_uploads(&id).await?;
            }
            self.complete_upload(key, &id, parts, condition).await
        };
        let result = result.await;
        if result.is_err() {
            self.abort_upload(key, &id).await;
        }
        result
    }

    async fn begin_upload(&self, key: &str) -> Result<String, Fault> {
        let send = |client: Client| {
            let request = client
                .create_multipart_upload()
                .bucket(self.name())
                .set_expected_bucket_owner(self.owner())
                .key(self.full(key));
            async move { request.send().await.map_err(|error| fault(&error)) }
        };
        let answer = self.request(send).await?;
        answer.upload_id.ok_or_else(|| Fault::lasting(Cause::Unsupported, "the server gave the upload no id"))
    }

    async fn upload_parts(&self, key: &str, id: &str, body: &Bytes) -> Result<Vec<CompletedPart>, Fault> {
        let parts = (1..).zip((0..body.len()).step_by(PART)).map(|(number, start)| {
            let part = body.slice(start..body.len().min(start + PART));
            Box::pin(self.upload_part(key, id, number, part))
        });
        stream::iter(parts.collect::<Vec<_>>()).buffered(PARTS_AT_ONCE).try_collect().await
    }

    async fn upload_part(&self, key: &str, id: &str, number: i32, part: Bytes) -> Result<CompletedPart, Fault> {
        let send = |client: Client| {
            let request = client
                .upload_part()
                .bucket(self.name())
                .set_expected_bucket_owner(self.owner())
                .key(self.full(key))
                .upload_id(id);
            let request = request.part_number(number).body(ByteStream::from(part.clone()));
            let limits = limits(part.len() * PARTS_AT_ONCE);
            async move {
                let request = request.customize().config_override(Builder::new().timeout_config(limits));
                request.send().await.map_err(|error| fault(&error))
            }
        };
        let answer = self.request_with(part.len() * PARTS_AT_ONCE, send).await?;
        // A server that was told checksums of the parts wants to hear them again.
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .set_checksum_crc32_c(answer.checksum_crc32_c)
            .set_checksum_crc64_nvme(answer.checksum_crc64_nvme)
            .set_checksum_sha1(answer.checksum_sha1)
            .set_checksum_sha256(answer.checksum_sha256)
            .build())
    }

    async fn complete_upload(
        &self,
        key: &str,
        id: &str,
        parts: Vec<CompletedPart>,
        condition: Condition,
    ) -> Result<(), Fault> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let send = |client: Client| {
            let request = client
                .complete_multipart_upload()
                .bucket(self.name())
                .set_expected_bucket_owner(self.owner())
                .key(self.full(key))
                .upload_id(id);
            let request = request.multipart_upload(parts.clone()).set_if_none_match(condition.header());
            async move { request.send().await.map_err(|error| fault(&error)) }
        };
        self.request(send).await.map(drop)
    }

    async fn abort_upload(&self, key: &str, id: &str) {
        let send = |client: Client| {
            let request = client
                .abort_multipart_upload()
                .bucket(self.name())
                .set_expected_bucket_owner(self.owner())
                .key(self.full(key))
                .upload_id(id);
            async move { request.send().await.map_err(|error| fault(&error)) }
        };
        // What went wrong before is what counts; parts that stay cost money until a rule of the bucket removes them.
        let _ = self.request(send).await;
    }

    /// Completes a small upload, once for each store, over an object that is there. A server that lets it through would
    /// let one run write over what another made. `upload` makes the name one that nobody else uses.
    async fn check_conditional_uploads(&self, upload: &str) -> Result<(), Fault> {
        let check = || async {
            let key = format!("probe/{}", hex::encode(&Sha256::digest(upload)[..16]));
            let result = Box::pin(self.completes_over_an_object(&key)).await;
            let removed = self.remove(&key).await;
            match result? {
                true => Err(Fault::lasting(
                    Cause::Unsupported,
                    "the server completes an upload over an object that is there, against its condition",
                )),
                false => removed,
            }
        };
        self.conditional_uploads.get_or_try_init(check).await.copied()
    }

    async fn completes_over_an_object(&self, key: &str) -> Result<bool, Fault> {
        let body = Bytes::from_static(b"probe");
        self.put(key, &body, Condition::Always).await?;
        let id = self.begin_upload(key).await?;
        let result = async {
            let parts = self.upload_parts(key, &id, &body).await?;
            self.complete_upload(key, &id, parts, Condition::Free).await
        };
        match result.await {
            Ok(()) => Ok(true),
            Err(fault) => {
                self.abort_upload(key, &id).await;
                if fault.cause == Cause::Taken { Ok(false) } else { Err(fault) }
            }
        }
    }
}
