//! The only way to the host's bootstrap registry.

use serde_json::Value;

use crate::bindings::cofferdam::provider::bootstrap as wit;
use crate::bindings::cofferdam::provider::types::Document;
use crate::error::Error;

/// What the registry answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Ensured {
    /// The record of the prepared scope.
    Ready(Value),
    /// In read-only modes: the steps that a deploy would take.
    WouldBootstrap(Vec<String>),
}

/// Makes sure that a scope of the provider's own is prepared: what its
/// [`Bootstrapper`](crate::bootstrapper::Bootstrapper) does. Without a region it is `global`, without a namespace
/// `default`; the account is the host's to know.
///
/// # Errors
///
/// `unsupported` where the provider is no `Bootstrapper`; else as the host or the steps say. Pass them on: the host
/// retries.
pub fn ensure_own(region: Option<&str>, namespace: Option<&str>) -> Result<Ensured, Error> {
    ensure(&serde_json::json!({ "of": "self", "region": region, "namespace": namespace }))
}

/// Makes sure that a scope is prepared: any number of callers, one preparation. The members of a scope are `of` (`aws`,
/// which is the usual: what the host prepares in the account of a credential of AWS; or `self`: what the provider
/// prepares itself), `region`, `namespace`, and `credential`, its name where several are granted.
///
/// # Errors
///
/// `unsupported` where the host has no bootstrap for this provider; else as the host says.
pub fn ensure(scope: &Value) -> Result<Ensured, Error> {
    let document = Document { json: scope.to_string(), unknown: Vec::new(), secret: Vec::new() };
    match wit::ensure(&document)? {
        wit::Ensured::Ready(record) => serde_json::from_str(&record.json)
            .map(Ensured::Ready)
            .map_err(|error| Error::internal(format!("the bootstrap record is not JSON: {error}"))),
        wit::Ensured::WouldBootstrap(steps) => Ok(Ensured::WouldBootstrap(steps)),
    }
}
