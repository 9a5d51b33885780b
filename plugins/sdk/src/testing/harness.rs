//! Calls a provider as the host does: documents in, documents out.

use std::marker::PhantomData;

use serde_json::{Value, json};

use crate::bindings::bootstrapper::exports::cofferdam::provider::bootstrapper as steps;
use crate::bindings::cofferdam::provider::types;
use crate::bindings::exports::cofferdam::provider::provider as exports;
use crate::bootstrapper::Bootstrapper;
use crate::error::{Error, Failure};
use crate::guest::Exports;
use crate::guest_bootstrapper::BootstrapperExports;
use crate::provider::{Plugin, Provider};

/// A configured provider.
pub struct Harness<P: Provider> {
    session: Vec<u8>,
    marker: PhantomData<P>,
}

/// A state as the host keeps it.
#[derive(Clone, Debug)]
pub struct TestState {
    /// Every property.
    pub properties: Value,
    /// Pointers to the secret ones.
    pub secrets: Vec<String>,
    raw: types::ResourceState,
}

/// How a write ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The object.
    Done(TestState),
    /// It is gone.
    Deleted,
    /// Go on with [`Harness::resume`].
    Pending {
        /// For `resume`.
        checkpoint: Vec<u8>,
        /// The object as far as it exists.
        partial: Option<TestState>,
    },
}

impl Outcome {
    /// The object, where the write is done.
    #[must_use]
    pub fn state(self) -> Option<TestState> {
        match self {
            Self::Done(state) => Some(state),
            _ => None,
        }
    }
}

impl From<types::ResourceState> for TestState {
    fn from(raw: types::ResourceState) -> Self {
        let properties = serde_json::from_str(&raw.properties.json).unwrap_or_default();
        Self { properties, secrets: raw.properties.secret.clone(), raw }
    }
}

impl<P: Provider> Harness<P> {
    /// Configures the provider, after a look at every schema.
    ///
    /// # Errors
    ///
    /// What `configure`, or a definition that contradicts itself, says.
    pub fn new(config: &Value) -> Result<Self, Error> {
        let plugin = P::define();
        Plugin::<P>::config_schema()?;
        for name in plugin.resource_types() {
            Self::schema(&name)?;
        }
        for name in plugin.function_names() {
            Exports::describe_function::<P>(&name)?;
        }
        Ok(Self { session: Exports::configure::<P>(context(""), document(config, &[]))?, marker: PhantomData })
    }

    /// The schema of a resource type.
    ///
    /// # Errors
    ///
    /// Where the type is unknown or its definition contradicts itself.
    pub fn schema(name: &str) -> Result<Value, Error> {
        let text = Exports::describe_resource::<P>(name)?;
        serde_json::from_str(&text).map_err(|error| Error::internal(error.to_string()))
    }

    /// Creates an object.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn create(&self, name: &str, inputs: &Value) -> Result<Outcome, Failure> {
        self.create_with_secrets(name, inputs, &[])
    }

    /// The same with marks on the inputs.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn create_with_secrets(&self, name: &str, inputs: &Value, secrets: &[&str]) -> Result<Outcome, Failure> {
        Exports::create::<P>((&self.session, context("op-1"), name), document(inputs, secrets))
            .map(written)
            .map_err(failed)
    }

    /// Updates an object; the patch replaces every input.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn update(&self, name: &str, prior: &TestState, inputs: &Value) -> Result<Outcome, Failure> {
        self.update_with_secrets(name, prior, inputs, &[])
    }

    /// The same with marks on the inputs.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn update_with_secrets(
        &self,
        name: &str,
        prior: &TestState,
        inputs: &Value,
        secrets: &[&str],
    ) -> Result<Outcome, Failure> {
        let keys = inputs.as_object().into_iter().flatten();
        let patch: Vec<_> = keys
            .filter(|(key, value)| prior.properties.get(key) != Some(value))
            .map(|(key, value)| json!({"op": "add", "path": crate::pointer::join("", key), "value": value}))
            .collect();
        let address = (&*self.session, context("op-2"), name);
        let outcome = Exports::update::<P>(
            address,
            prior.raw.clone(),
            document(inputs, secrets),
            &Value::from(patch).to_string(),
        );
        outcome.map(written).map_err(failed)
    }

    /// Deletes an object.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn delete(&self, name: &str, prior: &TestState) -> Result<Outcome, Failure> {
        let outcome = Exports::delete::<P>((&self.session, context("op-3"), name), prior.raw.clone());
        outcome.map_err(failed).map(|outcome| match outcome {
            types::DeleteOutcome::Done => Outcome::Deleted,
            types::DeleteOutcome::Pending(pending) => pending.into(),
        })
    }

    /// Goes on with a pending write.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn resume(&self, name: &str, checkpoint: &[u8]) -> Result<Outcome, Failure> {
        let outcome = Exports::resume::<P>((&self.session, context("op-1"), name), checkpoint);
        outcome.map_err(failed).map(|outcome| match outcome {
            types::ResumeOutcome::Written(state) => Outcome::Done(state.into()),
            types::ResumeOutcome::Deleted => Outcome::Deleted,
            types::ResumeOutcome::Pending(pending) => pending.into(),
        })
    }

    /// Reads an object from its state.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn read(&self, name: &str, prior: &TestState) -> Result<Option<TestState>, Error> {
        self.read_target(name, exports::Target::State(prior.raw.clone()))
    }

    /// Reads an object that the user names by the values of its primary identifier.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn import(&self, name: &str, keys: &[(&str, &str)]) -> Result<Option<TestState>, Error> {
        let keys = keys.iter().map(|(key, value)| (format!("/properties/{key}"), (*value).to_owned())).collect();
        self.read_target(name, exports::Target::Identity(types::Identity { keys }))
    }

    fn read_target(&self, name: &str, target: exports::Target) -> Result<Option<TestState>, Error> {
        let found = Exports::read::<P>((&self.session, context(""), name), target)?;
        Ok(found.map(TestState::from))
    }

    /// Checks inputs; the pointers name unknown places. Answers the completed inputs and the findings.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn check(
        &self,
        name: &str,
        inputs: &Value,
        unknown: &[&str],
    ) -> Result<(Value, Vec<types::Diagnostic>), Error> {
        let mut inputs = document(inputs, &[]);
        inputs.unknown = unknown.iter().map(|at| (*at).to_owned()).collect();
        let checked = Exports::check::<P>((&self.session, context(""), name), inputs, None)?;
        Ok((serde_json::from_str(&checked.inputs.json).unwrap_or_default(), checked.diagnostics))
    }

    /// Plans a change.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn plan(&self, name: &str, prior: Option<&TestState>, inputs: &Value) -> Result<exports::Planned, Error> {
        let prior = prior.map(|prior| prior.raw.clone());
        Ok(Exports::plan::<P>((&self.session, context(""), name), prior, document(inputs, &[]))?)
    }

    /// Calls a data source or function.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn invoke(&self, name: &str, arguments: &Value) -> Result<Value, Error> {
        let answer = Exports::invoke::<P>((&self.session, context(""), name), document(arguments, &[]))?;
        serde_json::from_str(&answer.json).map_err(|error| Error::internal(error.to_string()))
    }
}

fn document(value: &Value, secrets: &[&str]) -> types::Document {
    let secret = secrets.iter().map(|at| (*at).to_owned()).collect();
    types::Document { json: value.to_string(), unknown: Vec::new(), secret }
}

fn context(operation_id: &str) -> types::CallContext {
    let mode = if operation_id.is_empty() { types::Mode::ReadOnly } else { types::Mode::Write };
    types::CallContext { mode, operation_id: operation_id.to_owned(), attempt: 1, remaining_ms: 60_000 }
}

fn written(outcome: types::WriteOutcome) -> Outcome {
    match outcome {
        types::WriteOutcome::Done(state) => Outcome::Done(state.into()),
        types::WriteOutcome::Pending(pending) => pending.into(),
    }
}

impl From<types::Pending> for Outcome {
    fn from(pending: types::Pending) -> Self {
        Self::Pending { checkpoint: pending.checkpoint, partial: pending.partial.map(TestState::from) }
    }
}

fn failed(failure: types::Failure) -> Failure {
    let error = Failure::from(Error::from(failure.error));
    match failure.partial {
        Some(state) => error.with_partial(TestState::from(state).properties),
        None => error,
    }
}

/// Preparations, for providers that are a [`Bootstrapper`].
impl<P: Bootstrapper> Harness<P> {
    /// The names of the steps of a scope.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn bootstrap_steps(&self, scope: &Value) -> Result<Vec<String>, Error> {
        let steps = BootstrapperExports::steps::<P>(&self.session, &document(scope, &[]))?;
        Ok(steps.into_iter().map(|step| step.name).collect())
    }

    /// Does one step: what it adds to the record, or none where it is not done yet.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn bootstrap_perform(
        &self,
        scope: &Value,
        step: &str,
        record: &Value,
        operation: &str,
    ) -> Result<Option<Value>, Error> {
        let call = (&document(scope, &[]), step.to_owned(), &document(record, &[]));
        match BootstrapperExports::perform::<P>(&self.session, context(operation), call)? {
            steps::StepOutcome::Done(output) => Ok(serde_json::from_str(&output.json).ok()),
            steps::StepOutcome::Pending(_) => Ok(None),
        }
    }

    /// What is wrong with what the record names.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn bootstrap_verify(&self, scope: &Value, record: &Value) -> Result<Vec<String>, Error> {
        let (scope, record) = (document(scope, &[]), document(record, &[]));
        Ok(BootstrapperExports::verify::<P>(&self.session, context(""), &scope, &record)?)
    }

    /// Takes one step back; whether it is done.
    ///
    /// # Errors
    ///
    /// What the provider says.
    pub fn bootstrap_undo(&self, scope: &Value, step: &str, record: &Value, operation: &str) -> Result<bool, Error> {
        let call = (&document(scope, &[]), step.to_owned(), &document(record, &[]));
        let outcome = BootstrapperExports::undo::<P>(&self.session, context(operation), call)?;
        Ok(matches!(outcome, steps::StepOutcome::Done(_)))
    }
}
