//! What expressions may refer to: the properties of resources as far as they are known, and what stands in for them.

use std::collections::{BTreeMap, HashMap};

use cofferdam_model::program::Known;
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::state::ResourceEntry;
use cofferdam_model::{Address, Data, Value};

/// Values by the index of their resource.
pub(crate) struct View<'a> {
    pub index: &'a HashMap<Address, usize>,
    pub values: &'a [Option<Value>],
    /// Looked at where `values` has nothing: what was before.
    pub fallback: &'a [Option<Value>],
}

impl Known for View<'_> {
    fn resource(&self, address: &Address) -> Option<&Value> {
        let i = *self.index.get(address)?;
        let at = |values: &'_ [Option<Value>]| values.get(i).is_some_and(Option::is_some);
        let from = if at(self.values) { self.values } else { self.fallback };
        from.get(i).and_then(Option::as_ref)
    }
}

/// What stands for the properties that an object of the type may have and does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unset {
    /// They are null.
    Null,
    /// The provider may fill them in.
    Unknown,
}

/// An object as expressions see it: its properties, the write-only ones from the inputs, and every other property of
/// the type, so that a reference to one that is not set is no error.
pub(crate) fn published(schema: &ResourceSchema, properties: &Value, inputs: Option<&Value>, unset: Unset) -> Value {
    let Some(entries) = properties.as_object() else { return properties.clone() };
    let inputs = inputs.and_then(Value::as_object);
    let missing: BTreeMap<String, Value> = schema
        .properties()
        .filter(|(name, _)| !entries.contains_key(*name))
        .map(|(name, _)| {
            let given = inputs.and_then(|inputs| inputs.get(name));
            let value = given.cloned().unwrap_or_else(|| match unset {
                Unset::Null => Value::null(),
                Unset::Unknown => Value::unknown(),
            });
            (name.clone(), value)
        })
        .collect();
    if missing.is_empty() {
        return properties.clone();
    }
    let mut value = properties.clone();
    if let Some(entries) = value.as_object_mut() {
        entries.extend(missing);
    }
    value
}

/// An object of the state as expressions see it, as far as that can be told without its type.
pub(crate) fn kept(entry: &ResourceEntry) -> Value {
    let (Some(properties), Some(inputs)) = (entry.state.properties.as_object(), entry.inputs.as_object()) else {
        return entry.state.properties.clone();
    };
    let mut value = entry.state.properties.clone();
    if inputs.keys().any(|key| !properties.contains_key(key))
        && let Some(entries) = value.as_object_mut()
    {
        for (key, input) in inputs {
            entries.entry(key.clone()).or_insert_with(|| input.clone());
        }
    }
    value
}

/// The same value without its unknown places: keys that hold one are left out, items of lists are null.
pub(crate) fn known_part(value: &Value) -> Value {
    if value.is_wholly_known() {
        return value.clone();
    }
    let part = match value.data() {
        Data::List(items) => Value::list(items.iter().map(known_part).collect()),
        Data::Object(entries) => {
            let known = entries.iter().filter(|(_, entry)| !entry.is_unknown());
            Value::object(known.map(|(key, entry)| (key.clone(), known_part(entry))).collect())
        }
        _ => Value::null(),
    };
    part.with_secret(value.is_secret())
}
