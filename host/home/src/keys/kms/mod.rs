//! Keys of AWS KMS that wrap the keys of a home. The service encrypts and decrypts; its key never leaves it. What is
//! wrapped is bound to its context, which the service's log shows.

mod hint;
mod settings;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::config::Builder;
use aws_sdk_kms::primitives::Blob;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::aws::{Cause, Fault, Worker, config, http};
use crate::keys::{WrapError, Wrapper};

use hint::{Action, cause, error};

pub use settings::{KmsSettings, KmsSettingsError};

/// All of a request: looking for credentials, taking a role, and the attempts of the SDK.
const LIMIT: Duration = Duration::from_secs(60);
const GONE: &str = "the thread that talks to the service has ended";

/// A key of AWS KMS. Configuration is read and a connection is made when it is first asked.
pub struct KmsWrapper {
    settings: KmsSettings,
    line: OnceLock<Arc<Line>>,
}

/// The way to the service.
struct Line {
    client: Client,
    worker: Worker,
}

impl KmsWrapper {
    /// Takes a key. Asks nothing.
    ///
    /// # Errors
    /// When the settings name no key.
    pub fn new(settings: KmsSettings) -> Result<Self, KmsSettingsError> {
        settings.check()?;
        Ok(Self { settings, line: OnceLock::new() })
    }

    fn line(&self) -> Result<Arc<Line>, Fault> {
        if let Some(line) = self.line.get() {
            return Ok(Arc::clone(line));
        }
        let worker = Worker::start().map_err(|error| Fault::lasting(Cause::Other, error.to_string()))?;
        let settings = self.settings.clone();
        let client = worker.run(async move { Box::pin(connect(&settings)).await });
        let client = client.unwrap_or_else(|| Err(Fault::passing(GONE)))?;
        // Another thread may have been faster.
        Ok(Arc::clone(self.line.get_or_init(|| Arc::new(Line { client, worker }))))
    }

    /// Waits for an answer of the service.
    fn ask<F>(&self, action: Action, send: impl FnOnce(Client) -> F) -> Result<Vec<u8>, WrapError>
    where
        F: Future<Output = Result<Option<Blob>, Fault>> + Send + 'static,
    {
        let answer = self.line().and_then(|line| {
            let work = Box::pin(send(line.client.clone()));
            let answer =
                line.worker.run(async { timeout(LIMIT, work).await }).unwrap_or_else(|| Ok(Err(Fault::passing(GONE))));
            let answer =
                answer.unwrap_or_else(|_| Err(Fault::silent(format!("no answer in {} s", LIMIT.as_secs()))))?;
            answer.map(Blob::into_inner).ok_or_else(|| Fault::lasting(Cause::Other, "the answer is empty"))
        });
        answer.map_err(|fault| error(&fault, action, &self.settings))
    }
}

/// Reads configuration and makes a client. Credentials are looked for when the first request needs them.
async fn connect(settings: &KmsSettings) -> Result<Client, Fault> {
    let access = settings.access();
    let base = config(&access, &http()).await;
    if base.region().is_none() {
        let hint = "name the key by its ARN, which says the region, or set `region`";
        return Err(Fault::lasting(Cause::Settings(hint), "no region is known"));
    }
    let mut config = Builder::from(&base);
    if let Some(endpoint) = &access.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}

fn owned(context: &[(&str, &str)]) -> HashMap<String, String> {
    context.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl Wrapper for KmsWrapper {
    fn id(&self) -> String {
        self.settings.id()
    }

    fn wrap(&self, key: &[u8], context: &[(&str, &str)]) -> Result<Vec<u8>, WrapError> {
        self.ask(Action::Encrypt, |client| {
            let request = client.encrypt().key_id(&self.settings.key).plaintext(Blob::new(key));
            let request = request.set_encryption_context(Some(owned(context)));
            async move {
                let answer = request.send().await.map_err(|error| Fault::of(&error, cause))?;
                Ok(answer.ciphertext_blob)
            }
        })
    }

    fn unwrap(&self, wrapped: &[u8], context: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let plain = self.ask(Action::Decrypt, |client| {
            // With the key named, what another key has encrypted is refused.
            let request = client.decrypt().key_id(&self.settings.key).ciphertext_blob(Blob::new(wrapped));
            let request = request.set_encryption_context(Some(owned(context)));
            async move {
                let answer = request.send().await.map_err(|error| Fault::of(&error, cause))?;
                Ok(answer.plaintext)
            }
        });
        plain.map(Zeroizing::new)
    }
}
