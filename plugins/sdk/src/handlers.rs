//! Calls a resource type's functions with typed arguments and turns their answers into the contract's records.
#![expect(clippy::result_large_err, reason = "the contract's failure record; it is made once a call")]

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::assembly::{self, Base};
use crate::bindings::cofferdam::provider::types::{
    CallContext, DeleteOutcome, Document, Failure as WitFailure, Pending as WitPending, ResourceState, ResumeOutcome,
    WriteOutcome,
};
use crate::bindings::exports::cofferdam::provider::provider as exports;
use crate::context::Cx;
use crate::definition::{Definition, Origin};
use crate::draft::Draft;
use crate::error::{Error, Failure};
use crate::listing::ListRequest;
use crate::outcome::{Delete, Operation, Pending, Resume, Resumed, State, Write, Written};
use crate::planning::{Planned, Rules};
use crate::prior::{Change, Prior, Target};
use crate::resource::Resource;
use crate::schema::Properties;

/// The most that a checkpoint may hold, by the contract.
const CHECKPOINT_BYTES: usize = 64 * 1024;

/// A resource type without its types.
pub(crate) trait Handlers<S> {
    fn schema(&self) -> Result<Value, Error>;
    fn check(&self, call: Call<S>, inputs: Document, prior: Option<ResourceState>) -> Result<exports::Checked, Error>;
    fn plan(&self, call: Call<S>, prior: Option<ResourceState>, inputs: Document) -> Result<exports::Planned, Error>;
    fn create(&self, call: Call<S>, inputs: Document) -> Result<WriteOutcome, WitFailure>;
    fn update(
        &self,
        call: Call<S>,
        prior: ResourceState,
        inputs: Document,
        patch: &str,
    ) -> Result<WriteOutcome, WitFailure>;
    fn delete(&self, call: Call<S>, prior: ResourceState) -> Result<DeleteOutcome, WitFailure>;
    fn resume(&self, call: Call<S>, checkpoint: &[u8]) -> Result<ResumeOutcome, WitFailure>;
    fn read(&self, call: Call<S>, target: exports::Target) -> Result<Option<ResourceState>, Error>;
    fn list(&self, call: Call<S>, filter: Document, cursor: Option<String>, limit: u32)
    -> Result<exports::Page, Error>;
    fn migrate(&self, origin: exports::Origin, properties: Document, hidden: Vec<u8>) -> Result<ResourceState, Error>;
}

/// A call's session and circumstances.
pub(crate) struct Call<S> {
    pub(crate) session: S,
    pub(crate) context: CallContext,
}

impl<S> Call<S> {
    fn cx(self, secrets: &[String]) -> Cx<S> {
        Cx::new(self.session, self.context, secrets.to_vec())
    }
}

/// What the SDK stores in a checkpoint, so that `resume` has what it needs for the state.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    operation: Operation,
    inputs: Value,
    prior: Option<Value>,
    secrets: Vec<String>,
    hidden: Vec<u8>,
    author: Value,
}

/// What a running write needs for its answer.
struct Running<'a, R: Resource> {
    definition: &'a Definition<R>,
    operation: Operation,
    /// The inputs; the prior properties in a delete.
    base: Base,
    prior: Option<Value>,
}

impl<R: Resource> Running<'_, R> {
    fn written(&self, result: Result<Write<R>, Failure>) -> Result<WriteOutcome, WitFailure> {
        match result.map_err(|failure| self.failed(failure))?.0 {
            Written::Done(state) => {
                let state = assembly::complete(self.definition, self.base.clone(), *state);
                state.map(WriteOutcome::Done).map_err(|error| self.failed(error.into()))
            }
            Written::Pending(pending) => self.pending(pending).map(WriteOutcome::Pending),
        }
    }

    fn deleted(&self, result: Result<Delete, Failure>) -> Result<DeleteOutcome, WitFailure> {
        match result.map_err(|failure| self.failed(failure))? {
            Delete::Done => Ok(DeleteOutcome::Done),
            Delete::Pending(pending) => self.pending(pending).map(DeleteOutcome::Pending),
        }
    }

    fn failed(&self, failure: Failure) -> WitFailure {
        let partial = failure.partial.and_then(|partial| {
            // A partial state that cannot be written must not hide the error.
            assembly::partial(self.definition, self.base.clone(), *partial).ok()
        });
        WitFailure { error: failure.error.into(), partial }
    }

    fn pending(&self, pending: Pending) -> Result<WitPending, WitFailure> {
        let partial = match &pending.partial {
            Some(partial) => assembly::partial(self.definition, self.base.clone(), (**partial).clone()).map(Some),
            None => Ok(None),
        };
        let partial = partial.map_err(|error| self.failed(error.into()))?;
        let checkpoint = self
            .checkpoint(pending.checkpoint)
            .map_err(|error| WitFailure { error: error.into(), partial: partial.clone() })?;
        let poll_after_ms = u32::try_from(pending.poll_after.as_millis()).unwrap_or(u32::MAX);
        Ok(WitPending { checkpoint, poll_after_ms, note: pending.note, partial })
    }

    fn checkpoint(&self, author: Result<Value, String>) -> Result<Vec<u8>, Error> {
        let name = R::TYPE;
        if self.definition.resume.is_none() {
            return Err(Error::internal(format!("`{name}` answered pending and its definition has no `resume`")));
        }
        let author =
            author.map_err(|error| Error::internal(format!("a checkpoint of `{name}` cannot be written: {error}")))?;
        let checkpoint = Checkpoint {
            operation: self.operation,
            inputs: self.base.properties.clone(),
            prior: self.prior.clone(),
            secrets: self.base.secrets.clone(),
            hidden: self.base.hidden.clone(),
            author,
        };
        let bytes = serde_json::to_vec(&checkpoint).map_err(|error| Error::internal(error.to_string()))?;
        if bytes.len() > CHECKPOINT_BYTES {
            let text = format!(
                "a checkpoint of `{name}` has {} bytes with its inputs, over the limit of {CHECKPOINT_BYTES}",
                bytes.len()
            );
            return Err(Error::internal(text));
        }
        Ok(bytes)
    }
}

impl<R: Resource> Definition<R> {
    fn unsupported(operation: &str) -> Error {
        Error::unsupported(format!("`{}` has no {operation}", R::TYPE))
    }

    fn rules<'a>(&self, merged: &'a Properties) -> Rules<'a> {
        Rules {
            read_only: &merged.read_only,
            computed: &merged.computed,
            stable: self.stable.clone(),
            create_only: self.create_only.clone(),
            write_only: self.write_only.clone(),
            updatable: self.update.is_some(),
        }
    }
}

impl<R: Resource> Handlers<R::Session> for Definition<R> {
    fn schema(&self) -> Result<Value, Error> {
        Self::schema(self)
    }

    fn check(
        &self,
        call: Call<R::Session>,
        inputs: Document,
        prior: Option<ResourceState>,
    ) -> Result<exports::Checked, Error> {
        let mut inputs = Draft::parse(inputs, "inputs")?;
        let diagnostics = match self.check {
            Some(check) => {
                let prior = prior.map(Prior::parse).transpose()?;
                let cx = call.cx(inputs.secrets());
                check(&cx, &mut inputs, prior.as_ref())?
            }
            None => Vec::new(),
        };
        Ok(exports::Checked { inputs: inputs.into_document(), diagnostics })
    }

    fn plan(
        &self,
        call: Call<R::Session>,
        prior: Option<ResourceState>,
        inputs: Document,
    ) -> Result<exports::Planned, Error> {
        let inputs = Draft::parse(inputs, "inputs")?;
        let prior = prior.map(Prior::parse).transpose()?;
        let merged = Self::merged()?;
        let rules = self.rules(&merged);
        let planned =
            Planned::from_schema(&rules, prior.as_ref().map(|prior: &Prior<R>| &prior.properties), inputs.clone());
        let planned = match self.plan {
            Some(plan) => {
                let cx = call.cx(inputs.secrets());
                plan(&cx, prior.as_ref(), &inputs, planned)?
            }
            None => planned,
        };
        Ok(planned.into())
    }

    fn create(&self, call: Call<R::Session>, inputs: Document) -> Result<WriteOutcome, WitFailure> {
        let inputs = Draft::parse(inputs, "inputs").map_err(plain)?;
        let typed = inputs.typed().map_err(plain)?;
        let base = Base { properties: inputs.value().clone(), secrets: inputs.secrets().to_vec(), hidden: Vec::new() };
        let running = Running { definition: self, operation: Operation::Create, base, prior: None };
        running.written((self.create)(&call.cx(inputs.secrets()), &typed))
    }

    fn update(
        &self,
        call: Call<R::Session>,
        prior: ResourceState,
        inputs: Document,
        patch: &str,
    ) -> Result<WriteOutcome, WitFailure> {
        let update = self.update.ok_or_else(|| plain(Self::unsupported("update")))?;
        let inputs = Draft::parse(inputs, "inputs").map_err(plain)?;
        let prior = Prior::parse(prior).map_err(plain)?;
        let typed = inputs.typed().map_err(plain)?;
        let patch = serde_json::from_str(patch)
            .map_err(|error| plain(Error::internal(format!("the host sent a bad patch: {error}"))))?;
        let base = Base {
            properties: inputs.value().clone(),
            secrets: inputs.secrets().to_vec(),
            hidden: prior.hidden.clone(),
        };
        let before = Some(prior.properties.clone());
        let running = Running { definition: self, operation: Operation::Update, base, prior: before };
        running.written(update(&call.cx(inputs.secrets()), &Change { prior, inputs: typed, patch }))
    }

    fn delete(&self, call: Call<R::Session>, prior: ResourceState) -> Result<DeleteOutcome, WitFailure> {
        let Some(delete) = self.delete else { return Ok(DeleteOutcome::Done) };
        let prior = Prior::parse(prior).map_err(plain)?;
        let base =
            Base { properties: prior.properties.clone(), secrets: prior.secrets.clone(), hidden: prior.hidden.clone() };
        let before = Some(prior.properties.clone());
        let running = Running { definition: self, operation: Operation::Delete, base, prior: before };
        running.deleted(delete(&call.cx(&prior.secrets), &prior))
    }

    fn resume(&self, call: Call<R::Session>, checkpoint: &[u8]) -> Result<ResumeOutcome, WitFailure> {
        let resume = self.resume.ok_or_else(|| plain(Self::unsupported("resume")))?;
        let checkpoint: Checkpoint = serde_json::from_slice(checkpoint)
            .map_err(|error| plain(Error::internal(format!("the checkpoint is not one of this plugin's: {error}"))))?;
        let base = Base {
            properties: checkpoint.inputs.clone(),
            secrets: checkpoint.secrets.clone(),
            hidden: checkpoint.hidden,
        };
        let prior =
            checkpoint.prior.clone().map(|prior| Prior::new(prior, checkpoint.secrets.clone(), base.hidden.clone()));
        let resumed = Resumed {
            operation: checkpoint.operation,
            inputs: checkpoint.inputs,
            prior,
            checkpoint: checkpoint.author,
            marker: PhantomData,
        };
        let running = Running { definition: self, operation: checkpoint.operation, base, prior: checkpoint.prior };
        let answer = resume(&call.cx(&checkpoint.secrets), &resumed).map_err(|failure| running.failed(failure))?;
        match (answer, checkpoint.operation) {
            (Resume::Write(write), Operation::Create | Operation::Update) => Ok(match running.written(Ok(write))? {
                WriteOutcome::Done(state) => ResumeOutcome::Written(state),
                WriteOutcome::Pending(pending) => ResumeOutcome::Pending(pending),
            }),
            (Resume::Delete(delete), Operation::Delete) => Ok(match running.deleted(Ok(delete))? {
                DeleteOutcome::Done => ResumeOutcome::Deleted,
                DeleteOutcome::Pending(pending) => ResumeOutcome::Pending(pending),
            }),
            _ => Err(plain(Error::internal(format!("`{}` resumed another kind of write than it began", R::TYPE)))),
        }
    }

    fn read(&self, call: Call<R::Session>, target: exports::Target) -> Result<Option<ResourceState>, Error> {
        let read = self.read.ok_or_else(|| Self::unsupported("read"))?;
        let target = Target::<R>::parse(target)?;
        let base = match &target {
            Target::State(prior) => Base {
                properties: prior.properties.clone(),
                secrets: prior.secrets.clone(),
                hidden: prior.hidden.clone(),
            },
            _ => Base::default(),
        };
        let found: Option<State<R>> = read(&call.cx(&base.secrets), &target)?;
        found.map(|state| assembly::complete(self, base, state)).transpose()
    }

    fn list(
        &self,
        call: Call<R::Session>,
        filter: Document,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<exports::Page, Error> {
        let list = self.list.ok_or_else(|| Self::unsupported("list"))?;
        let filter = Draft::parse(filter, "filter members")?;
        let request = ListRequest { filter: filter.value().clone(), cursor, limit };
        let page = list(&call.cx(filter.secrets()), &request)?;
        let items = page.items.into_iter().map(|(identity, title)| {
            let identity = crate::bindings::cofferdam::provider::types::Identity { keys: identity.0 };
            exports::Item { identity, title }
        });
        Ok(exports::Page { items: items.collect(), next: page.next })
    }

    fn migrate(&self, origin: exports::Origin, properties: Document, hidden: Vec<u8>) -> Result<ResourceState, Error> {
        let migrate = self.migrate.ok_or_else(|| Self::unsupported("migrate"))?;
        let draft = Draft::parse(properties, "properties")?;
        let origin =
            Origin { provider: origin.provider, resource_type: origin.type_, schema_version: origin.schema_version };
        let members: Map<String, Value> = draft.value().as_object().cloned().unwrap_or_default();
        let outputs = Value::Object(migrate(&origin, members)?);
        let base = Base { properties: Value::Null, secrets: draft.secrets().to_vec(), hidden };
        assembly::partial(self, base, crate::error::Partial { outputs, hidden: None })
    }
}

fn plain(error: Error) -> WitFailure {
    WitFailure { error: error.into(), partial: None }
}
