//! What an object will look like after a deploy, as far as the schema alone can tell.

use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::state::ResourceEntry;
use cofferdam_model::{Data, Value};

use crate::marks;

/// After a create: the inputs, and unknown places where the provider has the word.
pub(crate) fn created(schema: &ResourceSchema, inputs: &Value) -> Value {
    let mut after = inputs.clone();
    for pattern in &schema.read_only {
        set_unknown(&mut after, pattern.parts());
    }
    schema.mark_sensitive(&mut after);
    after
}

/// After an update: the inputs over what is there; what only the provider sets may change unless it is stable.
pub(crate) fn updated(schema: &ResourceSchema, prior: &ResourceEntry, inputs: &Value) -> Value {
    let mut after = merged(&prior.state.properties, inputs, Some(&prior.inputs));
    for pattern in &schema.read_only {
        let is_stable = matches!(pattern.parts(), [name] if schema.is_stable(name))
            || schema.stable.iter().chain(&schema.primary_identifier).any(|stable| stable == pattern);
        if !is_stable {
            marks::remove(&mut after, pattern.parts());
            set_unknown(&mut after, pattern.parts());
        }
    }
    schema.mark_sensitive(&mut after);
    marks::carry(inputs, &mut after);
    after
}

/// The inputs over the properties; keys that were inputs and are no longer go away.
fn merged(properties: &Value, inputs: &Value, before: Option<&Value>) -> Value {
    let (Data::Object(entries), Data::Object(wanted)) = (properties.data(), inputs.data()) else {
        return inputs.clone();
    };
    let before = before.and_then(Value::as_object);
    let was_set = |key: &String| before.is_some_and(|before| before.contains_key(key));
    let mut all: std::collections::BTreeMap<String, Value> = entries
        .iter()
        .filter(|(key, _)| !wanted.contains_key(*key) && !was_set(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for (key, value) in wanted.iter() {
        let value = match entries.get(key) {
            Some(there) => merged(there, value, before.and_then(|before| before.get(key))),
            None => value.clone(),
        };
        all.insert(key.clone(), value);
    }
    Value::object(all).with_secret(inputs.is_secret() || properties.is_secret())
}

fn set_unknown(value: &mut Value, pattern: &[String]) {
    let Some((part, rest)) = pattern.split_first() else { return };
    if part == "*" {
        let set = |item: &Value| {
            let mut item = item.clone();
            set_unknown(&mut item, rest);
            item
        };
        let changed = match value.data() {
            Data::List(items) => Value::list(items.iter().map(set).collect()),
            Data::Object(entries) => {
                Value::object(entries.iter().map(|(key, item)| (key.clone(), set(item))).collect())
            }
            _ => return,
        };
        *value = changed.with_secret(value.is_secret());
        return;
    }
    if let Some(entries) = value.as_object_mut() {
        match entries.get_mut(part) {
            Some(inner) if !rest.is_empty() => set_unknown(inner, rest),
            _ => {
                entries.insert(part.clone(), Value::unknown());
            }
        }
    }
}
