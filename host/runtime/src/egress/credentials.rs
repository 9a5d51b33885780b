//! Credentials: looked up when a request needs one, added by the host, never handed to a guest.

use std::sync::Arc;

use cofferdam_model::SecretName;
use cofferdam_model::capabilities::{CredentialGrant, CredentialSource, HostPattern};

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;
type SecretLookup = dyn Fn(&SecretName) -> Result<String, String> + Send + Sync;

/// Where credentials come from: the environment variables of the host's process and the secrets of the stage, passed
/// in.
#[derive(Clone)]
pub struct Environment {
    variables: Arc<Lookup>,
    secrets: Arc<SecretLookup>,
}

impl Environment {
    /// An environment that a function answers for, without secrets.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let none = |name: &SecretName| Err(format!("there is no stage to read the secret `{name}` from"));
        Self { variables: Arc::new(lookup), secrets: Arc::new(none) }
    }

    /// With secrets of a stage. The function does not wait for anything; its errors are for people.
    #[must_use]
    pub fn with_secrets(self, lookup: impl Fn(&SecretName) -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self { secrets: Arc::new(lookup), ..self }
    }
}

/// The secret text of a granted credential, if it may go to that host. The error is for people.
pub(crate) fn resolve(
    environment: &Environment,
    name: &str,
    grant: Option<&CredentialGrant>,
    host: &str,
    port: u16,
) -> Result<String, String> {
    let Some(grant) = grant else {
        return Err(format!(
            "the credential `{name}` is not granted; to allow it, add `credential \"{name}\" {{ from = \"env:NAME\" }}` to the `grant` block"
        ));
    };
    if !grant.hosts.is_empty() && !grant.hosts.iter().any(|pattern: &HostPattern| pattern.allows(host, port)) {
        return Err(format!("the credential `{name}` is not sent to `{host}:{port}`; its `hosts` do not name it"));
    }
    match &grant.from {
        CredentialSource::Env(variable) => {
            (environment.variables)(variable).filter(|value| !value.is_empty()).ok_or_else(|| {
                format!("the credential `{name}` comes from the environment variable `{variable}`, which is not set")
            })
        }
        CredentialSource::Secret(secret) => (environment.secrets)(secret)
            .map_err(|why| format!("the credential `{name}` comes from the secret `{secret}`: {why}")),
        CredentialSource::Aws(_) => Err(format!("the credential `{name}` is of AWS, which signs and is never sent")),
    }
}
