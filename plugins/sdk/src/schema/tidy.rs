//! Turns what schemars writes into what the contract wants: optional properties without `null`, nested objects that
//! refuse misspelt members, values without the nulls that stand for absent fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Makes an optional property one of its plain type: the host takes a null for an absent property.
pub(crate) fn drop_null_type(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if members.get("default").is_some_and(Value::is_null) {
        members.remove("default");
    }
    if let Some(Value::Object(default)) = members.get_mut("default") {
        default.retain(|_, value| !value.is_null());
    }
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if types.len() == 1 {
            let only = types.remove(0);
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(branches)) = members.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
        if branches.len() == 1 {
            let only = branches.remove(0);
            members.remove("anyOf");
            if let Value::Object(only) = only {
                members.extend(only);
            }
        }
    }
}

/// Adds `additionalProperties: false` to every object with named members, except where it is composed with others: a
/// branch cannot know the members of its neighbours.
pub(crate) fn close_objects(properties: &mut Map<String, Value>, defs: &mut Map<String, Value>) {
    let mut composed = BTreeSet::new();
    properties.values().chain(defs.values()).for_each(|schema| find_composed(schema, &mut composed));
    properties.values_mut().for_each(close);
    for (name, schema) in defs {
        if composed.contains(&format!("#/$defs/{name}")) {
            continue;
        }
        close(schema);
    }
}

/// Collects references that stand beside members or inside `allOf`.
fn find_composed(schema: &Value, composed: &mut BTreeSet<String>) {
    let reference = |schema: &Value| schema.get("$ref").and_then(Value::as_str).map(str::to_owned);
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") {
                composed.extend(reference(schema));
            }
            if let Some(Value::Array(branches)) = members.get("allOf") {
                composed.extend(branches.iter().filter_map(reference));
            }
            members.values().for_each(|member| find_composed(member, composed));
        }
        Value::Array(items) => items.iter().for_each(|item| find_composed(item, composed)),
        _ => {}
    }
}

fn close(schema: &mut Value) {
    const COMPOSED: [&str; 6] = ["$ref", "allOf", "anyOf", "oneOf", "additionalProperties", "patternProperties"];
    let Value::Object(members) = schema else { return };
    if members.contains_key("properties") && !COMPOSED.iter().any(|keyword| members.contains_key(*keyword)) {
        members.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    for keyword in ["properties", "items", "additionalProperties", "oneOf", "anyOf"] {
        match members.get_mut(keyword) {
            Some(Value::Object(inner)) if keyword == "properties" => inner.values_mut().for_each(close),
            Some(inner @ Value::Object(_)) => close(inner),
            Some(Value::Array(branches)) if !schema_has_members(branches) => branches.iter_mut().for_each(close),
            _ => {}
        }
    }
}

/// True where a branch refers to another schema beside its own members, as internally tagged enums do.
fn schema_has_members(branches: &[Value]) -> bool {
    branches.iter().any(|branch| branch.get("properties").is_some() && branch.get("$ref").is_some())
}

/// Removes the nulls that stand for absent fields: members of objects whose schema names them. Free-form values keep
/// theirs.
pub(crate) fn drop_nulls(value: &mut Value, schema: &Value, defs: &Map<String, Value>) {
    let schema = resolve(schema, defs);
    match value {
        Value::Object(members) => {
            let named = schema.get("properties").and_then(Value::as_object);
            members.retain(|name, member| !member.is_null() || named.is_none_or(|named| !named.contains_key(name)));
            for (name, member) in members.iter_mut() {
                let inner = named.and_then(|named| named.get(name)).or_else(|| schema.get("additionalProperties"));
                inner.into_iter().for_each(|inner| drop_nulls(member, inner, defs));
            }
        }
        Value::Array(items) => {
            if let Some(inner) = schema.get("items") {
                items.iter_mut().for_each(|item| drop_nulls(item, inner, defs));
            }
        }
        _ => {}
    }
    if let Some(Value::Array(branches)) = schema.get("anyOf") {
        branches.iter().for_each(|branch| drop_nulls(value, branch, defs));
    }
}

/// Follows references to definitions; a chain ends after as many steps as there are definitions.
fn resolve<'a>(mut schema: &'a Value, defs: &'a Map<String, Value>) -> &'a Value {
    for _ in 0..=defs.len() {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix("#/$defs/"));
        match name.and_then(|name| defs.get(name)) {
            Some(next) if schema.get("properties").is_none() => schema = next,
            _ => break,
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_of_named_members_go_and_free_ones_stay() {
        let schema = json!({"properties": {"a": {}, "b": {"$ref": "#/$defs/B"}, "c": {"items": {"$ref": "#/$defs/B"}}, "free": true}});
        let defs =
            json!({"B": {"properties": {"x": {}, "next": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]}}}});
        let defs = defs.as_object().expect("an object").clone();
        let mut value = json!({
            "a": null, "b": {"x": null, "next": {"x": null, "y": null}}, "c": [{"x": null}, null], "free": {"z": null}
        });
        drop_nulls(&mut value, &schema, &defs);
        assert_eq!(value, json!({"b": {"next": {"y": null}}, "c": [{}, null], "free": {"z": null}}));
    }

    #[test]
    fn a_reference_to_itself_ends() {
        let defs = json!({"A": {"$ref": "#/$defs/A"}});
        let defs = defs.as_object().expect("an object").clone();
        let mut value = json!({"a": null});
        drop_nulls(&mut value, &json!({"$ref": "#/$defs/A"}), &defs);
        assert_eq!(value, json!({"a": null}));
    }

    #[test]
    fn composed_objects_stay_open() {
        let mut properties = Map::new();
        properties
            .insert("tagged".into(), json!({"oneOf": [{"properties": {"type": {"const": "a"}}, "$ref": "#/$defs/A"}]}));
        let mut defs = Map::new();
        defs.insert("A".into(), json!({"type": "object", "properties": {"x": {}}}));
        defs.insert("B".into(), json!({"type": "object", "properties": {"x": {}}}));
        close_objects(&mut properties, &mut defs);
        assert!(defs["A"].get("additionalProperties").is_none());
        assert_eq!(defs["B"]["additionalProperties"], json!(false));
        assert!(properties["tagged"]["oneOf"][0].get("additionalProperties").is_none());
    }
}
