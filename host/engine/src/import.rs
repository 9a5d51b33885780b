//! Import: reads an object that a person names and makes it the entry of a resource of the stack. Changes nothing
//! outside; the caller stores the entry.

use std::collections::BTreeMap;

use cofferdam_model::error::{ErrorKind, PluginFault};
use cofferdam_model::provider::{Call, Mode, Target};
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::state::{Condition, Identity, ResourceEntry, ResourceState, StackState};
use cofferdam_model::{Address, Diagnostic, Pointer, Value};

use crate::calls::{Subject, bounded};
use crate::graph::Graph;
use crate::inputs::prepare;
use crate::retry::retried;
use crate::run::Run;
use crate::suggest::closest;
use crate::values::{View, kept, known_part};
use crate::{Cause, Event, PlanError, StepError, Stop, Task, marks};

/// An object to be imported.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The resource of the stack that it becomes.
    pub address: Address,
    /// What names it: property and value of each primary identifier.
    pub identity: BTreeMap<String, String>,
}

/// Why an object was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The stack has no such resource.
    #[error("the stack has no resource `{address}`")]
    NotDeclared {
        /// The address.
        address: Address,
        /// One that the stack has and that looks like it.
        meant: Option<String>,
    },
    /// The plugin cannot read such objects.
    #[error("objects of type `{0}` cannot be read, and so not imported")]
    Unreadable(String),
    /// What names the object is not what its type asks for.
    #[error("`{ty}` is named by {}, and {wrong}", list(names))]
    Identity {
        /// The type.
        ty: String,
        /// What names its objects.
        names: Vec<String>,
        /// What is wrong with what was given.
        wrong: String,
    },
    /// There is no such object.
    #[error("there is no object of type `{ty}` with {}", shown(identity))]
    NoObject {
        /// The type.
        ty: String,
        /// What was looked for.
        identity: BTreeMap<String, String>,
    },
    /// A call failed, or the run was stopped.
    #[error(transparent)]
    Calls(#[from] PlanError),
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

fn shown(identity: &BTreeMap<String, String>) -> String {
    identity.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect::<Vec<_>>().join(", ")
}

impl From<Box<StepError>> for ImportError {
    fn from(error: Box<StepError>) -> Self {
        let calls = match &*error.cause {
            Cause::Inputs => PlanError::Invalid { diagnostics: error.diagnostics },
            _ => PlanError::Calls { errors: vec![*error], diagnostics: Vec::new() },
        };
        Self::Calls(calls)
    }
}

pub(crate) async fn import(
    run: &Run,
    state: &StackState,
    request: &ImportRequest,
) -> Result<ResourceEntry, ImportError> {
    tokio::select! {
        biased;
        () = run.ctx.cancel.reached(Stop::Soft) => Err(PlanError::Stopped.into()),
        imported = read(run, state, request) => imported,
    }
}

async fn read(run: &Run, state: &StackState, request: &ImportRequest) -> Result<ResourceEntry, ImportError> {
    let address = &request.address;
    let declared = run.program().resources();
    let Some(node) = declared.iter().find(|node| node.address == *address) else {
        let names: Vec<String> = declared.iter().map(|node| node.address.to_string()).collect();
        let meant = closest(&address.to_string(), names.iter().map(String::as_str)).map(str::to_owned);
        return Err(ImportError::NotDeclared { address: address.clone(), meant });
    };
    let mut subject = Subject::new(address, &node.provider);
    let kind = run.kind(&subject).await?;
    let schema = &kind.schema;
    if !schema.handlers.read {
        return Err(ImportError::Unreadable(schema.ty.to_string()));
    }
    let identity = identity(schema, &request.identity)?;
    let graph = Graph::build(declared, state);
    let values: Vec<Option<Value>> =
        graph.nodes.iter().map(|node| state.resources.get(&node.address).map(kept)).collect();
    let known = View { index: &graph.index, values: &values, fallback: &[] };
    let config = run.program().provider_config(&node.provider, &known).map_err(|findings| {
        let findings: Vec<Diagnostic> = findings.into_iter().map(|finding| run.redacted(finding)).collect();
        subject.invalid(Task::Configure, findings)
    })?;
    if !config.is_wholly_known() {
        let cause = Cause::ProviderUnknown(node.provider.clone());
        return Err(subject.cause(Task::Configure, cause, Vec::new()).into());
    }
    let provider = run.configured(&subject, &config, Mode::ReadOnly).await?;
    subject.plugin = Some(provider.plugin().clone());
    run.emit(Event::ReadStarted { address: address.clone() });
    let answer = retried(run, &subject, Task::Read, |attempt| {
        let (provider, ty, target) = (provider.clone(), schema.ty.clone(), Target::Identity(identity.clone()));
        let call = Call { attempt, ..Call::read(address) };
        bounded(run, async move { provider.read(call, &ty, target).await })
    })
    .await;
    let found = match answer {
        Ok(found) => found,
        Err(failed) if failed.error.kind() == Some(ErrorKind::NotFound) => None,
        Err(failed) => return Err(subject.error_after(run, Task::Read, failed).into()),
    };
    let Some(found) = found else {
        return Err(ImportError::NoObject { ty: schema.ty.to_string(), identity: request.identity.clone() });
    };
    if found.properties.as_object().is_none() {
        let fault = PluginFault::Contract("what it read is no object".into());
        return Err(subject.error(run, Task::Read, fault.into()).into());
    }
    // Inputs that cannot be told yet mark no secrets and set nothing; the plan shows what follows.
    let wanted = prepare(run, &subject, &kind, &known).ok().map(|prepared| prepared.inputs);
    let found = ResourceState { properties: known_part(&found.properties), ..found };
    let sources: Vec<&Value> = wanted.iter().collect();
    let state = marks::settle(found, schema, &sources, &run.ctx.redactor);
    let inputs = inputs_of(schema, &state.properties, wanted.as_ref());
    Ok(ResourceEntry {
        provider: node.provider.clone(),
        plugin: provider.plugin().clone(),
        inputs,
        state,
        depends_on: node.depends_on.clone(),
        condition: Condition::Whole,
    })
}

/// The identity in the schema's order.
fn identity(schema: &ResourceSchema, given: &BTreeMap<String, String>) -> Result<Identity, ImportError> {
    let name = |pointer: &Pointer| pointer.parts().join("/");
    let names: Vec<String> = schema.primary_identifier.iter().map(name).collect();
    let wrong = |wrong: String| ImportError::Identity { ty: schema.ty.to_string(), names: names.clone(), wrong };
    if names.is_empty() {
        return Err(ImportError::Unreadable(schema.ty.to_string()));
    }
    if let Some(unknown) = given.keys().find(|key| !names.contains(key)) {
        return Err(wrong(format!("`{unknown}` is none of that")));
    }
    let key = |pointer: &Pointer| {
        let value = given.get(&name(pointer)).ok_or_else(|| wrong(format!("`{}` is missing", name(pointer))))?;
        Ok((format!("/properties{pointer}"), value.clone()))
    };
    Ok(Identity(schema.primary_identifier.iter().map(key).collect::<Result<_, ImportError>>()?))
}

/// What counts as set by the user from now on: what the stack sets, as the object has it, so that the next plan shows
/// where they differ. Where the stack cannot tell yet, everything that a user can set.
fn inputs_of(schema: &ResourceSchema, properties: &Value, wanted: Option<&Value>) -> Value {
    let mut inputs = properties.clone();
    for pattern in &schema.read_only {
        marks::remove(&mut inputs, pattern.parts());
    }
    if let (Some(wanted), Some(entries)) = (wanted.and_then(Value::as_object), inputs.as_object_mut()) {
        entries.retain(|key, _| wanted.contains_key(key));
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::{ResourceType, document};

    fn schema() -> ResourceSchema {
        let text = r#"{"properties":{"id":{},"region":{},"size":{}},"readOnlyProperties":["/properties/id"],
            "primaryIdentifier":["/properties/region","/properties/id"]}"#;
        ResourceSchema::parse(&ResourceType::new("t_x").expect("valid"), text).expect("valid")
    }

    fn given(keys: &[(&str, &str)]) -> BTreeMap<String, String> {
        keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_identity_has_what_the_schema_asks_for() {
        let identity = identity(&schema(), &given(&[("id", "7"), ("region", "eu")])).expect("whole");
        let keys = [("/properties/region", "eu"), ("/properties/id", "7")];
        assert_eq!(identity.0, keys.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let words = |keys| super::identity(&schema(), &given(keys)).expect_err("refused").to_string();
        assert_eq!(words(&[("id", "7")]), "`t_x` is named by `region` and `id`, and `region` is missing");
        assert_eq!(words(&[("name", "7")]), "`t_x` is named by `region` and `id`, and `name` is none of that");
    }

    #[test]
    fn only_what_the_stack_sets_counts_as_set() {
        let value = |text| document::parse(text).expect("valid");
        let object = value(r#"{"id":"7","region":"eu","size":3}"#);
        assert!(inputs_of(&schema(), &object, Some(&value(r#"{"size":4}"#))).same(&value(r#"{"size":3}"#)));
        assert!(inputs_of(&schema(), &object, None).same(&value(r#"{"region":"eu","size":3}"#)));
    }
}
