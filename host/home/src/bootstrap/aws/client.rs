//! Requests of the preparation: who we are, and one bucket's settings. Every request about a bucket says which account
//! has to own it, so that a bucket that a stranger made under our name is refused instead of trusted.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, Delete, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, ObjectIdentifier, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};
use cofferdam_model::error::{ErrorKind, ProviderError};
use serde_json::Value;

use super::AwsBootstrapSettings;
use super::names::{Bucket, tls_only};
use crate::aws::{Answer, AwsAccess, Cause, Fault, Pending, Worker, config, http};
use crate::store::Trouble;

/// The region whose buckets are made without naming one.
const FIRST_REGION: &str = "us-east-1";
/// How many versions a server removes in one request.
const REMOVED_AT_ONCE: i32 = 1000;
const GONE: &str = "the thread that talks to the account has ended";

/// Who a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsIdentity {
    /// The account: twelve digits.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
    /// The region that requests go to.
    pub region: String,
}

/// The way to an account.
pub(super) struct Line {
    access: AwsAccess,
    s3: Client,
    sts: aws_sdk_sts::Client,
    region: String,
    endpoint: Option<String>,
    worker: Worker,
}

/// A setting of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    PublicAccess,
    Encryption,
    Versioning,
    TlsOnly,
    Lifecycle,
    Tags,
}

impl Setting {
    /// In the order in which they are made: what keeps strangers out comes first.
    pub(super) const ALL: [Self; 6] =
        [Self::PublicAccess, Self::TlsOnly, Self::Encryption, Self::Versioning, Self::Lifecycle, Self::Tags];

    fn action(self) -> &'static str {
        match self {
            Self::PublicAccess => "PutBucketPublicAccessBlock",
            Self::Encryption => "PutEncryptionConfiguration",
            Self::Versioning => "PutBucketVersioning",
            Self::TlsOnly => "PutBucketPolicy",
            Self::Lifecycle => "PutLifecycleConfiguration",
            Self::Tags => "PutBucketTagging",
        }
    }
}

/// What only S3 says of buckets.
fn cause(answer: &Answer<'_>) -> Option<Cause> {
    Some(match answer.code {
        "NoSuchBucket" => Cause::NoBucket,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            Cause::Region(answer.other_region())
        }
        "SlowDown" | "RequestLimitExceeded" => Cause::Busy,
        "OperationAborted" | "BucketAlreadyOwnedByYou" => Cause::Conflict,
        _ if answer.status == 404 => Cause::NoBucket,
        _ => return None,
    })
}

fn fault<E>(error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    Fault::of(error, cause)
}

/// A fault in the taxonomy, with what was tried and what to do.
fn failed(fault: &Fault, what: &str, action: &str, access: &AwsAccess) -> ProviderError {
    let kind = match fault.cause {
        Cause::Denied => ErrorKind::AccessDenied,
        Cause::Expired | Cause::WrongKeys | Cause::NoCredentials | Cause::CredentialsFailed | Cause::Clock(_) => {
            ErrorKind::BadCredentials
        }
        Cause::NoBucket => ErrorKind::NotFound,
        Cause::Conflict => ErrorKind::Conflict,
        Cause::Settings(_) | Cause::Region(_) => ErrorKind::InvalidInput,
        _ if fault.text.contains("SlowDown") || fault.text.contains("Throttl") => ErrorKind::Throttled,
        _ if fault.trouble == Trouble::Passing => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    };
    let mut message = format!("could not {what}: {}", fault.text);
    let hint = match &fault.cause {
        Cause::Denied => Some(format!(
            "allow `{action}`; the least that a bootstrap needs is printed by `cofferdam bootstrap policy`"
        )),
        Cause::Region(Some(region)) => Some(format!("the bucket is in another region: {region}")),
        _ => fault.hint_of_access(access),
    };
    if let Some(hint) = hint {
        message = format!("{message}; {hint}");
    }
    ProviderError::new(kind, message)
}

impl Line {
    /// Reads configuration and makes the clients.
    pub(super) fn open(settings: &AwsBootstrapSettings) -> Result<Self, ProviderError> {
        let access = settings.access.clone();
        let fail = |fault: &Fault| failed(fault, "read the AWS configuration", "", &settings.access);
        if let Some((text, hint)) = access.fault() {
            return Err(fail(&Fault::lasting(Cause::Settings(hint), text)));
        }
        let worker = Worker::start().map_err(|error| fail(&Fault::lasting(Cause::Other, error.to_string())))?;
        let (asked, path_style) = (access.clone(), settings.path_style);
        let clients = worker.run(async move {
            let base = Box::pin(config(&asked, &http())).await;
            let region = base.region().map(ToString::to_string);
            let mut s3 = aws_sdk_s3::config::Builder::from(&base).force_path_style(path_style);
            let mut sts = aws_sdk_sts::config::Builder::from(&base);
            if let Some(endpoint) = &asked.endpoint {
                s3 = s3.endpoint_url(endpoint);
                sts = sts.endpoint_url(endpoint);
            }
            let endpoint = asked.endpoint.or_else(|| base.endpoint_url().map(str::to_owned));
            (region, endpoint, Client::from_conf(s3.build()), aws_sdk_sts::Client::from_conf(sts.build()))
        });
        let (region, endpoint, s3, sts) = clients.ok_or_else(|| fail(&Fault::passing(GONE)))?;
        let hint = "set `region`, or AWS_REGION in the environment";
        let region = region.ok_or_else(|| fail(&Fault::lasting(Cause::Settings(hint), "no region is known")))?;
        Ok(Self { access, s3, sts, region, endpoint, worker })
    }

    /// A client of S3.
    pub(super) fn s3(&self) -> Client {
        self.s3.clone()
    }

    /// Begins a request without waiting for it.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Pending<Result<T, Fault>> {
        self.worker.begin(work)
    }

    /// Waits for a request.
    pub(super) fn end<T>(&self, pending: Pending<Result<T, Fault>>) -> Result<T, Fault> {
        pending.wait().unwrap_or_else(|| Err(Fault::passing(GONE)))
    }

    /// A fault as an error in the taxonomy.
    pub(super) fn failed(&self, fault: &Fault, what: &str, action: &str) -> ProviderError {
        failed(fault, &format!("{what} ({action})"), action, &self.access)
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        what: &str,
        action: &str,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, ProviderError> {
        self.end(self.begin(Box::pin(work))).map_err(|fault| self.failed(&fault, what, action))
    }

    /// Whether a server is named, in the settings or in the environment.
    pub(super) fn has_endpoint(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Whether the server is reached with TLS.
    pub(super) fn has_tls(&self) -> bool {
        !self.endpoint.as_deref().is_some_and(|url| url.starts_with("http://"))
    }

    /// Asks the token service who the credential is.
    pub(super) fn identity(&self) -> Result<AwsIdentity, ProviderError> {
        let request = self.sts.get_caller_identity();
        let answer = self.run("ask whose the credentials are", "sts:GetCallerIdentity", async move {
            // Everybody may ask that: whoever is refused without a reason is nobody whom the service knows.
            let cause =
                |answer: &Answer<'_>| (answer.status == 403 && answer.code.is_empty()).then_some(Cause::WrongKeys);
            request.send().await.map_err(|error| Fault::of(&error, cause))
        })?;
        let account = answer.account().unwrap_or_default().to_owned();
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ProviderError::new(ErrorKind::Other, "the token service named no account"));
        }
        Ok(AwsIdentity { account, arn: answer.arn().unwrap_or_default().to_owned(), region: self.region.clone() })
    }

    /// Whether a bucket is there and ours.
    pub(super) fn exists(&self, bucket: &str, owner: &str) -> Result<bool, ProviderError> {
        let request = self.s3.head_bucket().bucket(bucket).expected_bucket_owner(owner);
        let found = self.run(&format!("look at bucket `{bucket}`"), "s3:ListBucket", async move {
            match request.send().await.map_err(|error| fault(&error)) {
                Ok(_) => Ok(Found::Ours),
                Err(fault) if fault.cause == Cause::NoBucket => Ok(Found::Nothing),
                Err(fault) if fault.cause == Cause::Denied => Ok(Found::Denied(fault.text)),
                Err(fault) => Err(fault),
            }
        })?;
        match found {
            Found::Ours => Ok(true),
            Found::Nothing => Ok(false),
            Found::Denied(text) => Err(ProviderError::new(
                ErrorKind::AccessDenied,
                format!(
                    "bucket `{bucket}` belongs to another account, or `s3:ListBucket` on it is denied ({text}); where \
                     somebody else has the name, choose another `prefix` or `namespace` for the bootstrap"
                ),
            )),
        }
    }

    /// Makes a bucket. One of ours that is there already is as good.
    pub(super) fn create(&self, bucket: &str, owner: &str) -> Result<(), ProviderError> {
        let mut request = self.s3.create_bucket().bucket(bucket);
        if self.region != FIRST_REGION {
            let region = BucketLocationConstraint::from(self.region.as_str());
            let place = CreateBucketConfiguration::builder().location_constraint(region).build();
            request = request.create_bucket_configuration(place);
        }
        let made = self.run(&format!("create bucket `{bucket}`"), "s3:CreateBucket", async move {
            match request.send().await {
                Ok(_) => Ok(true),
                Err(error) => match error.as_service_error() {
                    Some(CreateBucketError::BucketAlreadyOwnedByYou(_)) => Ok(true),
                    Some(CreateBucketError::BucketAlreadyExists(_)) => Ok(false),
                    _ => Err(fault(&error)),
                },
            }
        })?;
        // Also where it was just made: some servers say yes to whoever asks.
        if self.exists(bucket, owner)? {
            return Ok(());
        }
        if made {
            return Err(ProviderError::new(ErrorKind::NotStabilized, format!("bucket `{bucket}` is not there yet")));
        }
        Err(ProviderError::new(
            ErrorKind::AlreadyExists,
            format!(
                "the name of bucket `{bucket}` is taken by another account; choose another `prefix` or `namespace` for \
                 the bootstrap"
            ),
        ))
    }

    /// Makes one setting of a bucket what it should be.
    pub(super) fn set(
        &self,
        setting: Setting,
        kind: Bucket,
        bucket: &str,
        owner: &str,
        settings: &AwsBootstrapSettings,
        partition: &str,
    ) -> Result<(), ProviderError> {
        let s3 = &self.s3;
        let what = format!("set up bucket `{bucket}`");
        let action = format!("s3:{}", setting.action());
        match setting {
            Setting::PublicAccess => {
                let block = PublicAccessBlockConfiguration::builder()
                    .block_public_acls(true)
                    .ignore_public_acls(true)
                    .block_public_policy(true)
                    .restrict_public_buckets(true)
                    .build();
                let request = s3.put_public_access_block().bucket(bucket).expected_bucket_owner(owner);
                let request = request.public_access_block_configuration(block);
                self.run(&what, &action, async move { request.send().await.map(drop).map_err(|error| fault(&error)) })
            }
            Setting::Encryption => {
                let encryption = encryption(settings.kms_key.as_deref());
                let request = s3.put_bucket_encryption().bucket(bucket).expected_bucket_owner(owner);
                let request = request.server_side_encryption_configuration(encryption);
                self.run(&what, &action, async move { request.send().await.map(drop).map_err(|error| fault(&error)) })
            }
            Setting::Versioning => {
                let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
                let request = s3.put_bucket_versioning().bucket(bucket).expected_bucket_owner(owner);
                let request = request.versioning_configuration(versioning);
                self.run(&what, &action, async move { request.send().await.map(drop).map_err(|error| fault(&error)) })
            }
            Setting::TlsOnly => {
                let request = s3.put_bucket_policy().bucket(bucket).expected_bucket_owner(owner);
                let request = request.policy(tls_only(partition, bucket).to_string());
                self.run(&what, &action, async move { request.send().await.map(drop).map_err(|error| fault(&error)) })
            }
            Setting::Lifecycle => {
                let request = s3.put_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(owner);
                let request = request.lifecycle_configuration(lifecycle(kind));
                self.run(&what, &action, async move { request.send().await.map(drop).map_err(|error| fault(&error)) })
            }
            Setting::Tags => {
                let tags = settings.all_tags().into_iter().map(|(key, value)| tag(&key, &value)).collect();
                let tagging = Tagging::builder().set_tag_set(Some(tags)).build().expect("the tags are given");
                let request = s3.put_bucket_tagging().bucket(bucket).expected_bucket_owner(owner).tagging(tagging);
                self.run(&what, &action, async move { request.send().await.map(drop).map_err(|error| fault(&error)) })
            }
        }
    }

    /// Whether one setting of a bucket is what it should be; what is wrong, where something is.
    pub(super) fn check(
        &self,
        setting: Setting,
        bucket: &str,
        owner: &str,
        settings: &AwsBootstrapSettings,
        partition: &str,
    ) -> Result<Option<String>, ProviderError> {
        let s3 = &self.s3;
        let what = format!("look at bucket `{bucket}`");
        let is_right = match setting {
            Setting::PublicAccess => {
                let request = s3.get_public_access_block().bucket(bucket).expected_bucket_owner(owner);
                let found = self.run(&what, "s3:GetBucketPublicAccessBlock", async move {
                    absent(request.send().await.map_err(|error| fault(&error)), "NoSuchPublicAccessBlock")
                })?;
                found.and_then(|found| found.public_access_block_configuration).is_some_and(|block| {
                    [
                        block.block_public_acls,
                        block.ignore_public_acls,
                        block.block_public_policy,
                        block.restrict_public_buckets,
                    ]
                    .iter()
                    .all(|on| *on == Some(true))
                })
            }
            Setting::Encryption => {
                let request = s3.get_bucket_encryption().bucket(bucket).expected_bucket_owner(owner);
                let found = self.run(&what, "s3:GetEncryptionConfiguration", async move {
                    absent(
                        request.send().await.map_err(|error| fault(&error)),
                        "ServerSideEncryptionConfigurationNotFound",
                    )
                })?;
                let found = found.and_then(|found| found.server_side_encryption_configuration);
                let rule = found.and_then(|found| found.rules.into_iter().next());
                let default = rule.and_then(|rule| rule.apply_server_side_encryption_by_default);
                default
                    .is_some_and(|default| settings.kms_key.is_none() || default.kms_master_key_id == settings.kms_key)
            }
            Setting::Versioning => {
                let request = s3.get_bucket_versioning().bucket(bucket).expected_bucket_owner(owner);
                let found = self.run(&what, "s3:GetBucketVersioning", async move {
                    match request.send().await.map_err(|error| fault(&error)) {
                        // Some servers answer in a form of their own, which says nothing.
                        Err(fault) if fault.text.starts_with("status 200") => Ok(None),
                        result => result.map(Some),
                    }
                })?;
                found.is_none_or(|found| found.status == Some(BucketVersioningStatus::Enabled))
            }
            Setting::TlsOnly => {
                let request = s3.get_bucket_policy().bucket(bucket).expected_bucket_owner(owner);
                let found = self.run(&what, "s3:GetBucketPolicy", async move {
                    absent(request.send().await.map_err(|error| fault(&error)), "NoSuchBucketPolicy")
                })?;
                let found = found.and_then(|found| found.policy).and_then(|text| serde_json::from_str(&text).ok());
                let wanted = tls_only(partition, bucket);
                found.is_some_and(|found: Value| has_statement(&found, &wanted))
            }
            Setting::Lifecycle => {
                let request = s3.get_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(owner);
                let found = self.run(&what, "s3:GetLifecycleConfiguration", async move {
                    absent(request.send().await.map_err(|error| fault(&error)), "NoSuchLifecycleConfiguration")
                })?;
                let rules = found.and_then(|found| found.rules).unwrap_or_default();
                rules.iter().any(|rule| {
                    *rule.status() == ExpirationStatus::Enabled && rule.noncurrent_version_expiration().is_some()
                })
            }
            Setting::Tags => {
                let request = s3.get_bucket_tagging().bucket(bucket).expected_bucket_owner(owner);
                let found = self.run(&what, "s3:GetBucketTagging", async move {
                    absent(request.send().await.map_err(|error| fault(&error)), "NoSuchTagSet")
                })?;
                let found = found.map(|found| found.tag_set).unwrap_or_default();
                settings
                    .all_tags()
                    .iter()
                    .all(|(key, value)| found.iter().any(|tag| tag.key == *key && tag.value == *value))
            }
        };
        Ok((!is_right).then(|| format!("bucket `{bucket}`: {}", setting.missing())))
    }

    /// Removes every version of every object, then the bucket. One that is gone is as good.
    pub(super) fn destroy(&self, bucket: &str, owner: &str) -> Result<(), ProviderError> {
        let (s3, name, account) = (self.s3.clone(), bucket.to_owned(), owner.to_owned());
        let emptied = self.run(&format!("empty bucket `{bucket}`"), "s3:DeleteObjectVersion", async move {
            match Box::pin(empty(&s3, &name, &account)).await {
                Err(fault) if fault.cause == Cause::NoBucket => Ok(false),
                result => result.map(|()| true),
            }
        })?;
        if !emptied {
            return Ok(());
        }
        let request = self.s3.delete_bucket().bucket(bucket).expected_bucket_owner(owner);
        self.run(&format!("delete bucket `{bucket}`"), "s3:DeleteBucket", async move {
            match request.send().await.map(drop).map_err(|error| fault(&error)) {
                Err(fault) if fault.cause == Cause::NoBucket => Ok(()),
                result => result,
            }
        })
    }
}

enum Found {
    Ours,
    Nothing,
    Denied(String),
}

impl Setting {
    fn missing(self) -> &'static str {
        match self {
            Self::PublicAccess => "public access is not blocked",
            Self::Encryption => "its default encryption is not the one of the bootstrap",
            Self::Versioning => "it keeps no versions",
            Self::TlsOnly => "its policy lets requests without TLS in",
            Self::Lifecycle => "old versions stay for ever",
            Self::Tags => "its tags are not those of the bootstrap",
        }
    }
}

/// None for a setting that is not there at all, which servers tell by a code of its own.
fn absent<T>(answer: Result<T, Fault>, code: &str) -> Result<Option<T>, Fault> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.text.starts_with(code) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn has_statement(found: &Value, wanted: &Value) -> bool {
    let wanted = &wanted["Statement"][0];
    let parts = ["Effect", "Condition", "Resource", "Principal", "Action"];
    let same = |statement: &Value| parts.iter().all(|part| statement[part] == wanted[part]);
    found["Statement"].as_array().is_some_and(|statements| statements.iter().any(same))
}

fn encryption(kms_key: Option<&str>) -> ServerSideEncryptionConfiguration {
    let algorithm = if kms_key.is_some() { ServerSideEncryption::AwsKms } else { ServerSideEncryption::Aes256 };
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(algorithm)
        .set_kms_master_key_id(kms_key.map(str::to_owned))
        .build()
        .expect("the algorithm is given");
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .set_bucket_key_enabled(kms_key.map(|_| true))
        .build();
    ServerSideEncryptionConfiguration::builder().rules(rule).build().expect("the rule is given")
}

fn lifecycle(kind: Bucket) -> BucketLifecycleConfiguration {
    let rule = LifecycleRule::builder()
        .id("cofferdam-old-versions")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(kind.days()).build())
        .abort_incomplete_multipart_upload(AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build())
        .build()
        .expect("the status is given");
    BucketLifecycleConfiguration::builder().rules(rule).build().expect("the rule is given")
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().expect("key and value are given")
}

async fn empty(s3: &Client, bucket: &str, owner: &str) -> Result<(), Fault> {
    loop {
        let request = s3.list_object_versions().bucket(bucket).expected_bucket_owner(owner).max_keys(REMOVED_AT_ONCE);
        let listed = request.send().await.map_err(|error| fault(&error))?;
        let versions = listed.versions().iter().map(|object| (object.key(), object.version_id()));
        let markers = listed.delete_markers().iter().map(|object| (object.key(), object.version_id()));
        let objects: Vec<ObjectIdentifier> = versions
            .chain(markers)
            .filter_map(|(key, version)| {
                ObjectIdentifier::builder().key(key?).set_version_id(version.map(str::to_owned)).build().ok()
            })
            .collect();
        if objects.is_empty() {
            return Ok(());
        }
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().expect("the objects are given");
        let request = s3.delete_objects().bucket(bucket).expected_bucket_owner(owner).delete(delete);
        let removed = request.send().await.map_err(|error| fault(&error))?;
        if let Some(error) = removed.errors().first() {
            let text = format!(
                "{}: {}",
                error.code().unwrap_or("no code"),
                error.message().unwrap_or("an object could not be removed")
            );
            return Err(Fault::lasting(Cause::Denied, text));
        }
    }
}
