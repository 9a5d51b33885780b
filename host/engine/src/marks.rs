//! Secret marks that must not get lost: what a plugin answers carries every mark that the host knows of.

use std::collections::BTreeSet;

use cofferdam_model::redact::{MIN_BYTES, Redactor};
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::state::ResourceState;
use cofferdam_model::{Data, Pointer, Value};

/// Marks in `to` every place that is secret in `from`, and teaches nothing.
pub(crate) fn carry(from: &Value, to: &mut Value) {
    if !from.has_secret() {
        return;
    }
    let mut texts = BTreeSet::new();
    from.visit_secrets(&mut |secret| collect(secret, &mut texts));
    let marked = carried(Some(from), to, &texts);
    *to = marked;
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value.data() {
        Data::String(text) if text.len() >= MIN_BYTES => {
            texts.insert(text.to_string());
        }
        Data::List(items) => items.iter().for_each(|item| collect(item, texts)),
        Data::Object(entries) => entries.values().for_each(|entry| collect(entry, texts)),
        _ => {}
    }
}

/// Besides the same places, texts that contain a secret text are secret wherever they stand.
fn carried(from: Option<&Value>, to: &Value, texts: &BTreeSet<String>) -> Value {
    let secret = to.is_secret() || from.is_some_and(Value::is_secret);
    let value = match to.data() {
        Data::String(text) => to.clone().with_secret(texts.iter().any(|secret| text.contains(secret.as_str()))),
        Data::List(items) => {
            let same = from.and_then(Value::as_list).filter(|from| from.len() == items.len());
            // Which item became which is not known where the lengths differ.
            let whole = same.is_none() && from.is_some_and(Value::has_secret);
            let items = items.iter().enumerate().map(|(i, item)| carried(same.map(|from| &from[i]), item, texts));
            Value::list(items.collect()).with_secret(whole)
        }
        Data::Object(entries) => {
            let from = from.and_then(Value::as_object);
            let entry = |(key, value): (&String, &Value)| {
                (key.clone(), carried(from.and_then(|from| from.get(key)), value, texts))
            };
            Value::object(entries.iter().map(entry).collect())
        }
        _ => to.clone(),
    };
    value.with_secret(secret)
}

/// A state as the host keeps it: write-only places out, marks of the schema and of `sources` on, secrets learned.
pub(crate) fn settle(
    mut state: ResourceState,
    schema: &ResourceSchema,
    sources: &[&Value],
    redactor: &Redactor,
) -> ResourceState {
    for pattern in &schema.write_only {
        remove(&mut state.properties, pattern.parts());
    }
    schema.mark_sensitive(&mut state.properties);
    for source in sources {
        carry(source, &mut state.properties);
    }
    redactor.learn(&state.properties);
    state.schema_version = schema.version;
    state
}

/// Removes every place that a pattern names.
pub(crate) fn remove(value: &mut Value, pattern: &[String]) {
    let Some((part, rest)) = pattern.split_first() else { return };
    match value.data() {
        Data::Object(entries) if part == "*" || entries.contains_key(part) => {
            let Some(entries) = value.as_object_mut() else { return };
            if rest.is_empty() {
                entries.retain(|key, _| part != "*" && key != part);
            } else if part == "*" {
                entries.values_mut().for_each(|value| remove(value, rest));
            } else if let Some(inner) = entries.get_mut(part) {
                remove(inner, rest);
            }
        }
        Data::List(items) if part == "*" && !rest.is_empty() => {
            let mut items = items.as_ref().clone();
            items.iter_mut().for_each(|item| remove(item, rest));
            *value = Value::list(items).with_secret(value.is_secret());
        }
        _ => {}
    }
}

/// Every place of a value that a pattern names.
pub(crate) fn places(value: &Value, pattern: &Pointer) -> Vec<Pointer> {
    let mut found = vec![(Pointer::root(), value)];
    for part in pattern.parts() {
        let mut next = Vec::new();
        for (pointer, value) in found {
            match value.data() {
                Data::Object(entries) if part == "*" => {
                    next.extend(entries.iter().map(|(key, value)| (pointer.child(key.as_str()), value)));
                }
                Data::Object(entries) => {
                    next.extend(entries.get(part).map(|value| (pointer.child(part.as_str()), value)));
                }
                Data::List(items) if part == "*" => {
                    next.extend(items.iter().enumerate().map(|(i, item)| (pointer.child(i.to_string()), item)));
                }
                _ => {}
            }
        }
        found = next;
    }
    found.into_iter().map(|(pointer, _)| pointer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        cofferdam_model::document::parse(text).expect("valid")
    }

    #[test]
    fn a_secret_stays_secret_wherever_it_turns_up() {
        let mut inputs = parse(r#"{"password":"hunter22","list":["aaaa","bbbb"]}"#);
        assert!(inputs.mark_secret(&Pointer::parse("/password").expect("valid")));
        assert!(inputs.mark_secret(&Pointer::parse("/list/1").expect("valid")));
        let mut answer = parse(r#"{"password":"other","url":"db://u:hunter22@h","list":["x"],"n":"x"}"#);
        carry(&inputs, &mut answer);
        let shown = cofferdam_model::document::to_shown_json(&answer).to_string();
        assert_eq!(shown, r#"{"list":"(secret)","n":"x","password":"(secret)","url":"(secret)"}"#);
    }

    #[test]
    fn patterns_remove_places() {
        let mut value = parse(r#"{"a":[{"s":1,"t":2},{"s":1}],"b":1}"#);
        remove(&mut value, &["a".into(), "*".into(), "s".into()]);
        remove(&mut value, &["b".into()]);
        assert!(value.same(&parse(r#"{"a":[{"t":2},{}]}"#)));
    }
}
