//! Bootstraps of plugins: what they ask for, whose account it is, and that each scope is prepared once.

mod own;
pub(crate) mod registry;
mod sync;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_model::bootstrap::{
    BootstrapRequest, BootstrapScope, Bootstraps, DEFAULT_NAMESPACE, Looked, NO_REGION, OpenBootstrap, PluginSteps,
    check_namespace, check_region,
};
use cofferdam_model::capabilities::{AwsSource, CredentialSource, Grant};
use cofferdam_model::error::{ErrorKind, ProviderError};
use cofferdam_model::provider::Mode;
use cofferdam_model::{Digest, ProviderKey, document};
use serde::Deserialize;
use tokio::time::Instant;

use crate::assets::PublishKey;
use crate::host::clock::Clock;
use own::GuestSteps;
pub(crate) use own::Own;
use registry::{Failure, Key, Refused, Registry};

/// The longest text of a scope, bytes.
const MAX_SCOPE_BYTES: usize = 8 * 1024;
/// How many scopes a provider may have in one run.
const MAX_SCOPES: usize = 256;
/// For how long a failure that nobody retries is answered from memory.
const LASTING: Duration = Duration::from_secs(30);
/// The same where a retry may help, and the service names no time.
const PASSING: Duration = Duration::from_secs(1);

/// How many preparations may ask for one another: a step, for one whose step asks for a third, and so on.
const MAX_DEPTH: u32 = 4;
/// What a call keeps of its time when it waits for a preparation: enough to tell the host that it is not done.
const MARGIN: Duration = Duration::from_secs(2);

/// Who prepares what a plugin asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Of {
    /// The host, in the account of a credential of AWS.
    #[default]
    #[serde(rename = "aws")]
    Aws,
    /// The plugin itself.
    #[serde(rename = "self")]
    Own,
}

/// What a plugin may say of the scope that it wants. The account is none of it: where it is named, it is compared.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    of: Of,
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

/// The preparation whose step a call is.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    key: ScopeKey,
    /// How many preparations wait for it, itself included.
    depth: u32,
}

/// Who asks for a preparation, with what it was granted.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub provider: &'a ProviderKey,
    pub grant: &'a Grant,
    pub mode: Mode,
    /// None before the plugin is configured.
    pub own: Option<&'a Own>,
    /// The preparation whose step asks; none for anybody else.
    pub flight: Option<&'a Flight>,
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

    /// Makes sure that what a plugin asks for is prepared; in a mode that reads, says what would be. Waits until the
    /// caller has little time left, and then says so; the work goes on.
    ///
    /// # Errors
    /// In the taxonomy of the contract.
    pub async fn ensure(&self, asker: Asker<'_>, scope: &str, ends_at: Instant) -> Result<Ensured, ProviderError> {
        let asked = parse(scope)?;
        let left = ends_at.saturating_duration_since(Instant::now());
        let patience = left.saturating_sub(MARGIN.min(left / 10));
        let ensured = async {
            match asked.of {
                Of::Aws => self.ensure_aws(asker, asked).await,
                Of::Own => self.ensure_own(asker, asked).await,
            }
        };
        tokio::time::timeout(patience, ensured).await.unwrap_or_else(|_| {
            let text = format!("the bootstrap is not done after {}, and goes on", seconds(patience));
            Err(ProviderError::new(ErrorKind::Unavailable, text))
        })
    }

    /// Where an asset is published that belongs to a scope, prepared by then.
    ///
    /// # Errors
    /// As [`Ensurer::ensure`], and for what a plugin prepares itself: that has no bucket of the host's.
    pub async fn place(
        &self,
        asker: Asker<'_>,
        scope: &str,
        digest: Digest,
    ) -> Result<(PublishKey, Arc<dyn OpenBootstrap>), ProviderError> {
        let asked = parse(scope)?;
        if matches!(asked.of, Of::Own) {
            let text = "assets go into the bucket of an account of AWS, and the scope is of the plugin itself";
            return Err(ProviderError::new(ErrorKind::InvalidInput, text));
        }
        let (key, open) = self.account(asker, asked).await?;
        let opened = Arc::clone(&open);
        self.settled(asker, key.clone(), |_| async move { Ok(opened) }).await?;
        let ScopeKey { provider, credential, scope } = key;
        Ok((PublishKey { provider, credential, scope, digest }, open))
    }

    /// What the host prepares in the account of a credential.
    async fn ensure_aws(&self, asker: Asker<'_>, asked: Asked) -> Result<Ensured, ProviderError> {
        let (key, open) = self.account(asker, asked).await?;
        self.settled(asker, key, |_| async move { Ok(open) }).await
    }

    /// The scope in the account of a credential, once it is known whose that is.
    async fn account(
        &self,
        asker: Asker<'_>,
        asked: Asked,
    ) -> Result<(ScopeKey, Arc<dyn OpenBootstrap>), ProviderError> {
        let (credential, source) = credential(asker.grant, asked.credential.as_deref())?;
        let open = self.open(asker, (credential, source), asked.region, asked.namespace).await?;
        check_account(asked.account.as_deref(), &open.scope().account, Some(credential))?;
        let (provider, credential) = (asker.provider.to_string(), credential.to_owned());
        Ok((ScopeKey { provider, credential, scope: open.scope().clone() }, open))
    }

    /// What the plugin prepares itself.
    async fn ensure_own(&self, asker: Asker<'_>, asked: Asked) -> Result<Ensured, ProviderError> {
        let Some(own) = asker.own else {
            let text = "the plugin asks for a bootstrap of its own while it is configured: ask for it in other calls";
            return Err(ProviderError::new(ErrorKind::Unsupported, text));
        };
        own.bootstrapper()?;
        if asker.flight.is_some_and(|flight| flight.depth >= MAX_DEPTH) {
            let text = format!("more than {MAX_DEPTH} bootstraps that ask for one another");
            return Err(ProviderError::new(ErrorKind::QuotaExceeded, text));
        }
        let scope = self.own_scope(asker, own, &asked).await?;
        check_account(asked.account.as_deref(), &scope.account, None)?;
        let key = ScopeKey { provider: asker.provider.to_string(), credential: String::new(), scope: scope.clone() };
        let (host, own) = (Arc::clone(&self.host), own.clone());
        self.settled(asker, key, |flight| async move {
            host.own(&scope, Arc::new(GuestSteps::new(own, scope.clone(), flight))).await
        })
        .await
    }

    /// The scope that a plugin's own preparation has: nothing of it is the plugin's word but region and namespace.
    async fn own_scope(&self, asker: Asker<'_>, own: &Own, asked: &Asked) -> Result<BootstrapScope, ProviderError> {
        let has_aws = asker.grant.credentials.values().any(|known| matches!(known.from, CredentialSource::Aws(_)));
        let (authority, account) = if has_aws || asked.credential.is_some() {
            let found = credential(asker.grant, asked.credential.as_deref())?;
            let open = self.open(asker, found, None, None).await?;
            (own.authority(Some(&open.scope().authority)), open.scope().account.clone())
        } else {
            (own.authority(None), own.account.to_string())
        };
        let scope = BootstrapScope {
            provider: asker.provider.to_string(),
            authority,
            account,
            region: asked.region.clone().unwrap_or_else(|| NO_REGION.to_owned()),
            namespace: asked.namespace.clone().unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
        };
        scope.check().map_err(|why| ProviderError::new(ErrorKind::InvalidInput, why))?;
        Ok(scope)
    }

    /// The steps of a record that a provider's plugin made, where the host still takes its account for the same.
    ///
    /// # Errors
    /// When the plugin does not prepare anything, or is configured for something else by now.
    pub async fn steps_of(
        &self,
        asker: Asker<'_>,
        own: &Own,
        recorded: &BootstrapScope,
    ) -> Result<Arc<dyn PluginSteps>, ProviderError> {
        own.bootstrapper()?;
        let named = asker.grant.credentials.iter().filter(|(_, known)| matches!(known.from, CredentialSource::Aws(_)));
        let named: Vec<_> = named.map(|(name, _)| Some(name.clone())).collect();
        let mut now = None;
        for credential in if named.is_empty() { vec![None] } else { named } {
            let (region, namespace) = (Some(recorded.region.clone()), Some(recorded.namespace.clone()));
            let asked = Asked { of: Of::Own, credential, region, namespace, account: None };
            let scope = self.own_scope(asker, own, &asked).await?;
            if scope == *recorded {
                let (provider, credential) = (asker.provider.to_string(), String::new());
                let flight = Flight { key: ScopeKey { provider, credential, scope: scope.clone() }, depth: 1 };
                return Ok(Arc::new(GuestSteps::new(own.clone(), scope, flight)));
            }
            now = Some(scope);
        }
        let now = now.map_or_else(|| "nothing".to_owned(), |scope| scope.to_string());
        let text =
            format!("{recorded} was prepared for another account or configuration: the provider is now for {now}");
        Err(ProviderError::new(ErrorKind::NotFound, text))
    }

    /// Whose account a credential is of.
    async fn open(
        &self,
        asker: Asker<'_>,
        (credential, source): (&str, &AwsSource),
        region: Option<String>,
        namespace: Option<String>,
    ) -> Result<Arc<dyn OpenBootstrap>, ProviderError> {
        let (provider, credential) = (asker.provider.clone(), credential.to_owned());
        let key = OpenKey {
            provider: provider.to_string(),
            credential: credential.clone(),
            region: region.clone(),
            namespace: namespace.clone(),
        };
        let request = BootstrapRequest { provider, credential, source: source.clone(), region, namespace };
        let open = self.opened.ensure(key.clone(), None, || {
            let (host, longest) = (Arc::clone(&self.host), self.host.longest());
            async move { within(longest, &format!("to look up {key}"), host.open(&request)).await }
        });
        open.await.map_err(|refused| error(refused, "find out the account of"))
    }

    /// What is prepared, or would be, of a scope that `open` leads to.
    async fn settled<W>(
        &self,
        asker: Asker<'_>,
        key: ScopeKey,
        open: impl FnOnce(Flight) -> W + Send,
    ) -> Result<Ensured, ProviderError>
    where
        W: Future<Output = Result<Arc<dyn OpenBootstrap>, ProviderError>> + Send + 'static,
    {
        let flight = Flight { key: key.clone(), depth: asker.flight.map_or(0, |flight| flight.depth) + 1 };
        let (from, longest, scope) = (asker.flight.map(|flight| &flight.key), self.host.longest(), key.to_string());
        let known = match asker.mode {
            Mode::ReadOnly => {
                let work = || {
                    let open = open(flight);
                    async move {
                        let looked = async { open.await?.look().await };
                        Ok(match within(longest, &format!("to look at {scope}"), looked).await? {
                            Looked::Ready(record) => ready(&record),
                            Looked::Missing(steps) => Ensured::Would(steps.into()),
                        })
                    }
                };
                self.looked.ensure(key, from, work).await
            }
            Mode::Write => {
                let work = || {
                    let open = open(flight);
                    async move {
                        let prepared = async { open.await?.prepare().await };
                        within(longest, &format!("to prepare {scope}"), prepared).await.map(|record| ready(&record))
                    }
                };
                self.prepared.ensure(key, from, work).await
            }
        };
        known.map_err(|refused| error(refused, "prepare"))
    }

    /// Prepares nothing any more, and waits for what goes on.
    pub async fn drain(&self) {
        self.opened.drain().await;
        self.looked.drain().await;
        self.prepared.drain().await;
    }
}

/// Waits for work of a flight, but not for ever.
async fn within<T>(
    longest: Duration,
    what: &str,
    work: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, Failure<ProviderError>> {
    tokio::time::timeout(longest, work)
        .await
        .unwrap_or_else(|_| {
            let text = format!("it took longer than {} {what}: whoever does it does not answer", seconds(longest));
            Err(ProviderError::new(ErrorKind::Other, text))
        })
        .map_err(failure)
}

fn seconds(time: Duration) -> String {
    if time.as_secs() > 0 { format!("{} s", time.as_secs()) } else { format!("{} ms", time.as_millis()) }
}

/// Compares an account that a plugin names with the one that the host knows.
fn check_account(named: Option<&str>, account: &str, credential: Option<&str>) -> Result<(), ProviderError> {
    let Some(other) = named.filter(|named| *named != account) else { return Ok(()) };
    let other = shown(other);
    let text = match credential {
        Some(credential) => format!(
            "the plugin asks for account {other}, and the credential `{credential}` is of {account}: the credential \
             decides"
        ),
        None => format!("the plugin asks for account {other}, and its own is {account}: the host decides"),
    };
    Err(ProviderError::new(ErrorKind::AccessDenied, text))
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
