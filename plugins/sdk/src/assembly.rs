//! Puts states together: inputs and outputs merged, nulls and write-only properties dropped, marks and identity added.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::bindings::cofferdam::provider::types;
use crate::definition::Definition;
use crate::error::{Error, Partial};
use crate::outcome::State;
use crate::pointer;
use crate::prior::schema_pointer;
use crate::resource::Resource;
use crate::schema;

/// What a new state takes over from what the host sent.
#[derive(Clone, Default)]
pub(crate) struct Base {
    /// The inputs, or the prior properties.
    pub(crate) properties: Value,
    pub(crate) secrets: Vec<String>,
    pub(crate) hidden: Vec<u8>,
}

/// Whether every part of the identifier must be there.
#[derive(Clone, Copy, PartialEq)]
enum Completeness {
    Complete,
    Partial,
}

/// A finished object.
pub(crate) fn complete<R: Resource>(
    definition: &Definition<R>,
    base: Base,
    state: State<R>,
) -> Result<types::ResourceState, Error> {
    let mut properties = match &state.inputs {
        Some(inputs) => to_object(inputs)?,
        None => object_or_empty(base.properties),
    };
    properties.extend(to_object(&state.outputs)?);
    let hidden = state.hidden.unwrap_or(base.hidden);
    let secrets = [base.secrets, state.secrets].concat();
    finish(definition, properties, secrets, hidden, Completeness::Complete)
}

/// What exists of an object that is not finished.
pub(crate) fn partial<R: Resource>(
    definition: &Definition<R>,
    base: Base,
    partial: Partial,
) -> Result<types::ResourceState, Error> {
    let mut properties = object_or_empty(base.properties);
    properties.extend(object_or_empty(partial.outputs));
    finish(definition, properties, base.secrets, partial.hidden.unwrap_or(base.hidden), Completeness::Partial)
}

fn finish<R: Resource>(
    definition: &Definition<R>,
    properties: Map<String, Value>,
    mut secrets: Vec<String>,
    hidden: Vec<u8>,
    completeness: Completeness,
) -> Result<types::ResourceState, Error> {
    let mut properties = Value::Object(properties);
    // Generating the schema is the expensive part; only nulls need it.
    if has_null(&properties) {
        let merged = Definition::<R>::merged()?;
        let schema = serde_json::json!({ "properties": merged.properties });
        schema::drop_nulls(&mut properties, &schema, &merged.defs);
    }
    for name in &definition.write_only {
        for at in pointer::expand(&properties, &pointer::from_property(name)) {
            pointer::remove(&mut properties, &at);
        }
    }
    for name in &definition.sensitive {
        secrets.extend(pointer::expand(&properties, &pointer::from_property(name)));
    }
    let keys = identity(definition, &properties, completeness)?;
    let document = types::Document {
        json: properties.to_string(),
        unknown: Vec::new(),
        secret: pointer::settle(secrets, &properties),
    };
    let identity = types::Identity { keys };
    Ok(types::ResourceState { identity, properties: document, hidden, schema_version: definition.schema_version })
}

fn identity<R: Resource>(
    definition: &Definition<R>,
    properties: &Value,
    completeness: Completeness,
) -> Result<Vec<(String, String)>, Error> {
    let mut keys = Vec::with_capacity(definition.identifier.len());
    for name in &definition.identifier {
        let at = pointer::from_property(name);
        match properties.pointer(&at).filter(|value| !value.is_null()) {
            Some(Value::String(text)) => keys.push((schema_pointer(&at), text.clone())),
            Some(value) => keys.push((schema_pointer(&at), value.to_string())),
            None if completeness == Completeness::Partial => return Ok(Vec::new()),
            None => return Err(Error::internal(format!("`{}` returned a state without `{name}`", R::TYPE))),
        }
    }
    Ok(keys)
}

fn to_object(value: &impl Serialize) -> Result<Map<String, Value>, Error> {
    let value =
        serde_json::to_value(value).map_err(|error| Error::internal(format!("a state cannot be written: {error}")))?;
    Ok(object_or_empty(value))
}

fn object_or_empty(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}
