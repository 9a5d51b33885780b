//! Bootstraps of plugins: what they ask for, whose account it is, and that each scope is prepared once.

pub(crate) mod registry;
mod sync;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_model::bootstrap::{
    BootstrapRequest, BootstrapScope, Bootstraps, Looked, OpenBootstrap, check_namespace, check_region,
};
use cofferdam_model::capabilities::{AwsSource, CredentialSource, Grant};
use cofferdam_model::error::{ErrorKind, ProviderError};
use cofferdam_model::provider::Mode;
use cofferdam_model::{Digest, ProviderKey, document};
use serde::Deserialize;

use crate::assets::PublishKey;
use crate::host::clock::Clock;
use registry::{Failure, Key, Refused, Registry};

/// The longest text of a scope, bytes.
const MAX_SCOPE_BYTES: usize = 8 * 1024;
/// How many scopes a provider may have in one run.
const MAX_SCOPES: usize = 256;
/// For how long a failure that nobody retries is answered from memory.
const LASTING: Duration = Duration::from_secs(30);
/// The same where a retry may help, and the service names no time.
const PASSING: Duration = Duration::from_secs(1);

/// What a plugin may say of the scope that it wants. The account is none of it: where it is named, it is compared.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    credential: Option<String>,
    region: Option<String>,
    namespace: Option<String>,
    account: Option<String>,
}

/// One credential of one provider in one place: two providers never share one, whatever they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OpenKey {
    provider: String,
    credential: String,
    region: Option<String>,
    namespace: Option<String>,
}

impl fmt::Display for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credential `{}` of provider `{}`", self.credential, self.provider)
    }
}

impl Key for OpenKey {
    fn owner(&self) -> &str {
        &self.provider
    }
}

/// One scope of one provider's credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ScopeKey {
    provider: String,
    credential: String,
    scope: BootstrapScope,
}

impl fmt::Display for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for provider `{}`", self.scope, self.provider)
    }
}

impl Key for ScopeKey {
    fn owner(&self) -> &str {
        &self.provider
    }
}

/// What a plugin is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ensured {
    /// The record, as JSON text.
    Ready(Arc<str>),
    /// What a deploy would do.
    Would(Arc<[String]>),
}

type Known<T> = Registry<ScopeKey, T, ProviderError>;

/// The bootstraps of one run.
pub(crate) struct Ensurer {
    host: Arc<dyn Bootstraps>,
    opened: Registry<OpenKey, Arc<dyn OpenBootstrap>, ProviderError>,
    looked: Known<Ensured>,
    prepared: Known<Ensured>,
}

impl Ensurer {
    pub fn new(host: Arc<dyn Bootstraps>, clock: &Arc<dyn Clock>) -> Self {
        let elapsed = || {
            let clock = Arc::clone(clock);
            move || Duration::from_nanos(clock.monotonic_ns())
        };
        Self {
            host,
            opened: Registry::new(elapsed(), MAX_SCOPES),
            looked: Registry::new(elapsed(), MAX_SCOPES),
            prepared: Registry::new(elapsed(), MAX_SCOPES),
        }
    }

    /// Makes sure that what a plugin asks for is prepared; in a mode that reads, says what would be.
    ///
    /// # Errors
    /// In the taxonomy of the contract.
    pub async fn ensure(
        &self,
        provider: &ProviderKey,
        grant: &Grant,
        mode: Mode,
        scope: &str,
    ) -> Result<Ensured, ProviderError> {
        let (key, open) = self.open(provider, grant, scope).await?;
        let known = match mode {
            Mode::ReadOnly => {
                let work = || async move {
                    Ok(match open.look().await.map_err(failure)? {
                        Looked::Ready(record) => ready(&record),
                        Looked::Missing(steps) => Ensured::Would(steps.into()),
                    })
                };
                self.looked.ensure(key, None, work).await
            }
            Mode::Write => {
                let work = || async move { open.prepare().await.map(|record| ready(&record)).map_err(failure) };
                self.prepared.ensure(key, None, work).await
            }
        };
        known.map_err(|refused| error(refused, "prepare"))
    }

    /// Where an asset is published that belongs to a scope, prepared by then.
    ///
    /// # Errors
    /// As [`Ensurer::ensure`].
    pub async fn place(
        &self,
        provider: &ProviderKey,
        grant: &Grant,
        scope: &str,
        digest: Digest,
    ) -> Result<(PublishKey, Arc<dyn OpenBootstrap>), ProviderError> {
        self.ensure(provider, grant, Mode::Write, scope).await?;
        let (key, open) = self.open(provider, grant, scope).await?;
        let ScopeKey { provider, credential, scope } = key;
        Ok((PublishKey { provider, credential, scope, digest }, open))
    }

    /// The scope that a plugin asks for, once it is known whose account the credential is of.
    async fn open(
        &self,
        provider: &ProviderKey,
        grant: &Grant,
        scope: &str,
    ) -> Result<(ScopeKey, Arc<dyn OpenBootstrap>), ProviderError> {
        let asked = parse(scope)?;
        let (credential, source) = credential(grant, asked.credential.as_deref())?;
        let key = OpenKey {
            provider: provider.to_string(),
            credential: credential.to_owned(),
            region: asked.region.clone(),
            namespace: asked.namespace.clone(),
        };
        let request = || BootstrapRequest {
            provider: provider.clone(),
            credential: credential.to_owned(),
            source: source.clone(),
            region: asked.region.clone(),
            namespace: asked.namespace.clone(),
        };
        let open = self.opened.ensure(key, None, || {
            let (host, request) = (Arc::clone(&self.host), request());
            async move { host.open(&request).await.map_err(failure) }
        });
        let open = open.await.map_err(|refused| error(refused, "find out the account of"))?;
        let account = &open.scope().account;
        if let Some(other) = asked.account.filter(|other| other != account) {
            return Err(ProviderError::new(
                ErrorKind::AccessDenied,
                format!(
                    "the plugin asks for account {}, and the credential `{credential}` is of {account}: the credential \
                     decides",
                    shown(&other)
                ),
            ));
        }
        let (provider, credential) = (provider.to_string(), credential.to_owned());
        Ok((ScopeKey { provider, credential, scope: open.scope().clone() }, open))
    }

    /// Prepares nothing any more, and waits for what goes on.
    pub async fn drain(&self) {
        self.opened.drain().await;
        self.looked.drain().await;
        self.prepared.drain().await;
    }
}

fn ready(record: &serde_json::Map<String, serde_json::Value>) -> Ensured {
    Ensured::Ready(serde_json::to_string(record).unwrap_or_default().into())
}

fn parse(text: &str) -> Result<Asked, ProviderError> {
    let invalid = |why: String| ProviderError::new(ErrorKind::InvalidInput, format!("this is no scope: {why}"));
    if text.len() > MAX_SCOPE_BYTES {
        return Err(invalid(format!("{} bytes, more than the {MAX_SCOPE_BYTES} allowed", text.len())));
    }
    document::parse(text).map_err(|error| invalid(error.to_string()))?;
    let asked: Asked = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    asked.region.iter().try_for_each(|region| check_region(region)).map_err(invalid)?;
    asked.namespace.iter().try_for_each(|namespace| check_namespace(namespace)).map_err(invalid)?;
    Ok(asked)
}

/// The credential of AWS that was granted under a name, or the only one.
fn credential<'g>(grant: &'g Grant, name: Option<&str>) -> Result<(&'g str, &'g AwsSource), ProviderError> {
    let mut granted = grant.credentials.iter().filter_map(|(name, credential)| match &credential.from {
        CredentialSource::Aws(source) => Some((name.as_str(), &**source)),
        CredentialSource::Env(_) | CredentialSource::Secret(_) => None,
    });
    let denied = |what: String| {
        let line = "credential \"aws\" { from = \"default\" }";
        let text = format!("{what}; to allow it, add to the `grant` block of the provider: {line}");
        ProviderError::new(ErrorKind::AccessDenied, text)
    };
    match name {
        Some(name) => granted
            .find(|(known, _)| *known == name)
            .ok_or_else(|| denied(format!("the credential `{}` is not granted, or is none of AWS", shown(name)))),
        None => match (granted.next(), granted.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(denied("no credential of AWS is granted".to_owned())),
            (Some(_), Some(_)) => Err(ProviderError::new(
                ErrorKind::InvalidInput,
                "several credentials of AWS are granted: the scope has to name one as `credential`",
            )),
        },
    }
}

fn failure(error: ProviderError) -> Failure<ProviderError> {
    let usual = if error.kind.is_retried() { PASSING } else { LASTING };
    let retry_after = error.retry_after_ms.map_or(usual, Duration::from_millis);
    Failure { why: error, retry_after }
}

fn error<K: Key>(refused: Refused<K, ProviderError>, what: &str) -> ProviderError {
    match refused {
        Refused::Failed(Failure { mut why, retry_after }) => {
            if why.kind.is_retried() {
                why.retry_after_ms = Some(u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX));
            }
            why
        }
        Refused::Lost => {
            ProviderError::new(ErrorKind::Unavailable, format!("could not {what} the scope: it was cut off"))
        }
        Refused::Cycle(keys) => {
            let names: Vec<String> = keys.iter().chain(keys.first()).map(ToString::to_string).collect();
            let text = format!("a bootstrap that waits for itself: {}", names.join(" waits for "));
            ProviderError::new(ErrorKind::Other, text)
        }
        Refused::TooMany { allowed } => {
            let text = format!("the plugin asks for more than {allowed} scopes in one run");
            ProviderError::new(ErrorKind::QuotaExceeded, text)
        }
        Refused::Closed => ProviderError::new(ErrorKind::Unavailable, "the run is being stopped"),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
