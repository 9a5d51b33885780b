//! A plugin that prepares scopes itself: whose account the host takes that for, and its steps, each one call in an
//! instance of its own.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use cofferdam_model::bootstrap::{BootstrapScope, BootstrapStep, PluginSteps, StepCall, StepDone};
use cofferdam_model::error::{ErrorKind, PluginFault, ProviderError};
use cofferdam_model::provider::{Call, Mode};
use cofferdam_model::redact::Redactor;
use cofferdam_model::{Data, Digest, Value, document};
use serde_json::{Map, Value as Json, json};

use super::Flight;
use crate::call::{Setup, run_bootstrapper};
use crate::contract::v0_1::bootstrapper::{self, BootstrappingPre};
use crate::contract::v0_1::convert;
use crate::contract::v0_1::imports::types as wit;
use crate::host::Guest;
use crate::plugin::Plugin;
use crate::provider::{Access, Cpu};

/// A configured plugin, as far as its own preparations need it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Own {
    pub plugin: Arc<Plugin>,
    pub access: Arc<Access>,
    pub session: Arc<Vec<u8>>,
    /// The account of a provider without a credential of AWS.
    pub account: Arc<str>,
}

impl Own {
    pub fn new(plugin: Arc<Plugin>, access: Arc<Access>, session: Arc<Vec<u8>>, config: &Value) -> Self {
        let account = account(config, access.grant.credentials.keys()).into();
        Self { plugin, access, session, account }
    }

    /// The bindings of its steps.
    ///
    /// # Errors
    /// When the plugin has none.
    pub fn bootstrapper(&self) -> Result<&BootstrappingPre<Guest>, ProviderError> {
        self.plugin.linked.bootstrapper.as_ref().ok_or_else(|| {
            ProviderError::new(
                ErrorKind::Unsupported,
                "the plugin asks for a bootstrap of its own, and does not export `bootstrapper`",
            )
        })
    }

    /// What stands for the plugin in its scopes: no version, file or digest, so that a newer one finds its records.
    /// `at`: the partition or server of AWS, where the account is one there.
    pub fn authority(&self, at: Option<&str>) -> String {
        let name = &self.plugin.identity().name;
        at.map_or_else(|| format!("plugin:{name}"), |at| format!("plugin:{name}@{at}"))
    }
}

/// What stands for the account of a provider whose credentials tell none: the same for the same configuration and the
/// same names of credentials. Secrets in the configuration do not count, so that nothing can be found out about them.
fn account<'a>(config: &Value, credentials: impl Iterator<Item = &'a String>) -> String {
    let config = document::to_json(&open(config)).to_string();
    let names: Vec<&String> = credentials.collect();
    let digest = Digest::of(json!([config, names]).to_string().as_bytes()).to_string();
    let hex: String = digest.chars().filter(char::is_ascii_hexdigit).collect();
    format!("config-{}", &hex[hex.len().saturating_sub(32)..])
}

/// A value with null in the place of secrets and of what is not known.
fn open(value: &Value) -> Value {
    if value.is_secret() || value.is_unknown() {
        return Value::null();
    }
    match value.data() {
        Data::List(items) => Value::list(items.iter().map(open).collect()),
        Data::Object(entries) => Value::object(entries.iter().map(|(key, value)| (key.clone(), open(value))).collect()),
        _ => value.clone(),
    }
}

/// The steps of a scope.
pub(crate) struct GuestSteps {
    own: Own,
    scope: BootstrapScope,
    flight: Flight,
}

impl fmt::Debug for GuestSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuestSteps({})", self.scope)
    }
}

impl GuestSteps {
    pub fn new(own: Own, scope: BootstrapScope, flight: Flight) -> Self {
        Self { own, scope, flight }
    }

    fn redactor(&self) -> &Redactor {
        &self.own.plugin.runtime.shared.redactor
    }

    fn setup(&self, call: &Call) -> Setup {
        let mut setup = self.own.access.setup(&self.own.plugin, call, Cpu::Call, Some(self.own.clone()));
        if let Some(reach) = &mut setup.reach {
            reach.flight = Some(self.flight.clone());
        }
        setup
    }

    fn write(call: &StepCall<'_>) -> Call {
        Call { mode: Mode::Write, operation: Some(call.operation.clone()), attempt: call.attempt, address: None }
    }

    fn context(&self, call: &Call) -> wit::CallContext {
        convert::context_out(call, self.own.access.limits.wall_ms)
    }

    /// All that the host knows of the scope.
    fn scope_out(&self) -> wit::Document {
        let BootstrapScope { provider, authority, account, region, namespace } = &self.scope;
        object_out(&json!({
            "provider": provider, "authority": authority, "account": account, "region": region, "namespace": namespace,
        }))
    }
}

/// A failure of the plugin, as everybody who waits for the scope is told it.
fn broke(fault: &PluginFault) -> ProviderError {
    ProviderError::new(ErrorKind::Internal, fault.to_string())
}

fn object_out(object: &Json) -> wit::Document {
    wit::Document { json: object.to_string(), unknown: Vec::new(), secret: Vec::new() }
}

fn record_out(record: &Map<String, Json>) -> wit::Document {
    object_out(&Json::Object(record.clone()))
}

#[async_trait]
impl PluginSteps for GuestSteps {
    async fn steps(&self) -> Result<Vec<BootstrapStep>, ProviderError> {
        let read = Call { mode: Mode::ReadOnly, operation: None, attempt: 1, address: None };
        // No capability: the answer depends on the session and the scope alone.
        let setup = Setup { reach: None, ..self.setup(&read) };
        let (session, scope) = (self.own.session.clone(), self.scope_out());
        let steps = run_bootstrapper(setup, self.own.bootstrapper()?, move |store, guest| {
            Box::pin(async move { guest.call_steps(store, &session, &scope).await })
        });
        let failed = |error: ProviderError| ProviderError {
            message: format!("could not list the steps of {}: {}", self.scope, error.message),
            ..error
        };
        let steps = steps.await.map_err(|fault| failed(broke(&fault)))?;
        let steps = steps.map_err(|error| failed(convert::error_in(error, self.redactor())))?;
        bootstrapper::steps_in(steps).map_err(|fault| failed(broke(&fault)))
    }

    async fn perform(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
        let write = Self::write(call);
        let (session, context, scope) = (self.own.session.clone(), self.context(&write), self.scope_out());
        let (step, record) = (call.step.to_owned(), record_out(call.record));
        let outcome = run_bootstrapper(self.setup(&write), self.own.bootstrapper()?, move |store, guest| {
            Box::pin(async move { guest.call_perform(store, &session, &context, &scope, &step, &record).await })
        });
        let outcome = outcome.await.map_err(|fault| broke(&fault))?;
        let outcome = outcome.map_err(|error| convert::error_in(error, self.redactor()))?;
        bootstrapper::outcome_in(outcome, self.redactor()).map_err(|fault| broke(&fault))
    }

    async fn verify(&self, record: &Map<String, Json>) -> Result<Vec<String>, ProviderError> {
        let read = Call { mode: Mode::ReadOnly, operation: None, attempt: 1, address: None };
        let (session, context, scope) = (self.own.session.clone(), self.context(&read), self.scope_out());
        let record = record_out(record);
        let faults = run_bootstrapper(self.setup(&read), self.own.bootstrapper()?, move |store, guest| {
            Box::pin(async move { guest.call_verify(store, &session, &context, &scope, &record).await })
        });
        let faults = faults.await.map_err(|fault| broke(&fault))?;
        let faults = faults.map_err(|error| convert::error_in(error, self.redactor()))?;
        Ok(bootstrapper::faults_in(&faults, self.redactor()))
    }

    async fn undo(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
        let write = Self::write(call);
        let (session, context, scope) = (self.own.session.clone(), self.context(&write), self.scope_out());
        let (step, record) = (call.step.to_owned(), record_out(call.record));
        let outcome = run_bootstrapper(self.setup(&write), self.own.bootstrapper()?, move |store, guest| {
            Box::pin(async move { guest.call_undo(store, &session, &context, &scope, &step, &record).await })
        });
        let outcome = outcome.await.map_err(|fault| broke(&fault))?;
        let outcome = outcome.map_err(|error| convert::error_in(error, self.redactor()))?;
        bootstrapper::outcome_in(outcome, self.redactor()).map_err(|fault| broke(&fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn config(entries: &[(&str, Value)]) -> Value {
        Value::object(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn an_account_follows_from_what_is_configured() {
        let (token, none) = (["token".to_owned()], [""; 0].map(str::to_owned));
        let base = config(&[("host", Value::string("a.test"))]);
        let known = account(&base, token.iter());
        assert_eq!(known.len(), "config-".len() + 32, "{known}");
        assert_eq!(account(&base, token.iter()), known);
        assert_ne!(account(&base, none.iter()), known);
        assert_ne!(account(&config(&[("host", Value::string("b.test"))]), token.iter()), known);
    }

    #[test]
    fn a_secret_tells_nothing_of_itself() {
        let secret = |text: &str| config(&[("key", Value::string(text).into_secret())]);
        assert_eq!(account(&secret("a"), [].iter()), account(&secret("b"), [].iter()));
        let nested = |text: &str| config(&[("keys", Value::list(vec![secret(text), Value::unknown()]))]);
        assert_eq!(account(&nested("a"), [].iter()), account(&nested("b"), [].iter()));
    }
}
