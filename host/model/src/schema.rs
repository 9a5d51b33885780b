//! The schema of a resource type: JSON Schema with the keywords of the CloudFormation resource provider schema and
//! those that begin with `x-cofferdam-`. Parsed and bounded here; validation by it is the engine's.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::{Data, Pointer, ResourceType, Value, document};

/// The longest schema text, in bytes.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
const MAX_REFS: usize = 16;

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema of `{ty}` cannot be used: {why}")]
pub struct SchemaError {
    ty: ResourceType,
    why: String,
}

/// Which half of a replacement a schema wants first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplacementStrategy {
    /// The old object goes first. The default here: names are often unique.
    #[default]
    DeleteThenCreate,
    /// The new object comes first.
    CreateThenDelete,
}

/// Where a type's objects are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadCost {
    /// Over the network: only what a change touches is read, unless the user asks for all.
    #[default]
    Remote,
    /// For free: read in every plan.
    Local,
}

/// What comes of a create that is made again, in another run, with the same operation id and the same inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recreate {
    /// Perhaps a second object.
    #[default]
    Once,
    /// The object that the first one made, if it made one.
    Idempotent,
}

/// What a type's plugin implements beyond create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each handler of the schema, independent of each other")]
pub struct Handlers {
    /// Objects can be read; without it they exist in the state alone.
    pub read: bool,
    /// A read finds the object that an operation made; never without `read`.
    pub read_operation: bool,
    /// Objects can change in place; without it every change replaces.
    pub update: bool,
    /// Deleting calls the plugin; without it the entry is dropped from the state.
    pub delete: bool,
    /// Objects can be listed.
    pub list: bool,
}

/// A parsed schema.
#[derive(Clone, Debug)]
pub struct ResourceSchema {
    /// The type.
    pub ty: ResourceType,
    /// The schema as plain JSON Schema, for validation and display.
    pub json: Json,
    /// One line for people.
    pub description: Option<String>,
    /// Raised when the shape of the state changes.
    pub version: u32,
    /// What names an object.
    pub primary_identifier: Vec<Pointer>,
    /// Set by the provider alone.
    pub read_only: Vec<Pointer>,
    /// A change forces a replacement.
    pub create_only: Vec<Pointer>,
    /// Sent and never returned.
    pub write_only: Vec<Pointer>,
    /// Still accepted.
    pub deprecated: Vec<Pointer>,
    /// Never shown.
    pub sensitive: Vec<Pointer>,
    /// Read-only and fixed once the object exists.
    pub stable: Vec<Pointer>,
    /// What the plugin implements.
    pub handlers: Handlers,
    /// Which half of a replacement comes first.
    pub replacement: ReplacementStrategy,
    /// What a read costs.
    pub read_cost: ReadCost,
    /// What comes of a create that is made again in another run.
    pub recreate: Recreate,
    /// Holds data that a replacement would lose.
    pub stateful: bool,
    /// The plugin's `check` is called.
    pub custom_check: bool,
    /// The plugin's `plan` is called.
    pub custom_plan: bool,
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "one for each keyword that is a boolean")]
struct Keywords {
    description: Option<String>,
    #[serde(default, rename = "primaryIdentifier")]
    primary_identifier: Vec<String>,
    #[serde(default, rename = "readOnlyProperties")]
    read_only: Vec<String>,
    #[serde(default, rename = "createOnlyProperties")]
    create_only: Vec<String>,
    #[serde(default, rename = "writeOnlyProperties")]
    write_only: Vec<String>,
    #[serde(default, rename = "deprecatedProperties")]
    deprecated: Vec<String>,
    #[serde(default, rename = "x-cofferdam-sensitive")]
    sensitive: Vec<String>,
    #[serde(default, rename = "x-cofferdam-stable")]
    stable: Vec<String>,
    #[serde(default)]
    handlers: BTreeMap<String, Json>,
    #[serde(default, rename = "replacementStrategy")]
    replacement: ReplacementStrategy,
    #[serde(default, rename = "x-cofferdam-read")]
    read_cost: ReadCost,
    #[serde(default, rename = "x-cofferdam-create")]
    recreate: Recreate,
    #[serde(default, rename = "x-cofferdam-read-operation")]
    read_operation: bool,
    #[serde(default, rename = "x-cofferdam-stateful")]
    stateful: bool,
    #[serde(default, rename = "x-cofferdam-check")]
    custom_check: bool,
    #[serde(default, rename = "x-cofferdam-plan")]
    custom_plan: bool,
    #[serde(default, rename = "x-cofferdam-schema-version")]
    version: u32,
}

impl ResourceSchema {
    /// Parses the text that `describe-resource` answered.
    ///
    /// # Errors
    /// When the text is too long, too deep, no JSON object, or a keyword has the wrong form.
    pub fn parse(ty: &ResourceType, text: &str) -> Result<Self, SchemaError> {
        let fail = |why: String| SchemaError { ty: ty.clone(), why };
        if text.len() > MAX_BYTES {
            return Err(fail(format!("it is {} bytes long, more than the {MAX_BYTES} allowed", text.len())));
        }
        document::parse(text).map_err(|error| fail(error.to_string()))?;
        let json: Json = serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
        if json.get("properties").is_none_or(|properties| !properties.is_object()) {
            return Err(fail("it has no `properties`".into()));
        }
        let keywords = Keywords::deserialize(&json).map_err(|error| fail(error.to_string()))?;
        let pointers = |list: &[String]| {
            list.iter()
                .map(|text| property_pointer(text))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| fail("a keyword holds something that is no `/properties/…` pointer".into()))
        };
        let handlers = &keywords.handlers;
        Ok(Self {
            ty: ty.clone(),
            description: keywords.description,
            version: keywords.version,
            primary_identifier: pointers(&keywords.primary_identifier)?,
            read_only: pointers(&keywords.read_only)?,
            create_only: pointers(&keywords.create_only)?,
            write_only: pointers(&keywords.write_only)?,
            deprecated: pointers(&keywords.deprecated)?,
            sensitive: pointers(&keywords.sensitive)?,
            stable: pointers(&keywords.stable)?,
            handlers: Handlers {
                read: handlers.contains_key("read"),
                read_operation: handlers.contains_key("read") && keywords.read_operation,
                update: handlers.contains_key("update"),
                delete: handlers.contains_key("delete"),
                list: handlers.contains_key("list"),
            },
            replacement: keywords.replacement,
            read_cost: keywords.read_cost,
            recreate: keywords.recreate,
            stateful: keywords.stateful,
            custom_check: keywords.custom_check,
            custom_plan: keywords.custom_plan,
            json,
        })
    }

    /// The names of the properties, in order.
    pub fn properties(&self) -> impl Iterator<Item = (&String, &Json)> {
        self.json.get("properties").and_then(Json::as_object).into_iter().flatten()
    }

    /// Whether a top-level property is set by the provider alone.
    #[must_use]
    pub fn is_read_only(&self, property: &str) -> bool {
        names(&self.read_only, property)
    }

    /// Whether a read-only property is fixed once the object exists.
    #[must_use]
    pub fn is_stable(&self, property: &str) -> bool {
        names(&self.stable, property) || names(&self.primary_identifier, property)
    }

    /// Whether a place is sent and never returned.
    #[must_use]
    pub fn is_write_only(&self, place: &Pointer) -> bool {
        self.write_only.iter().any(|pattern| pattern.covers(place))
    }

    /// Whether a change at a place forces a replacement.
    #[must_use]
    pub fn is_create_only(&self, place: &Pointer) -> bool {
        self.create_only
            .iter()
            .any(|pattern| pattern.covers(place) || pattern.contains(place) || place.contains(pattern))
    }

    /// Marks every sensitive place of a document of this type.
    pub fn mark_sensitive(&self, value: &mut Value) {
        for pattern in &self.sensitive {
            value.mark_secret_pattern(pattern.parts());
        }
    }

    /// Fills in the defaults of the schema, nested objects included, where the inputs leave a property out.
    pub fn fill_defaults(&self, inputs: &mut Value) {
        fill(&self.json, &self.json, inputs);
    }
}

fn names(pointers: &[Pointer], property: &str) -> bool {
    pointers.iter().any(|pointer| matches!(pointer.parts(), [only] if only == property))
}

/// `/properties/a/b` names the place `/a/b` of a document.
fn property_pointer(text: &str) -> Option<Pointer> {
    let pointer = Pointer::parse(text).ok()?;
    match pointer.parts().split_first() {
        Some((first, rest)) if first == "properties" && !rest.is_empty() => Some(Pointer::from_parts(rest.to_vec())),
        _ => None,
    }
}

/// Follows local references, a bounded number of them.
fn resolve<'a>(root: &'a Json, mut schema: &'a Json) -> &'a Json {
    for _ in 0..MAX_REFS {
        let Some(target) = schema.get("$ref").and_then(Json::as_str).and_then(|text| text.strip_prefix('#')) else {
            break;
        };
        match root.pointer(target) {
            Some(found) => schema = found,
            None => break,
        }
    }
    schema
}

// The recursion follows the value, whose depth is bounded, never the schema alone.
fn fill(root: &Json, schema: &Json, value: &mut Value) {
    let schema = resolve(root, schema);
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else { return };
    let Some(entries) = value.as_object_mut() else { return };
    for (name, property) in properties {
        match entries.get_mut(name) {
            Some(inner) if matches!(inner.data(), Data::Object(_)) => fill(root, property, inner),
            Some(_) => {}
            None => {
                if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
                    entries.insert(name.clone(), document::from_json(default));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ResourceSchema, SchemaError> {
        ResourceSchema::parse(&ResourceType::new("t_x").expect("valid"), text)
    }

    #[test]
    fn reads_the_registry_keywords() {
        let schema = parse(
            r#"{"properties":{"id":{},"name":{"default":"n"},"opts":{"$ref":"/x"}},
                "primaryIdentifier":["/properties/id"],"readOnlyProperties":["/properties/id"],
                "createOnlyProperties":["/properties/opts/kind"],"handlers":{"create":{},"read":{}}}"#,
        )
        .expect("valid");
        assert!(schema.is_read_only("id") && schema.is_stable("id"));
        assert!(schema.handlers.read && !schema.handlers.update);
        assert!(schema.is_create_only(&Pointer::parse("/opts/kind").expect("valid")));
        assert!(!schema.is_create_only(&Pointer::parse("/name").expect("valid")));
        let mut inputs = Value::object(BTreeMap::new());
        schema.fill_defaults(&mut inputs);
        assert_eq!(inputs.at(&Pointer::parse("/name").expect("valid")).expect("filled").as_str(), Some("n"));
    }

    #[test]
    fn refuses_what_is_no_schema() {
        for (text, why) in [
            ("[]", "no `properties`"),
            ("{", "not valid"),
            (r#"{"properties":{},"createOnlyProperties":["/name"]}"#, "no `/properties/…` pointer"),
            (r#"{"properties":{},"handlers":3}"#, "invalid type"),
            (r#"{"properties":{},"x-cofferdam-create":"twice"}"#, "unknown variant"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_create_is_made_once_unless_the_schema_says_more() {
        let facts = |text: &str| {
            let schema = parse(text).expect("valid");
            (schema.recreate, schema.handlers.read_operation)
        };
        assert_eq!(facts(r#"{"properties":{}}"#), (Recreate::Once, false));
        let both = r#"{"properties":{},"x-cofferdam-create":"idempotent","x-cofferdam-read-operation":true"#;
        assert_eq!(facts(&format!(r#"{both},"handlers":{{"read":{{}}}}}}"#)), (Recreate::Idempotent, true));
        assert_eq!(facts(&format!("{both}}}")), (Recreate::Idempotent, false), "nothing is found without a read");
    }

    #[test]
    fn a_reference_cycle_ends() {
        let schema = parse(r##"{"properties":{"a":{"$ref":"#/properties/a"}}}"##).expect("valid");
        let mut value = document::parse(r#"{"a":{"a":{}}}"#).expect("valid");
        schema.fill_defaults(&mut value);
    }
}
