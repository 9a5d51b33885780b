//! The secrets of the run's stage, for expressions and credentials: read once, when the first is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use cofferdam_home::{Home, SecretSet, SecretsError};
use cofferdam_model::capabilities::CredentialSource;
use cofferdam_model::redact::Redactor;
use cofferdam_model::{SecretName, StackName, StageName};
use cofferdam_stack::{FoundSecret, ProviderDecl, ReadSecret, ReadSecretError};

/// The secrets of one stage. What is read becomes known to the redactor.
pub struct StageSecrets {
    home: Home,
    stack: StackName,
    stage: StageName,
    redactor: Arc<Redactor>,
    set: OnceLock<Result<SecretSet, ReadSecretError>>,
}

impl StageSecrets {
    /// Reads nothing yet.
    pub fn new(home: Home, stack: StackName, stage: StageName, redactor: Arc<Redactor>) -> Self {
        Self { home, stack, stage, redactor, set: OnceLock::new() }
    }

    /// What the credentials of providers take from secrets: the value, or why there is none.
    pub fn of_credentials(&self, providers: &[ProviderDecl]) -> BTreeMap<SecretName, Result<String, String>> {
        let sources = providers.iter().flat_map(|provider| provider.grant.credentials.values());
        let names: BTreeSet<&SecretName> = sources
            .filter_map(|credential| match &credential.from {
                CredentialSource::Secret(name) => Some(name),
                CredentialSource::Env(_) | CredentialSource::Aws(_) => None,
            })
            .collect();
        let value = |name: &SecretName| match self.read(name) {
            Ok(FoundSecret::Value(text)) => Ok(text.to_string()),
            Ok(_) => {
                let stage = &self.stage;
                Err(format!("stage `{stage}` has none; set it: cofferdam secret set {name} --stage {stage}"))
            }
            Err(error) => Err(error.text),
        };
        names.into_iter().map(|name| (name.clone(), value(name))).collect()
    }
}

impl ReadSecret for StageSecrets {
    fn read(&self, name: &SecretName) -> Result<FoundSecret, ReadSecretError> {
        let read = || self.home.secrets(&self.stack, &self.stage).read().map_err(unreadable);
        let set = self.set.get_or_init(read).as_ref().map_err(Clone::clone)?;
        let Some(value) = set.get(name).map_err(unreadable)? else { return Ok(FoundSecret::Missing) };
        self.redactor.learn_text(&value);
        Ok(FoundSecret::Value(Arc::from(value.as_str())))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn unreadable(error: SecretsError) -> ReadSecretError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    ReadSecretError { text, hint: error.hint() }
}
