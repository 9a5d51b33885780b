//! Compares two states with each other: which resources came, went and changed, place by place. Needs no schema, so
//! that states can be compared whose plugins are not there any more.

use std::collections::BTreeSet;

use cofferdam_model::state::{ResourceEntry, StackState};
use cofferdam_model::{Address, Data, Pointer, Value};
use serde::Serialize;

use crate::values::kept;
use crate::{DriftChange, OutputChange};

/// What became of a resource between two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// The later state alone has it.
    Added,
    /// Both have it, and it differs.
    Changed,
    /// The earlier state alone has it.
    Removed,
}

/// Something about a resource, beside its properties, that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Aspect {
    /// What it is: "provider", "depends on".
    pub name: &'static str,
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
}

/// A resource that two states do not have in common as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The resource.
    pub address: Address,
    /// What became of it.
    pub kind: DifferenceKind,
    /// The properties of the state that alone has it; none where both have it.
    pub properties: Option<Value>,
    /// The places that differ, write-only ones included; empty where only one state has it.
    pub changes: Vec<DriftChange>,
    /// What else differs.
    pub aspects: Vec<Aspect>,
}

/// How two states differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDiff {
    /// Resources, in the order of their addresses.
    pub resources: Vec<Difference>,
    /// Outputs that differ, in the order of their names.
    pub outputs: Vec<OutputChange>,
    /// How many resources are the same in both.
    pub unchanged: usize,
}

impl StateDiff {
    /// How the second state differs from the first.
    #[must_use]
    pub fn between(before: &StackState, after: &StackState) -> Self {
        let mut found = Self::default();
        let addresses: BTreeSet<&Address> = before.resources.keys().chain(after.resources.keys()).collect();
        for address in addresses {
            match difference(address, before.resources.get(address), after.resources.get(address)) {
                Some(difference) => found.resources.push(difference),
                None => found.unchanged += 1,
            }
        }
        let names: BTreeSet<&String> = before.outputs.keys().chain(after.outputs.keys()).collect();
        let output = |name: &String| OutputChange {
            name: name.clone(),
            before: before.outputs.get(name).cloned(),
            after: after.outputs.get(name).cloned(),
        };
        found.outputs = names.into_iter().map(output).filter(OutputChange::is_change).collect();
        found
    }

    /// Whether the states say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.is_empty()
    }

    /// How many resources a kind of difference concerns.
    #[must_use]
    pub fn count(&self, kind: DifferenceKind) -> usize {
        self.resources.iter().filter(|difference| difference.kind == kind).count()
    }
}

fn difference(address: &Address, before: Option<&ResourceEntry>, after: Option<&ResourceEntry>) -> Option<Difference> {
    let (kind, properties, changes, aspects) = match (before, after) {
        (Some(before), Some(after)) => {
            let mut changes = Vec::new();
            walk(Some(&kept(before)), Some(&kept(after)), &mut Vec::new(), false, &mut changes);
            let aspects = aspects(before, after, changes.is_empty());
            if changes.is_empty() && aspects.is_empty() {
                return None;
            }
            (DifferenceKind::Changed, None, changes, aspects)
        }
        (None, after) => (DifferenceKind::Added, after.map(kept), Vec::new(), Vec::new()),
        (before, None) => (DifferenceKind::Removed, before.map(kept), Vec::new(), Vec::new()),
    };
    Some(Difference { address: address.clone(), kind, properties, changes, aspects })
}

/// Everything but properties and inputs. An identity repeats properties: it is told where they say nothing.
fn aspects(before: &ResourceEntry, after: &ResourceEntry, same_properties: bool) -> Vec<Aspect> {
    let list = |addresses: &BTreeSet<Address>| {
        let names: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    let plugin = |entry: &ResourceEntry| {
        format!("{} {} ({})", entry.plugin.name, entry.plugin.version, entry.plugin.digest.short())
    };
    let identity = |entry: &ResourceEntry| {
        let secret = entry.state.properties.has_secret();
        let keys = entry.state.identity.0.iter().map(|(_, value)| value.as_str());
        // Which part of an identity repeats a secret is not looked into here.
        if secret { "(secret)".to_owned() } else { keys.collect::<Vec<_>>().join(", ") }
    };
    let hidden = |_: &ResourceEntry| "(private)".to_owned();
    let mut found = Vec::new();
    let mut note = |name, differs: bool, text: &dyn Fn(&ResourceEntry) -> String| {
        if differs {
            found.push(Aspect { name, before: text(before), after: text(after) });
        }
    };
    note("provider", before.provider != after.provider, &|entry| entry.provider.to_string());
    note("plugin", before.plugin != after.plugin, &plugin);
    note("schema version", before.state.schema_version != after.state.schema_version, &|entry| {
        entry.state.schema_version.to_string()
    });
    note("identity", same_properties && before.state.identity != after.state.identity, &identity);
    note("condition", before.condition != after.condition, &|entry| format!("{:?}", entry.condition).to_lowercase());
    note("depends on", before.depends_on != after.depends_on, &|entry| list(&entry.depends_on));
    note("what the plugin keeps for itself", before.state.hidden != after.state.hidden, &hidden);
    found
}

/// Every place where two values differ. A null and nothing are the same, and so are two unknown places.
fn walk(
    before: Option<&Value>,
    after: Option<&Value>,
    path: &mut Vec<String>,
    secret: bool,
    changes: &mut Vec<DriftChange>,
) {
    let (before, after) = (before.filter(|value| !value.is_null()), after.filter(|value| !value.is_null()));
    let secret = secret || before.is_some_and(Value::is_secret) || after.is_some_and(Value::is_secret);
    match (before.map(Value::data), after.map(Value::data)) {
        (None, None) | (Some(Data::Unknown), Some(Data::Unknown)) => return,
        (Some(Data::Object(was)), Some(Data::Object(is))) => {
            let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for key in keys {
                path.push(key.clone());
                walk(was.get(key), is.get(key), path, secret, changes);
                path.pop();
            }
            return;
        }
        (Some(Data::List(was)), Some(Data::List(is))) if was.len() == is.len() => {
            for (i, (was, is)) in was.iter().zip(is.iter()).enumerate() {
                path.push(i.to_string());
                walk(Some(was), Some(is), path, secret, changes);
                path.pop();
            }
            return;
        }
        _ => {}
    }
    if let (Some(before), Some(after)) = (before, after)
        && before.same(after)
    {
        return;
    }
    // A value that was secret or becomes secret is not shown on either side.
    let marked = |value: Option<&Value>| value.map(|value| value.clone().with_secret(secret));
    let pointer = Pointer::from_parts(path.clone());
    changes.push(DriftChange { pointer, before: marked(before), after: marked(after) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::document::{parse, to_shown_json};

    fn changes(before: &str, after: &str, secret: &[&str]) -> Vec<String> {
        let value = |text: &str| {
            let mut value = parse(text).expect("valid");
            for pointer in secret {
                let _ = value.mark_secret(&Pointer::parse(pointer).expect("valid"));
            }
            value
        };
        let shown = |value: &Option<Value>| value.as_ref().map_or("-".into(), |v| to_shown_json(v).to_string());
        let mut found = Vec::new();
        walk(Some(&value(before)), Some(&value(after)), &mut Vec::new(), false, &mut found);
        found.iter().map(|c| format!("{} {} {}", c.pointer, shown(&c.before), shown(&c.after))).collect()
    }

    #[test]
    fn places_are_compared_one_by_one() {
        let none: [&str; 0] = [];
        assert_eq!(changes(r#"{"a":1,"b":null}"#, r#"{"a":1}"#, &[]), none);
        assert_eq!(changes(r#"{"a":{"b":1},"l":[1,2]}"#, r#"{"a":{},"l":[1,3]}"#, &[]), ["/a/b 1 -", "/l/1 2 3"]);
        assert_eq!(changes(r#"{"l":[1]}"#, r#"{"l":[1,2]}"#, &[]), ["/l [1] [1,2]"]);
    }

    #[test]
    fn secrets_stay_hidden() {
        assert_eq!(changes(r#"{"p":{"a":"x"}}"#, r#"{"p":{"a":"y"}}"#, &["/p"]), [r#"/p/a "(secret)" "(secret)""#]);
        let none: [&str; 0] = [];
        assert_eq!(changes(r#"{"p":"x"}"#, r#"{"p":"x"}"#, &["/p"]), none);
    }
}
