//! The JSON Patch (RFC 6902) of an update: from the object's properties to the inputs, limited to what a user may set.

use cofferdam_model::document::to_json;
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::state::ResourceEntry;
use cofferdam_model::{Data, Value};

use crate::marks;

/// The patch as JSON text. It may hold secrets: it goes to the plugin and nowhere else. Write-only places are always
/// in it, because the properties never hold them.
pub(crate) fn patch(schema: &ResourceSchema, prior: &ResourceEntry, inputs: &Value) -> String {
    let mut base = settable(&prior.state.properties, inputs, Some(&prior.inputs));
    for pattern in schema.read_only.iter().chain(&schema.write_only) {
        marks::remove(&mut base, pattern.parts());
    }
    serde_json::Value::from_iter(json_patch::diff(&to_json(&base), &to_json(inputs)).0.iter().map(|operation| {
        // Operations are plain data: their conversion to JSON cannot fail.
        serde_json::to_value(operation).unwrap_or_default()
    }))
    .to_string()
}

/// The properties without those keys that only the provider filled in.
fn settable(properties: &Value, inputs: &Value, before: Option<&Value>) -> Value {
    let (Data::Object(entries), Data::Object(wanted)) = (properties.data(), inputs.data()) else {
        return properties.clone();
    };
    let before = before.and_then(Value::as_object);
    let kept = entries.iter().filter_map(|(key, value)| {
        let old = before.and_then(|before| before.get(key));
        match wanted.get(key) {
            Some(wanted) => Some((key.clone(), settable(value, wanted, old))),
            None => old.map(|_| (key.clone(), value.clone())),
        }
    });
    Value::object(kept.filter(|(_, value)| !value.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use cofferdam_model::{Digest, ResourceType, document};

    use super::*;

    #[test]
    fn leaves_alone_what_the_user_does_not_set() {
        let schema = ResourceSchema::parse(
            &ResourceType::new("t_x").expect("valid"),
            r#"{"properties":{},"readOnlyProperties":["/properties/arn"],"writeOnlyProperties":["/properties/pw"]}"#,
        )
        .expect("valid");
        let value = |text: &str| document::parse(text).expect("valid");
        let prior = ResourceEntry {
            provider: "p".to_owned().try_into().expect("valid"),
            plugin: cofferdam_model::state::PluginIdentity {
                name: "p".into(),
                version: "1.0.0".into(),
                digest: Digest::of(b""),
            },
            inputs: value(r#"{"a":1,"gone":1,"o":{"x":1},"pw":"p"}"#),
            state: cofferdam_model::state::ResourceState {
                identity: cofferdam_model::state::Identity::default(),
                properties: value(r#"{"a":1,"gone":1,"o":{"x":1,"filled":1},"arn":"r","filled":1}"#),
                hidden: Vec::new(),
                schema_version: 0,
            },
            depends_on: std::collections::BTreeSet::new(),
            condition: cofferdam_model::state::Condition::Whole,
        };
        assert_eq!(
            patch(&schema, &prior, &value(r#"{"a":2,"o":{"x":1},"pw":"p"}"#)),
            r#"[{"op":"replace","path":"/a","value":2},{"op":"add","path":"/pw","value":"p"},{"op":"remove","path":"/gone"}]"#
        );
    }
}
