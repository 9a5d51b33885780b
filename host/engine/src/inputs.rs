//! Inputs on their way from the stack to a provider: evaluated, without nulls, with defaults and marks, validated.

use cofferdam_model::program::Known;
use cofferdam_model::{Address, Data, Diagnostic, Value};

use crate::calls::Subject;
use crate::kinds::Kind;
use crate::marks::places;
use crate::run::Run;
use crate::validate::place_name;
use crate::{Cause, StepError, Task};

/// Inputs that a provider may see.
pub(crate) struct Prepared {
    pub inputs: Value,
    pub warnings: Vec<Diagnostic>,
}

/// Evaluates and validates a resource's inputs against what is known.
pub(crate) fn prepare(
    run: &Run,
    subject: &Subject,
    kind: &Kind,
    known: &dyn Known,
) -> Result<Prepared, Box<StepError>> {
    let address = &subject.address;
    let invalid = |findings: Vec<Diagnostic>| {
        let findings = findings.into_iter().map(|finding| run.located(address, finding)).collect();
        subject.invalid(Task::Evaluate, findings)
    };
    let value = run.program().resource_inputs(address, known).map_err(invalid)?;
    let mut inputs = without_nulls(&value);
    if !matches!(inputs.data(), Data::Object(_)) {
        return Err(invalid(vec![Diagnostic::error(format!("the inputs of `{address}` are no object"))]));
    }
    let schema = &kind.schema;
    let mut findings = Vec::new();
    for pointer in schema.read_only.iter().flat_map(|pattern| places(&inputs, pattern)) {
        findings.push(Diagnostic::error(format!("{} is set by the provider alone", place_name(&pointer))).at(pointer));
    }
    let deprecated = schema.deprecated.iter().flat_map(|pattern| places(&inputs, pattern));
    let warnings: Vec<Diagnostic> = deprecated
        .map(|at| run.located(address, Diagnostic::warning(format!("{} is deprecated", place_name(&at))).at(at)))
        .collect();
    fill(run, kind, &mut inputs);
    match kind.validate(&inputs) {
        Ok(found) => findings.extend(found),
        Err(why) => {
            return Err(subject.cause(Task::Describe, Cause::Schema(run.ctx.redactor.redact(&why)), Vec::new()));
        }
    }
    if findings.is_empty() { Ok(Prepared { inputs, warnings }) } else { Err(invalid(findings)) }
}

fn fill(run: &Run, kind: &Kind, inputs: &mut Value) {
    let secret = inputs.is_secret();
    kind.schema.fill_defaults(inputs);
    // A default of what only the provider sets describes its answer; it is no input.
    if let Some(entries) = inputs.as_object_mut() {
        entries.retain(|name, _| !kind.schema.is_read_only(name));
    }
    kind.schema.mark_sensitive(inputs);
    *inputs = inputs.clone().with_secret(secret);
    run.ctx.redactor.learn(inputs);
}

/// The same value, its objects without the keys that hold null. Copies only what has some.
pub(crate) fn without_nulls(value: &Value) -> Value {
    if !has_null_entry(value) {
        return value.clone();
    }
    let copy = match value.data() {
        Data::List(items) => Value::list(items.iter().map(without_nulls).collect()),
        Data::Object(entries) => {
            let kept = entries.iter().filter(|(_, value)| !value.is_null());
            Value::object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        data => data.clone().into(),
    };
    copy.with_secret(value.is_secret())
}

fn has_null_entry(value: &Value) -> bool {
    match value.data() {
        Data::List(items) => items.iter().any(has_null_entry),
        Data::Object(entries) => entries.values().any(|value| value.is_null() || has_null_entry(value)),
        _ => false,
    }
}

/// Where inputs differ from the planned ones at a place that was known in the plan; none where they agree.
pub(crate) fn disagreement(planned: &Value, actual: &Value, address: &Address) -> Option<String> {
    differs(planned, actual, &mut Vec::new())
        .map(|path| if path.is_empty() { address.to_string() } else { format!("{address}.{}", path.join(".")) })
}

fn differs(planned: &Value, actual: &Value, path: &mut Vec<String>) -> Option<Vec<String>> {
    match (planned.data(), actual.data()) {
        (Data::Unknown, _) => None,
        (Data::Object(planned), Data::Object(actual)) => {
            let mut part = |key: &String, planned: Option<&Value>, actual: Option<&Value>| {
                path.push(key.clone());
                let found = match (planned, actual) {
                    (Some(planned), Some(actual)) => differs(planned, actual, path),
                    // What was unknown may turn out to be null, which is the same as not set.
                    (Some(planned), None) if planned.is_unknown() => None,
                    _ => Some(path.clone()),
                };
                path.pop();
                found
            };
            let gone = planned.iter().find_map(|(key, value)| part(key, Some(value), actual.get(key)));
            gone.or_else(|| {
                let new = actual.iter().filter(|(key, _)| !planned.contains_key(*key));
                new.into_iter().find_map(|(key, value)| part(key, None, Some(value)))
            })
        }
        (Data::List(planned), Data::List(actual)) if planned.len() == actual.len() => {
            planned.iter().zip(actual.iter()).enumerate().find_map(|(i, (planned, actual))| {
                path.push(i.to_string());
                let found = differs(planned, actual, path);
                path.pop();
                found
            })
        }
        _ if planned.same(actual) => None,
        _ => Some(path.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        cofferdam_model::document::parse(text).expect("valid")
    }

    #[test]
    fn only_known_places_must_agree() {
        let address: Address = "t_x.a".parse().expect("valid");
        let mut planned = parse(r#"{"a":1,"b":null,"c":[{"d":null}]}"#);
        for place in ["/b", "/c/0/d"] {
            let place = cofferdam_model::Pointer::parse(place).expect("valid");
            *planned.at_mut(&place).expect("there") = Value::unknown();
        }
        let found = |actual: &str| disagreement(&planned, &parse(actual), &address);
        assert_eq!(found(r#"{"a":1,"b":"x","c":[{"d":"y"}]}"#), None);
        assert_eq!(found(r#"{"a":1,"c":[{}]}"#), None);
        assert_eq!(found(r#"{"a":2,"c":[{}]}"#).as_deref(), Some("t_x.a.a"));
        assert_eq!(found(r#"{"a":1,"c":[{},{}]}"#).as_deref(), Some("t_x.a.c"));
        assert_eq!(found(r#"{"a":1,"c":[{}],"z":1}"#).as_deref(), Some("t_x.a.z"));
    }

    #[test]
    fn nulls_go_wherever_they_are() {
        assert!(
            without_nulls(&parse(r#"{"a":null,"b":[{"c":null}],"d":[null]}"#)).same(&parse(r#"{"b":[{}],"d":[null]}"#))
        );
    }
}
