//! Sending: pooled connections, no redirects, bounded time and size, credentials added last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_model::capabilities::{Grant, HostPattern};
use cofferdam_model::limits::Limits;
use cofferdam_model::provider::Mode;
use futures_util::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::credentials;
use super::policy::{self, Allowed, OWNED, Refusal};
use super::resolver::{Private, PublicOnly};
use crate::contract::v0_1::imports::http::{Auth, HttpError, Request, Response};
use crate::engine::Shared;
use crate::host::Caller;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(30);
const MAX_RESPONSE_HEADER_BYTES: usize = 64 * 1024;

/// The HTTP client that all plugins of a process share.
pub(crate) struct Egress {
    client: reqwest::Client,
}

impl Egress {
    pub fn new() -> reqwest::Result<Self> {
        // Fails only where another part of the process was first, and then that provider serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .dns_resolver(Arc::new(PublicOnly))
            .user_agent(concat!("cofferdam/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }
}

/// What one call may send.
#[derive(Clone)]
pub(crate) struct Session {
    pub grant: Arc<Grant>,
    pub mode: Mode,
    pub caller: Caller,
    pub limits: Arc<Limits>,
    /// Whether a request that may change something was sent and nobody knows what became of it.
    pub uncertain: Arc<AtomicBool>,
}

/// A request with everything decided.
struct Prepared {
    allowed: Allowed,
    credential: Option<HeaderMap>,
}

impl Session {
    /// Sends one request, or says why not.
    ///
    /// `budget` is what all answers of one host call may hold together.
    pub async fn send(&self, shared: &Shared, request: Request, budget: &AtomicU64) -> Result<Response, HttpError> {
        if request.body.len() as u64 > self.limits.http_body_bytes {
            return Err(HttpError::TooLarge);
        }
        let Prepared { allowed, credential } = self.prepare(shared, &request)?;
        let Allowed { method, url, mut headers, .. } = allowed;
        let reads = method.is_safe();
        headers.extend(credential.unwrap_or_default());
        // Without a time of its own a request may take what the call has, and it is the call that is ended then.
        let timeout = request.timeout_ms.map_or(self.limits.wall_ms, |ms| u64::from(ms).min(self.limits.wall_ms));
        let timeout = Duration::from_millis(timeout);
        let exchange = async {
            let response = shared.egress.client.request(method, url).headers(headers).body(request.body).send().await;
            self.receive(shared, response.map_err(|error| describe(&error))?, budget).await
        };
        let result = tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(HttpError::Timeout));
        if !reads && leaves_open(&result) {
            self.uncertain.store(true, Ordering::Relaxed);
        }
        result
    }

    fn prepare(&self, shared: &Shared, request: &Request) -> Result<Prepared, HttpError> {
        let plugin = &self.caller.plugin;
        let allowed =
            policy::check(&request.method, &request.url, &request.headers, &self.grant.hosts, self.mode, plugin)
                .map_err(|refusal| match refusal {
                    Refusal::Denied(text) => HttpError::Denied(text),
                    Refusal::Malformed(text) => HttpError::Other(text),
                })?;
        let credential = self.credential(shared, &request.auth, &allowed)?;
        Ok(Prepared { allowed, credential })
    }

    fn credential(&self, shared: &Shared, auth: &Auth, allowed: &Allowed) -> Result<Option<HeaderMap>, HttpError> {
        let secret = |name: &str| {
            let grant = self.grant.credentials.get(name);
            let secret = credentials::resolve(&shared.environment, name, grant, &allowed.host, allowed.port)
                .map_err(HttpError::Denied)?;
            shared.redactor.learn_text(&secret);
            Ok::<_, HttpError>(secret)
        };
        let plain = allowed.url.scheme() == "http" && !matches!(auth, Auth::None);
        let by_address = |pattern: &HostPattern| pattern.is_address() && pattern.allows(&allowed.host, allowed.port);
        if plain && !self.grant.hosts.iter().any(by_address) {
            return Err(HttpError::Denied(format!(
                "a credential is not sent to `{}:{}` over plain HTTP; use `https`, or grant the address itself",
                allowed.host, allowed.port
            )));
        }
        let (name, value) = match auth {
            Auth::None => return Ok(None),
            Auth::Sigv4(_) => {
                return Err(HttpError::Unsupported(
                    "this version of the host does not sign with AWS Signature Version 4".into(),
                ));
            }
            Auth::Bearer(credential) => (AUTHORIZATION, format!("Bearer {}", secret(credential)?)),
            Auth::Basic(credential) => {
                let secret = secret(credential)?;
                // `user:password`, of which a server may tell the password alone.
                if let Some((_user, password)) = secret.split_once(':') {
                    shared.redactor.learn_text(password);
                }
                (AUTHORIZATION, format!("Basic {}", STANDARD.encode(secret)))
            }
            Auth::Header(header) => {
                let name = HeaderName::from_bytes(header.header.as_bytes())
                    .map_err(|_| HttpError::Other("the credential's header has no valid name".into()))?;
                (name, secret(&header.credential)?)
            }
        };
        if OWNED.contains(&name.as_str()) {
            return Err(HttpError::Denied(format!("the header `{name}` belongs to the host")));
        }
        if allowed.headers.contains_key(&name) {
            return Err(HttpError::Denied(format!(
                "the header `{name}` is the credential's; the request may not set it"
            )));
        }
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| HttpError::Denied("the credential has characters that no header may have".into()))?;
        value.set_sensitive(true);
        Ok(Some(HeaderMap::from_iter([(name, value)])))
    }

    async fn receive(
        &self,
        shared: &Shared,
        response: reqwest::Response,
        budget: &AtomicU64,
    ) -> Result<Response, HttpError> {
        let status = response.status().as_u16();
        let mut bytes = 0;
        let mut headers = Vec::new();
        for (name, value) in response.headers() {
            bytes += name.as_str().len() + value.len();
            if bytes > MAX_RESPONSE_HEADER_BYTES {
                return Err(HttpError::TooLarge);
            }
            // What a header holds beyond text is no use to a guest; a secret that the server echoes is none of its business.
            let text = String::from_utf8_lossy(value.as_bytes());
            headers.push((name.as_str().to_owned(), shared.redactor.redact(&text)));
        }
        let most = self.limits.http_body_bytes;
        if response.content_length().is_some_and(|length| length > most) {
            return Err(HttpError::TooLarge);
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| describe(&error))?;
            let bytes = chunk.len() as u64;
            let spent = budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
            if body.len() as u64 + bytes > most || spent.is_err() {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }
}

/// Whether a server may have done what it was asked and has not said so: it failed in the middle, or its answer was lost.
fn leaves_open(result: &Result<Response, HttpError>) -> bool {
    match result {
        Ok(response) => response.status >= 500,
        Err(HttpError::Dns(_) | HttpError::Connect(_) | HttpError::Tls(_) | HttpError::Denied(_)) => false,
        Err(_) => true,
    }
}

/// Sorts a failure of the client, told by its innermost cause.
fn describe(error: &reqwest::Error) -> HttpError {
    if error.is_timeout() {
        return HttpError::Timeout;
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    // A refusal, which no repeat will change.
    if cause.downcast_ref::<Private>().is_some() {
        return HttpError::Denied(text);
    }
    if !error.is_connect() {
        return HttpError::Other(text);
    }
    let chain = format!("{error:?}");
    if chain.contains("dns error") {
        HttpError::Dns(text)
    } else if cause.downcast_ref::<rustls::Error>().is_some() {
        HttpError::Tls(text)
    } else {
        HttpError::Connect(text)
    }
}
