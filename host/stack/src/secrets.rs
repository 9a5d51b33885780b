//! The secrets of the stage as the function `secret` sees them: each read once per stack, so that every evaluation
//! and the digest speak of the same value.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_model::{Digest, SecretName, StageName, Value};
use parking_lot::Mutex;

use crate::functions::Fault;

/// How the function `secret` reaches the secrets of the stage.
pub trait ReadSecret: Send + Sync {
    /// Reads one secret.
    ///
    /// # Errors
    /// When the secrets cannot be read.
    fn read(&self, name: &SecretName) -> Result<FoundSecret, ReadSecretError>;
}

/// What became of looking for a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum FoundSecret {
    /// Its value.
    Value(Arc<str>),
    /// The stage has no such secret.
    Missing,
    /// Nobody has looked: a value that is not known is enough.
    Withheld,
}

/// Why secrets could not be read. Both texts are for people, and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ReadSecretError {
    /// What happened.
    pub text: String,
    /// What to do, where there is something.
    pub hint: Option<String>,
}

/// Secrets that nobody reads: each is a value that is not known.
#[derive(Clone, Copy, Debug)]
pub struct WithheldSecrets;

impl ReadSecret for WithheldSecrets {
    fn read(&self, _name: &SecretName) -> Result<FoundSecret, ReadSecretError> {
        Ok(FoundSecret::Withheld)
    }
}

type Answer = Result<FoundSecret, ReadSecretError>;

/// The secrets that functions have asked for.
pub(crate) struct StageSecrets {
    reader: Arc<dyn ReadSecret>,
    stage: StageName,
    // The lock guards memory alone: it is not held while a secret is read.
    read: Mutex<BTreeMap<SecretName, Answer>>,
}

impl StageSecrets {
    pub(crate) fn new(reader: Arc<dyn ReadSecret>, stage: StageName) -> Self {
        Self { reader, stage, read: Mutex::default() }
    }

    /// The value of a secret, marked as one.
    pub(crate) fn value(&self, name: &str) -> Result<Value, Fault> {
        let name = SecretName::new(name).map_err(|error| Fault::of(0, error.to_string()))?;
        let known = self.read.lock().get(&name).cloned();
        let answer = known.unwrap_or_else(|| {
            let answer = self.reader.read(&name);
            self.read.lock().entry(name.clone()).or_insert(answer).clone()
        });
        match answer {
            Ok(FoundSecret::Value(text)) => Ok(Value::string(&*text).into_secret()),
            Ok(FoundSecret::Withheld) => Ok(Value::unknown().into_secret()),
            Ok(FoundSecret::Missing) => {
                let stage = &self.stage;
                Err(Fault::of(0, format!("there is no secret `{name}` in stage `{stage}`"))
                    .with_hint(format!("set it: cofferdam secret set {name} --stage {stage}")))
            }
            Err(ReadSecretError { text, hint }) => {
                let fault = Fault::of(0, text);
                Err(match hint {
                    Some(hint) => fault.with_hint(hint),
                    None => fault,
                })
            }
        }
    }

    /// Whether a function has asked for a secret.
    pub(crate) fn is_asked(&self) -> bool {
        !self.read.lock().is_empty()
    }

    /// Name and digest of every secret that has been read so far.
    pub(crate) fn digests(&self) -> Vec<(String, Option<Digest>)> {
        let digest = |answer: &Answer| match answer {
            Ok(FoundSecret::Value(text)) => Some(Digest::of(text.as_bytes())),
            _ => None,
        };
        self.read.lock().iter().map(|(name, answer)| (name.to_string(), digest(answer))).collect()
    }
}
