//! A home's objects in a bucket of Amazon S3, or of a server that speaks its protocol and holds its conditions.

mod bucket;
mod connect;
mod contact;
mod create;
mod fault;
mod hint;
mod listing;
mod removal;
mod settings;
mod upload;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::aws::{Cause, Fault, Worker};

use bucket::Bucket;
use hint::Action;

pub(crate) use listing::{ServerClock, age};
pub use settings::S3Settings;

use super::{Created, Listed, Store, StoreError, StoreListener};

const READS_AT_ONCE: usize = 32;

/// Objects in a bucket. Any number of threads may use it at once; none of them may drive an asynchronous runtime.
pub struct S3Store {
    bucket: Arc<Bucket>,
    worker: Worker,
}

impl S3Store {
    /// Reads the AWS configuration and makes a client. Sends nothing to the bucket: credentials that do not work are
    /// found out by the first request.
    ///
    /// # Errors
    /// When the settings do not fit, or no region is known.
    pub fn open(settings: &S3Settings) -> Result<Self, StoreError> {
        let place = format!("s3://{}/{}", settings.bucket, settings.root());
        let failed = |text: String| Fault::lasting(Cause::Other, text).on(Action::Open, place.clone(), settings);
        let worker = Worker::start().map_err(|error| failed(error.to_string()))?;
        let opening = Bucket::open(settings.clone());
        let bucket = worker.run(Box::pin(opening)).unwrap_or_else(|| Err(failed(GONE.to_owned())))?;
        Ok(Self { bucket: Arc::new(bucket), worker })
    }

    /// Tells a listener where the server does not answer.
    #[must_use]
    pub fn heard_by(self, listener: Arc<dyn StoreListener>) -> Self {
        self.bucket.contact.listen(listener);
        self
    }

    /// Waits for work on the bucket.
    fn run<T, F>(&self, action: Action, key: &str, work: impl FnOnce(Arc<Bucket>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let result = self.worker.run(Box::pin(work(Arc::clone(&self.bucket))));
        result.unwrap_or_else(|| Err(self.bucket.fail(action, key, Fault::passing(GONE))))
    }
}

const GONE: &str = "the thread that talks to the bucket has ended";

impl Store for S3Store {
    fn place(&self, key: &str) -> String {
        self.bucket.place(key)
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let name = key.to_owned();
        self.run(Action::Read, key, |bucket| async move { read(&bucket, &name).await })
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let names = keys.to_vec();
        let first = keys.first().map_or("", String::as_str);
        self.run(Action::Read, first, |bucket| async move {
            let reads = names.iter().map(|name| Box::pin(read(&bucket, name)));
            stream::iter(reads.collect::<Vec<_>>()).buffered(READS_AT_ONCE).try_collect().await
        })
    }

    fn create(&self, key: &str, bytes: &[u8]) -> Result<Created, StoreError> {
        let (name, body) = (key.to_owned(), Bytes::copy_from_slice(bytes));
        self.run(Action::Create, key, |bucket| async move { bucket.create(&name, &body).await })
    }

    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (name, body) = (key.to_owned(), Bytes::copy_from_slice(bytes));
        self.run(Action::Replace, key, |bucket| async move { bucket.replace(&name, &body).await })
    }

    fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let names = keys.to_vec();
        let first = keys.first().map_or("", String::as_str);
        self.run(Action::Delete, first, |bucket| async move {
            let removed = bucket.remove_many(&names).await;
            removed.map_err(|(key, fault)| bucket.fail(Action::Delete, &key, fault))
        })
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let name = prefix.to_owned();
        self.run(Action::List, prefix, |bucket| async move {
            bucket.list(&name).await.map_err(|fault| bucket.fail(Action::List, &name, fault))
        })
    }
}

async fn read(bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    match bucket.read(key).await {
        Ok(found) => Ok(found.map(Vec::from)),
        Err(fault) => Err(bucket.fail(Action::Read, key, fault)),
    }
}
