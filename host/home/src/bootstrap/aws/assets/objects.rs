//! Requests about objects of the asset bucket. Each says which account has to own the bucket, and what is sent carries
//! the digest that it has to arrive with.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, MultipartUpload, Part,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cofferdam_model::Digest;
use cofferdam_model::error::ProviderError;
use tokio::time::sleep;

use super::super::client::Line;
use crate::aws::{Answer, Cause, Fault, Pending, limits};

/// How often a request is sent that fails for a moment; each time is up to three requests by the SDK.
const ROUNDS: u32 = 3;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
/// Parts of one upload that share the line.
pub(super) const PARTS_AT_ONCE: usize = 3;
/// Uploads of one key, and parts of one upload, that are looked at.
const MOST_UPLOADS: i32 = 100;
const MOST_PAGES: usize = 20;

/// The objects of one bucket.
pub(super) struct Objects<'l> {
    line: &'l Line,
    bucket: String,
    owner: String,
}

/// An object as the server tells of it.
pub(super) struct Found {
    pub size: u64,
    /// In base64; none where the server does not know.
    pub sha256: Option<String>,
    pub version: Option<String>,
}

/// What became of a write.
pub(super) enum Put {
    /// The object is ours; its version.
    Made(Option<String>),
    /// The key is taken, or the upload is not there any more.
    Elsewhere,
}

/// A part on its way.
pub(super) struct Sending {
    number: i32,
    pending: Pending<Result<CompletedPart, Fault>>,
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn cause(answer: &Answer<'_>) -> Option<Cause> {
    Some(match answer.code {
        "NoSuchBucket" => Cause::NoBucket,
        "NoSuchUpload" | "InvalidPart" => Cause::NoUpload,
        "PreconditionFailed" => Cause::Taken,
        "ConditionalRequestConflict" | "OperationAborted" => Cause::Conflict,
        "SlowDown" | "BadDigest" | "IncompleteBody" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" => {
            Cause::Busy
        }
        "NotImplemented" | "MethodNotAllowed" => Cause::Unsupported,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => Cause::Region(answer.other_region()),
        _ if answer.status == 404 => Cause::NoObject,
        _ => return None,
    })
}

pub(super) fn fault<E>(error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    Fault::of(error, cause)
}

/// Sends a request again that failed for a moment.
pub(super) async fn again<T, F>(send: impl Fn() -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let mut round = 1;
    loop {
        match Box::pin(send()).await {
            Err(fault) if fault.is_short() && round < ROUNDS => sleep(PAUSE * round).await,
            result => return result,
        }
        round += 1;
    }
}

impl<'l> Objects<'l> {
    pub(super) fn new(line: &'l Line, bucket: String, owner: String) -> Self {
        Self { line, bucket, owner }
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn place(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    pub(super) fn client(&self) -> (Client, String, String) {
        (self.line.s3(), self.bucket.clone(), self.owner.clone())
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        what: &str,
        action: &str,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, ProviderError> {
        self.line.run(what, action, work)
    }

    /// Looks at an object; none where there is none.
    pub(super) fn head(&self, key: &str) -> Result<Option<Found>, ProviderError> {
        let (s3, bucket, owner) = self.client();
        let name = key.to_owned();
        self.run(&format!("look at `{}`", self.place(key)), "s3:GetObject", async move {
            let answer = again(|| {
                let request = s3.head_object().bucket(&bucket).expected_bucket_owner(&owner).key(&name);
                let request = request.checksum_mode(ChecksumMode::Enabled);
                async move { request.send().await.map_err(|error| fault(&error)) }
            });
            match answer.await {
                Err(fault) if fault.cause == Cause::NoObject => Ok(None),
                answer => {
                    let answer = answer?;
                    let size =
                        answer.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or_default();
                    let sha256 = answer.checksum_sha256().map(str::to_owned);
                    Ok(Some(Found { size, sha256, version: answer.version_id().map(str::to_owned) }))
                }
            }
        })
    }

    /// Whether any object has a name with this beginning.
    pub(super) fn has_any(&self, prefix: &str) -> Result<bool, ProviderError> {
        let (s3, bucket, owner) = self.client();
        let name = prefix.to_owned();
        self.run(&format!("list `{}`", self.place(prefix)), "s3:ListBucket", async move {
            let listed = again(|| {
                let request = s3.list_objects_v2().bucket(&bucket).expected_bucket_owner(&owner);
                let request = request.prefix(&name).max_keys(1);
                async move { request.send().await.map_err(|error| fault(&error)) }
            });
            Ok(!listed.await?.contents().is_empty())
        })
    }

    /// Writes a small object, whatever was there.
    pub(super) fn put_note(&self, key: &str, text: String) -> Result<(), ProviderError> {
        let digest = Digest::of(text.as_bytes());
        self.put(key, text.into(), &digest, false).map(drop)
    }

    /// Writes an object in one request.
    pub(super) fn put(&self, key: &str, body: Bytes, digest: &Digest, only_new: bool) -> Result<Put, ProviderError> {
        let (s3, bucket, owner) = self.client();
        let (name, sum) = (key.to_owned(), base64(digest.bytes()));
        self.run(&format!("write `{}`", self.place(key)), "s3:PutObject", async move {
            let send = |condition: Option<String>| {
                again(move || {
                    let request = s3.put_object().bucket(&bucket).expected_bucket_owner(&owner).key(&name);
                    let request = request.body(ByteStream::from(body.clone())).checksum_sha256(&sum);
                    let request = request.set_if_none_match(condition.clone()).customize();
                    let request = request.config_override(Builder::new().timeout_config(limits(body.len())));
                    async move { request.send().await.map_err(|error| fault(&error)) }
                })
            };
            conditionally(only_new, send).await.map(|made| made.map(|answer| answer.version_id().map(str::to_owned)))
        })
        .map(Put::from)
    }

    /// The uploads of a key that were begun and not ended, the oldest first.
    pub(super) fn uploads(&self, key: &str) -> Result<Vec<String>, ProviderError> {
        let (s3, bucket, owner) = self.client();
        let name = key.to_owned();
        let what = format!("look for uploads of `{}` that were cut off", self.place(key));
        self.run(&what, "s3:ListBucketMultipartUploads", async move {
            let listed = again(|| {
                let request = s3.list_multipart_uploads().bucket(&bucket).expected_bucket_owner(&owner);
                let request = request.prefix(&name).max_uploads(MOST_UPLOADS);
                async move { request.send().await.map_err(|error| fault(&error)) }
            });
            let listed = listed.await?;
            let mut found: Vec<&MultipartUpload> =
                listed.uploads().iter().filter(|upload| upload.key() == Some(&name)).collect();
            // Processes that begin at one time go on with the same one.
            found.sort_by_key(|upload| {
                (upload.initiated().map(aws_sdk_s3::primitives::DateTime::as_nanos), upload.upload_id())
            });
            Ok(found.into_iter().filter_map(|upload| upload.upload_id().map(str::to_owned)).collect())
        })
    }

    /// The parts of an upload that have arrived; none where the upload has ended.
    pub(super) fn parts(&self, key: &str, upload: &str) -> Result<Option<Vec<Part>>, ProviderError> {
        let (s3, bucket, owner) = self.client();
        let (name, id) = (key.to_owned(), upload.to_owned());
        self.run(&format!("list the parts of `{}`", self.place(key)), "s3:ListMultipartUploadParts", async move {
            let (mut parts, mut marker) = (Vec::new(), None::<String>);
            // A part that is not looked at is sent again.
            for _ in 0..MOST_PAGES {
                let listed = again(|| {
                    let request = s3.list_parts().bucket(&bucket).expected_bucket_owner(&owner).key(&name);
                    let request = request.upload_id(&id).set_part_number_marker(marker.clone());
                    async move { request.send().await.map_err(|error| fault(&error)) }
                });
                let listed = match listed.await {
                    Err(fault) if matches!(fault.cause, Cause::NoUpload | Cause::NoObject) => return Ok(None),
                    // Some servers answer in a form of their own: what cannot be read is sent again.
                    Err(fault) if fault.text.starts_with("status 200") => break,
                    listed => listed?,
                };
                parts.extend_from_slice(listed.parts());
                match listed.next_part_number_marker() {
                    Some(next) if listed.is_truncated() == Some(true) && marker.as_deref() != Some(next) => {
                        marker = Some(next.to_owned());
                    }
                    _ => break,
                }
            }
            Ok(Some(parts))
        })
    }

    /// Begins an upload in parts; its id.
    pub(super) fn begin(&self, key: &str) -> Result<String, ProviderError> {
        let (s3, bucket, owner) = self.client();
        let name = key.to_owned();
        self.run(&format!("begin the upload of `{}`", self.place(key)), "s3:PutObject", async move {
            let begun = again(|| {
                let request = s3.create_multipart_upload().bucket(&bucket).expected_bucket_owner(&owner).key(&name);
                let request = request.checksum_algorithm(ChecksumAlgorithm::Sha256);
                async move { request.send().await.map_err(|error| fault(&error)) }
            });
            let id = begun.await?.upload_id;
            id.ok_or_else(|| Fault::lasting(Cause::Unsupported, "the server gave the upload no id"))
        })
    }

    /// Sends a part, without waiting for it.
    pub(super) fn send(&self, key: &str, upload: &str, number: i32, body: Bytes, sha256: String) -> Sending {
        let (s3, bucket, owner) = self.client();
        let (name, id) = (key.to_owned(), upload.to_owned());
        let sent = async move {
            let sent = again(|| {
                let request = s3.upload_part().bucket(&bucket).expected_bucket_owner(&owner).key(&name).upload_id(&id);
                let request = request.part_number(number).checksum_sha256(&sha256);
                let request = request.body(ByteStream::from(body.clone())).customize();
                let limits = limits(body.len() * PARTS_AT_ONCE);
                let request = request.config_override(Builder::new().timeout_config(limits));
                async move { request.send().await.map_err(|error| fault(&error)) }
            });
            let part = CompletedPart::builder().part_number(number).set_e_tag(sent.await?.e_tag);
            Ok(part.checksum_sha256(sha256).build())
        };
        Sending { number, pending: self.line.begin(Box::pin(sent)) }
    }

    /// Waits for a part; none where the upload has ended meanwhile.
    pub(super) fn arrived(&self, key: &str, sending: Sending) -> Result<Option<CompletedPart>, ProviderError> {
        let what = format!("send part {} of `{}`", sending.number, self.place(key));
        match self.line.end(sending.pending) {
            Err(fault) if matches!(fault.cause, Cause::NoUpload | Cause::NoObject) => Ok(None),
            sent => sent.map(Some).map_err(|fault| self.line.failed(&fault, &what, "s3:PutObject")),
        }
    }

    /// Makes an object of the parts.
    pub(super) fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<CompletedPart>,
        only_new: bool,
    ) -> Result<Put, ProviderError> {
        let (s3, bucket, owner) = self.client();
        let (name, id) = (key.to_owned(), upload.to_owned());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.run(&format!("end the upload of `{}`", self.place(key)), "s3:PutObject", async move {
            let send = |condition: Option<String>| {
                again(move || {
                    let request = s3.complete_multipart_upload().bucket(&bucket).expected_bucket_owner(&owner);
                    let request = request.key(&name).upload_id(&id).multipart_upload(parts.clone());
                    let request = request.set_if_none_match(condition.clone());
                    async move { request.send().await.map_err(|error| fault(&error)) }
                })
            };
            conditionally(only_new, send).await.map(|made| made.map(|answer| answer.version_id().map(str::to_owned)))
        })
        .map(Put::from)
    }

    /// Ends an upload without an object. One that has ended is as good.
    pub(super) fn abort(&self, key: &str, upload: &str) -> Result<(), ProviderError> {
        let (s3, bucket, owner) = self.client();
        let (name, id) = (key.to_owned(), upload.to_owned());
        self.run(&format!("end an upload of `{}`", self.place(key)), "s3:AbortMultipartUpload", async move {
            let ended = again(|| {
                let request = s3.abort_multipart_upload().bucket(&bucket).expected_bucket_owner(&owner);
                let request = request.key(&name).upload_id(&id);
                async move { request.send().await.map_err(|error| fault(&error)) }
            });
            match ended.await {
                Err(fault) if !matches!(fault.cause, Cause::NoUpload | Cause::NoObject) => Err(fault),
                _ => Ok(()),
            }
        })
    }
}

impl From<Option<Option<String>>> for Put {
    fn from(made: Option<Option<String>>) -> Self {
        made.map_or(Self::Elsewhere, Self::Made)
    }
}

/// Writes under the condition that the key is free, where the server knows conditions; none where somebody has taken
/// the key, or has ended the upload.
async fn conditionally<T, F>(only_new: bool, send: impl FnOnce(Option<String>) -> F + Clone) -> Result<Option<T>, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let condition = only_new.then(|| "*".to_owned());
    let mut sent = Box::pin(send.clone()(condition)).await;
    if only_new && sent.as_ref().is_err_and(|fault| fault.cause == Cause::Unsupported) {
        sent = Box::pin(send(None)).await;
    }
    match sent {
        Err(fault) if matches!(fault.cause, Cause::Taken | Cause::Conflict | Cause::NoUpload | Cause::NoObject) => {
            Ok(None)
        }
        sent => sent.map(Some),
    }
}
