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

/// Makes sure that a scope is prepared: any number of callers, one preparation.
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
