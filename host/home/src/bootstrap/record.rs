//! The record of a prepared scope, and its text: a checksum over the body, and the body.

use cofferdam_model::OperationId;
use cofferdam_model::bootstrap::BootstrapScope;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::Digest as _;

use crate::{BootstrapError, Damage, Made, NewerFormat};

/// The format that is written.
const FORMAT: u64 = 1;
/// The longest record, bytes.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

/// What a scope's preparation has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootstrapStatus {
    /// Steps are missing.
    Preparing,
    /// Every step is done.
    Ready,
    /// Steps are taken back.
    Destroying,
}

impl BootstrapStatus {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Destroying => "destroying",
        }
    }
}

/// One step in a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// Its name.
    pub name: String,
    /// Which revision of it was done.
    pub revision: u32,
    /// The same in every attempt.
    pub operation: OperationId,
    /// When its first attempt was about to begin, and by whom.
    pub intent: Made,
    /// When it was done, and by whom; none while nobody knows how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Made>,
    /// What it added.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub output: Map<String, Value>,
}

/// The record of a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapRecord {
    /// Whose it is.
    pub scope: BootstrapScope,
    /// How far it is.
    pub status: BootstrapStatus,
    /// The steps that were begun, in their order.
    pub steps: Vec<StepRecord>,
    /// When everything it names was last seen to be there, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    v: u64,
    sum: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

impl BootstrapRecord {
    /// One of which nothing is done.
    pub(crate) fn new(scope: BootstrapScope) -> Self {
        Self { scope, status: BootstrapStatus::Preparing, steps: Vec::new(), verified_at_ms: None }
    }

    /// What all steps made.
    #[must_use]
    pub fn output(&self) -> Map<String, Value> {
        let done = self.steps.iter().filter(|step| step.done.is_some());
        done.flat_map(|step| step.output.clone()).collect()
    }

    pub(crate) fn step(&self, name: &str) -> Option<&StepRecord> {
        self.steps.iter().find(|step| step.name == name)
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        let body = serde_json::to_string(self).expect("names and values are JSON");
        let sum = checksum(&body);
        let body = RawValue::from_string(body).expect("it was just written as JSON");
        serde_json::to_vec(&Envelope { v: FORMAT, sum, body: &body }).expect("a text and numbers are JSON")
    }

    /// Reads a record, which has to be that of the scope.
    pub(crate) fn read(place: &str, bytes: &[u8], scope: &BootstrapScope) -> Result<Self, BootstrapError> {
        let record = Self::parse(place, bytes)?;
        if record.scope != *scope {
            return Err(damage(place, format!("it is the record of {}", record.scope)));
        }
        Ok(record)
    }

    /// Reads the record of a scope of which only the name of its objects is known.
    pub(crate) fn read_of(place: &str, bytes: &[u8], id: &str) -> Result<Self, BootstrapError> {
        let record = Self::parse(place, bytes)?;
        record.scope.check().map_err(|fault| damage(place, fault))?;
        if record.scope.id() != id {
            return Err(damage(place, format!("it is the record of {}", record.scope)));
        }
        Ok(record)
    }

    fn parse(place: &str, bytes: &[u8]) -> Result<Self, BootstrapError> {
        let damaged = |what: String| damage(place, what);
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(damaged(format!("it is longer than {MAX_RECORD_BYTES} bytes")));
        }
        if let Ok(Version { v }) = serde_json::from_slice(bytes)
            && v > FORMAT
        {
            return Err(NewerFormat { place: place.to_owned(), found: v, known: FORMAT }.into());
        }
        let no_record = |error: serde_json::Error| damaged(format!("it is no record of a bootstrap ({error})"));
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(no_record)?;
        if envelope.v != FORMAT || checksum(envelope.body.get()) != envelope.sum {
            return Err(damaged("the checksum does not match".to_owned()));
        }
        serde_json::from_str(envelope.body.get()).map_err(no_record)
    }
}

fn damage(place: &str, what: String) -> BootstrapError {
    BootstrapError::Damaged(Damage { place: place.to_owned(), line: None, what })
}

fn checksum(body: &str) -> String {
    hex::encode(sha2::Sha256::digest(body))
}
