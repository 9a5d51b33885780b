//! Single requests to a bucket: put, read and remove one object. What an answer that was lost means for a creation is
//! decided in [`super::create`].

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, SharedHttpClient};
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use parking_lot::RwLock;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{sleep, timeout};

use crate::aws::{Cause, Fault, carrying, chain, http, limits};
use crate::store::StoreError;

use super::S3Settings;
use super::connect::connect;
use super::contact::Contact;
use super::create;
use super::fault::fault;
use super::hint::Action;

/// The longest object that is read, bytes.
const LARGEST: usize = 1024 * 1024 * 1024;
/// How often a request is sent that fails for a moment, and a body asked for that was cut off; each time is up to three
/// requests by the SDK, which gives up earlier where much goes wrong at once.
const ROUNDS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a body without a length may take: as one of this many bytes.
const UNKNOWN_LENGTH: usize = 16 * 1024 * 1024;

/// Under which condition an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// No object has the name.
    Free,
    Always,
}

impl Condition {
    pub(super) fn header(self) -> Option<String> {
        (self == Self::Free).then(|| "*".to_owned())
    }
}

/// A bucket, or the part of it below a prefix.
pub(super) struct Bucket {
    settings: S3Settings,
    root: String,
    http: SharedHttpClient,
    /// The client, and how often its credentials were read anew.
    client: RwLock<(u64, Client)>,
    renewing: Mutex<()>,
    pub(super) contact: Contact,
    /// Set when the server was seen to hold conditions on uploads in parts.
    pub(super) conditional_uploads: OnceCell<()>,
}

impl Bucket {
    pub(super) async fn open(settings: S3Settings) -> Result<Self, StoreError> {
        let place = format!("s3://{}/{}", settings.bucket, settings.root());
        if let Some((text, hint)) = settings.fault() {
            return Err(Fault::lasting(Cause::Settings(hint), text).on(Action::Open, place, &settings));
        }
        let http = http();
        match connect(&settings, &http).await {
            Ok(client) => Ok(Self {
                root: settings.root(),
                settings,
                http,
                client: RwLock::new((0, client)),
                renewing: Mutex::default(),
                contact: Contact::new(place),
                conditional_uploads: OnceCell::new(),
            }),
            Err(fault) => Err(fault.on(Action::Open, place, &settings)),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.bucket
    }

    /// Who has to own it.
    pub(super) fn owner(&self) -> Option<String> {
        self.settings.owner.clone()
    }

    /// What names of objects begin with.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) fn full(&self, key: &str) -> String {
        format!("{}{key}", self.root)
    }

    pub(super) fn place(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.settings.bucket, self.root)
    }

    pub(super) fn fail(&self, action: Action, key: &str, fault: Fault) -> StoreError {
        fault.on(action, self.place(key), &self.settings)
    }

    /// Sends a request without a body to speak of, and again where it failed for a moment.
    pub(super) async fn request<T, F>(&self, send: impl Fn(Client) -> F + Send + Sync) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>> + Send,
    {
        self.request_with(0, send).await
    }

    /// The same with a body of so many bytes.
    pub(super) async fn request_with<T, F>(
        &self,
        bytes: usize,
        send: impl Fn(Client) -> F + Send + Sync,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>> + Send,
    {
        let (more, limit) = (carrying(bytes), limits(bytes).operation_timeout().unwrap_or_default());
        let mut round = 1;
        loop {
            match self.contact.watch(more, limit, self.request_once(&send)).await {
                Err(fault) if fault.is_short() && round < ROUNDS => pause(round).await,
                result => return result,
            }
            round += 1;
        }
    }

    /// Sends a request, and again with credentials read anew where the server calls them expired: somebody may have
    /// signed in again meanwhile.
    async fn request_once<T, F>(&self, send: &(impl Fn(Client) -> F + Send + Sync)) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>> + Send,
    {
        let (number, client) = self.client.read().clone();
        match Box::pin(send(client)).await {
            Err(fault) if fault.cause == Cause::Expired => {
                self.renew(number).await?;
                let (_, client) = self.client.read().clone();
                Box::pin(send(client)).await
            }
            result => result,
        }
    }

    async fn renew(&self, seen: u64) -> Result<(), Fault> {
        let _only_one = self.renewing.lock().await;
        if self.client.read().0 == seen {
            let client = Box::pin(connect(&self.settings, &self.http)).await?;
            *self.client.write() = (seen + 1, client);
        }
        Ok(())
    }

    /// Writes an object in one request.
    pub(super) async fn put(&self, key: &str, body: &Bytes, condition: Condition) -> Result<(), Fault> {
        let send = |client: Client| {
            let request =
                client.put_object().bucket(self.name()).set_expected_bucket_owner(self.owner()).key(self.full(key));
            let request = request.body(ByteStream::from(body.clone())).set_if_none_match(condition.header());
            async move {
                let request = request.customize().config_override(Builder::new().timeout_config(limits(body.len())));
                request.send().await.map_err(|error| fault(&error))
            }
        };
        match condition {
            // The creation looks at what became of it before it goes on.
            Condition::Free => {
                let (more, limit) = (carrying(body.len()), create::limit(body.len()));
                self.contact.watch(more, limit, self.request_once(&send)).await.map(drop)
            }
            Condition::Always => self.request_with(body.len(), send).await.map(drop),
        }
    }

    /// Reads an object; none where there is none.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        let mut reads = 1;
        loop {
            let send = |client: Client| {
                let request =
                    client.get_object().bucket(self.name()).set_expected_bucket_owner(self.owner()).key(self.full(key));
                async move { request.send().await.map_err(|error| fault(&error)) }
            };
            let answer = match self.request(send).await {
                Err(fault) if fault.cause == Cause::NoObject => return Ok(None),
                answer => answer?,
            };
            let length = answer.content_length().and_then(|length| usize::try_from(length).ok());
            // The SDK sends no request again once the answer has begun.
            match collect(answer.body, length).await {
                Err(fault) if fault.is_short() && reads < ROUNDS => reads += 1,
                result => return result.map(Some),
            }
        }
    }

    /// Removes an object. One that is gone already is no fault.
    pub(super) async fn remove(&self, key: &str) -> Result<(), Fault> {
        let send = |client: Client| {
            let request =
                client.delete_object().bucket(self.name()).set_expected_bucket_owner(self.owner()).key(self.full(key));
            async move { request.send().await.map_err(|error| fault(&error)) }
        };
        match self.request(send).await {
            Err(fault) if fault.cause != Cause::NoObject => Err(fault),
            _ => Ok(()),
        }
    }
}

/// Waits before the next round, longer each time.
pub(super) async fn pause(round: u32) {
    sleep(FIRST_PAUSE * 2_u32.pow(round - 1)).await;
}

/// The whole body. One that ends early, or does not go on, is a fault that may pass.
async fn collect(mut body: ByteStream, length: Option<usize>) -> Result<Bytes, Fault> {
    let too_large = || Fault::lasting(Cause::TooLarge, format!("it is longer than {LARGEST} bytes"));
    if length.is_some_and(|length| length > LARGEST) {
        return Err(too_large());
    }
    let pieces = async {
        let mut bytes = BytesMut::with_capacity(length.unwrap_or_default());
        while let Some(piece) = body.next().await {
            let piece =
                piece.map_err(|error| Fault::passing(format!("the object did not arrive whole: {}", chain(&error))))?;
            if bytes.len() + piece.len() > LARGEST {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    };
    let limit = limits(0).operation_attempt_timeout().unwrap_or_default() + carrying(length.unwrap_or(UNKNOWN_LENGTH));
    let bytes = timeout(limit, pieces).await.map_err(|_| Fault::silent("the object did not arrive in time"))??;
    match length {
        Some(length) if length != bytes.len() => {
            Err(Fault::passing(format!("{} of {length} bytes of the object arrived", bytes.len())))
        }
        _ => Ok(bytes),
    }
}
