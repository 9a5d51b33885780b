//! Credentials: looked up when a request needs one, added by the host, never handed to a guest.

use std::sync::Arc;

use cofferdam_model::capabilities::{CredentialGrant, CredentialSource, HostPattern};

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment variables of the host's process, passed in.
#[derive(Clone)]
pub struct Environment(Arc<Lookup>);

impl Environment {
    /// An environment that a function answers for.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
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
            environment.get(variable).filter(|value| !value.is_empty()).ok_or_else(|| {
                format!("the credential `{name}` comes from the environment variable `{variable}`, which is not set")
            })
        }
    }
}
