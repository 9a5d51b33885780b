//! Compares what is wanted with what is.
//!
//! Objects compare by the keys that the user sets; keys that only the provider filled in are left alone, keys that
//! the user set the last time and no longer sets are removed. Lists compare as a whole. Places that are sent and never
//! returned compare with the inputs of the last write.

use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::{Data, Pointer, Value};

use crate::validate::place_name;
use crate::{Change, DriftChange};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Only those that the user sets or set.
    Set,
    /// All of both sides.
    All,
}

struct Walk<'a> {
    schema: &'a ResourceSchema,
    path: Vec<String>,
    changes: Vec<Change>,
}

/// Every place where the object has to change to be as `desired`.
pub(crate) fn diff(schema: &ResourceSchema, desired: &Value, properties: &Value, inputs: &Value) -> Vec<Change> {
    let mut walk = Walk { schema, path: Vec::new(), changes: Vec::new() };
    walk.place(Some(desired), Some(properties), Some(inputs), Keys::Set, false);
    walk.changes
}

/// Every place where two sets of properties differ, write-only places left out.
pub(crate) fn differences(schema: &ResourceSchema, before: &Value, after: &Value) -> Vec<Change> {
    let mut walk = Walk { schema, path: Vec::new(), changes: Vec::new() };
    walk.place(Some(after), Some(before), None, Keys::All, false);
    walk.changes.retain(|change| !schema.is_write_only(&change.pointer));
    walk.changes
}

/// The same as drift. What the provider computes is left out where something that a user sets has changed: a digest
/// follows the content.
pub(crate) fn drift(schema: &ResourceSchema, before: &Value, after: &Value) -> Vec<DriftChange> {
    let mut changes = differences(schema, before, after);
    let computed = |change: &Change| change.pointer.parts().first().is_some_and(|name| schema.is_read_only(name));
    if changes.iter().any(|change| !computed(change)) {
        changes.retain(|change| !computed(change));
    }
    changes
        .into_iter()
        .map(|change| DriftChange { pointer: change.pointer, before: change.before, after: change.after })
        .collect()
}

impl Walk<'_> {
    fn place(
        &mut self,
        desired: Option<&Value>,
        prior: Option<&Value>,
        input: Option<&Value>,
        keys: Keys,
        secret: bool,
    ) {
        let write_only =
            !self.schema.write_only.is_empty() && self.schema.is_write_only(&Pointer::from_parts(self.path.clone()));
        let (prior, keys) = if write_only { (input, Keys::All) } else { (prior, keys) };
        // A null and nothing are the same; what is unknown may turn out to be either.
        let desired = desired.filter(|value| !value.is_null());
        let prior = prior.filter(|value| !value.is_null());
        let secret = secret || desired.is_some_and(Value::is_secret) || prior.is_some_and(Value::is_secret);
        let (Some(wanted), Some(is)) = (desired, prior) else {
            if desired.is_some() || prior.is_some() {
                self.change(desired, prior, secret);
            }
            return;
        };
        match (wanted.data(), is.data()) {
            (Data::Object(wanted), Data::Object(is)) => {
                let inputs = input.and_then(Value::as_object);
                for (key, value) in wanted.iter() {
                    self.part(key, Some(value), is.get(key), inputs.and_then(|i| i.get(key)), keys, secret);
                }
                let gone: Vec<&String> = match (keys, inputs) {
                    (Keys::Set, Some(inputs)) => inputs.keys().collect(),
                    (Keys::Set, None) => Vec::new(),
                    (Keys::All, Some(inputs)) if !write_only => {
                        is.keys().chain(inputs.keys().filter(|key| !is.contains_key(*key))).collect()
                    }
                    (Keys::All, _) => is.keys().collect(),
                };
                let top = self.path.is_empty();
                for key in gone.into_iter().filter(|key| !wanted.contains_key(*key)) {
                    let provided = keys == Keys::Set && top && self.schema.is_read_only(key);
                    if !provided {
                        self.part(key, None, is.get(key), inputs.and_then(|i| i.get(key)), keys, secret);
                    }
                }
            }
            (Data::List(wanted_items), Data::List(is_items)) if wanted_items.len() == is_items.len() => {
                let inputs = input.and_then(Value::as_list);
                for (i, (wanted, is)) in wanted_items.iter().zip(is_items.iter()).enumerate() {
                    let input = inputs.and_then(|inputs| inputs.get(i));
                    self.part(&i.to_string(), Some(wanted), Some(is), input, Keys::All, secret);
                }
            }
            _ if wanted.same(is) => {}
            _ => self.change(desired, prior, secret),
        }
    }

    fn part(
        &mut self,
        key: &str,
        desired: Option<&Value>,
        prior: Option<&Value>,
        input: Option<&Value>,
        keys: Keys,
        secret: bool,
    ) {
        self.path.push(key.to_owned());
        self.place(desired, prior, input, keys, secret);
        self.path.pop();
    }

    fn change(&mut self, desired: Option<&Value>, prior: Option<&Value>, secret: bool) {
        let pointer = Pointer::from_parts(self.path.clone());
        let replaces = self.schema.is_create_only(&pointer);
        let reason = replaces.then(|| format!("{} cannot change in place", place_name(&pointer)));
        // A value that was secret or becomes secret is not shown on either side.
        let marked = |value: Option<&Value>| value.map(|value| value.clone().with_secret(secret));
        self.changes.push(Change { pointer, before: marked(prior), after: marked(desired), replaces, reason });
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_model::{ResourceType, document};

    use super::*;

    fn shown(value: &Option<Value>) -> String {
        value.as_ref().map_or("nothing".into(), |value| document::to_shown_json(value).to_string())
    }

    fn changes(desired: &str, properties: &str, inputs: &str) -> Vec<String> {
        let schema = ResourceSchema::parse(
            &ResourceType::new("t_x").expect("valid"),
            r#"{"properties":{"id":{}},"readOnlyProperties":["/properties/id"],
                "createOnlyProperties":["/properties/name","/properties/opts/kind"],
                "writeOnlyProperties":["/properties/password","/properties/users/*/key"]}"#,
        )
        .expect("valid");
        let value = |text: &str| document::parse(text).expect("valid");
        diff(&schema, &value(desired), &value(properties), &value(inputs))
            .into_iter()
            .map(|c| format!("{} {} → {} {}", c.pointer, shown(&c.before), shown(&c.after), c.replaces))
            .collect()
    }

    #[test]
    fn compares_what_the_user_sets() {
        let none: [&str; 0] = [];
        assert_eq!(changes(r#"{"a":1}"#, r#"{"a":1,"id":"x","filled":2}"#, r#"{"a":1}"#), none);
        assert_eq!(changes(r#"{"o":{"a":1}}"#, r#"{"o":{"a":1,"filled":2}}"#, r#"{"o":{"a":1}}"#), none);
        assert_eq!(changes(r#"{"a":2}"#, r#"{"a":1}"#, r#"{"a":1}"#), ["/a 1 → 2 false"]);
        assert_eq!(changes(r#"{"name":"b"}"#, r#"{"name":"a"}"#, "{}"), ["/name \"a\" → \"b\" true"]);
    }

    #[test]
    fn what_is_no_longer_set_is_removed() {
        assert_eq!(changes("{}", r#"{"a":1,"b":2}"#, r#"{"a":1}"#), ["/a 1 → nothing false"]);
        assert_eq!(changes(r#"{"o":{}}"#, r#"{"o":{"a":1,"b":2}}"#, r#"{"o":{"a":1}}"#), ["/o/a 1 → nothing false"]);
        let none: [&str; 0] = [];
        assert_eq!(changes("{}", r#"{"id":1,"a":null}"#, r#"{"id":1,"a":1}"#), none);
    }

    #[test]
    fn lists_compare_as_a_whole() {
        assert_eq!(changes(r#"{"l":[{"a":1}]}"#, r#"{"l":[{"a":1,"b":2}]}"#, "{}"), ["/l/0/b 2 → nothing false"]);
        assert_eq!(changes(r#"{"l":[1]}"#, r#"{"l":[1,2]}"#, "{}"), ["/l [1,2] → [1] false"]);
    }

    #[test]
    fn write_only_places_compare_with_the_inputs() {
        let none: [&str; 0] = [];
        assert_eq!(changes(r#"{"password":"a"}"#, "{}", r#"{"password":"a"}"#), none);
        assert_eq!(changes(r#"{"password":"b"}"#, "{}", r#"{"password":"a"}"#).len(), 1);
        assert_eq!(changes("{}", "{}", r#"{"password":"a"}"#).len(), 1);
        let (users, read) = (r#"{"users":[{"n":1,"key":"k"}]}"#, r#"{"users":[{"n":1}]}"#);
        assert_eq!(changes(users, read, users), none);
        assert_eq!(changes(r#"{"users":[{"n":1,"key":"j"}]}"#, read, users).len(), 1);
    }

    #[test]
    fn a_whole_that_holds_a_create_only_part_replaces() {
        assert!(changes(r#"{"opts":{"kind":1}}"#, "{}", "{}")[0].ends_with("true"));
    }
}
