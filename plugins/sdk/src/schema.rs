//! JSON Schemas from Rust types: the properties of a resource type out of its inputs and outputs, and closed objects for
//! configurations and arguments.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::error::Error;

mod tidy;

pub(crate) use tidy::drop_nulls;

/// The properties of one resource type, before its keywords.
pub(crate) struct Properties {
    /// The doc comment of the inputs.
    pub(crate) description: Option<String>,
    pub(crate) properties: Map<String, Value>,
    pub(crate) required: Vec<Value>,
    /// Names of the output properties that are no inputs.
    pub(crate) read_only: Vec<String>,
    /// Names of the inputs that are outputs too: where the user leaves one out, the service fills it in.
    pub(crate) computed: Vec<String>,
    pub(crate) defs: Map<String, Value>,
}

/// Merges the schemas of inputs and outputs. A property in both is an input that the service may fill in.
pub(crate) fn merge<I: JsonSchema, O: JsonSchema>() -> Result<Properties, Error> {
    let mut generator = generator();
    let mut inputs = root::<I>(&mut generator)?;
    let mut outputs = root::<O>(&mut generator)?;
    let mut properties = take_object(&mut inputs, "properties");
    let required = match inputs.remove("required") {
        Some(Value::Array(required)) => required,
        _ => Vec::new(),
    };
    let (mut read_only, mut computed) = (Vec::new(), Vec::new());
    for (name, schema) in take_object(&mut outputs, "properties") {
        if properties.contains_key(&name) {
            computed.push(name);
        } else {
            read_only.push(name.clone());
            properties.insert(name, schema);
        }
    }
    let mut defs = generator.take_definitions(true);
    properties.values_mut().for_each(tidy::drop_null_type);
    tidy::close_objects(&mut properties, &mut defs);
    let description = inputs.get("description").and_then(Value::as_str).map(str::to_owned);
    Ok(Properties { description, properties, required, read_only, computed, defs })
}

/// The schema of an object that accepts no other members: a configuration, arguments, a filter.
pub(crate) fn closed<T: JsonSchema>() -> Result<Value, Error> {
    let merged = merge::<T, Nothing>()?;
    let mut schema = json!({
        "type": "object",
        "properties": merged.properties,
        "additionalProperties": false,
    });
    if let Value::Object(members) = &mut schema {
        merged.description.map(|text| members.insert("description".to_owned(), text.into()));
        insert_unless_empty(members, "required", merged.required);
        insert_defs(members, merged.defs);
    }
    Ok(schema)
}

/// The schema of any value, as the type says it.
pub(crate) fn open<T: JsonSchema>() -> Value {
    let mut generator = generator();
    let mut schema = object_of(T::json_schema(&mut generator));
    schema.remove("title");
    insert_defs(&mut schema, generator.take_definitions(true));
    Value::Object(schema)
}

/// Inserts an array unless it is empty.
pub(crate) fn insert_unless_empty(schema: &mut Map<String, Value>, keyword: &str, values: Vec<Value>) {
    if !values.is_empty() {
        schema.insert(keyword.to_owned(), Value::Array(values));
    }
}

/// Inserts `$defs` unless there are none.
pub(crate) fn insert_defs(schema: &mut Map<String, Value>, defs: Map<String, Value>) {
    if !defs.is_empty() {
        schema.insert("$defs".to_owned(), Value::Object(defs));
    }
}

/// An object without members.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None).into_generator()
}

/// The schema of `T` itself rather than a reference to it; it must describe an object by its properties.
fn root<T: JsonSchema>(generator: &mut SchemaGenerator) -> Result<Map<String, Value>, Error> {
    let schema = object_of(T::json_schema(generator));
    // A flattened enum or a newtype hides its properties behind these.
    let hidden = ["$ref", "oneOf", "anyOf", "allOf"].into_iter().find(|keyword| schema.contains_key(*keyword));
    match (schema.get("type").and_then(Value::as_str), hidden) {
        (Some("object"), None) => Ok(schema),
        (Some("null"), None) => Ok(Map::new()), // the unit type
        _ => Err(Error::internal(format!(
            "`{}` must be a struct with named fields and no flattened enum",
            T::schema_name()
        ))),
    }
}

fn object_of(schema: Schema) -> Map<String, Value> {
    match schema.to_value() {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn take_object(schema: &mut Map<String, Value>, keyword: &str) -> Map<String, Value> {
    match schema.remove(keyword) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties;

    /// A zone.
    #[properties]
    struct In {
        /// Its name.
        name: String,
        #[serde(default)]
        port: u16,
        note: Option<String>,
        rule: Option<Rule>,
        rules: Vec<Rule>,
    }

    #[properties]
    struct Rule {
        key: String,
        value: Option<u8>,
    }

    #[properties]
    struct Out {
        id: String,
        note: String,
    }

    #[test]
    fn outputs_that_are_no_inputs_are_read_only() {
        let merged = merge::<In, Out>().expect("both are structs");
        assert_eq!(merged.read_only, ["id"]);
        assert_eq!(merged.required, [json!("name"), json!("rules")]);
        assert_eq!(merged.description.as_deref(), Some("A zone."));
        assert_eq!(merged.properties["name"], json!({"type": "string", "description": "Its name."}));
        assert_eq!(merged.properties["port"]["default"], json!(0));
    }

    #[test]
    fn optional_properties_are_not_nullable() {
        let merged = merge::<In, Out>().expect("both are structs");
        assert_eq!(merged.properties["note"], json!({"type": "string"}));
        assert_eq!(merged.properties["rule"], json!({"$ref": "#/$defs/Rule"}));
    }

    #[test]
    fn nested_objects_are_closed() {
        let merged = merge::<In, Out>().expect("both are structs");
        assert_eq!(merged.defs["Rule"]["additionalProperties"], json!(false));
    }

    #[test]
    fn what_is_no_struct_is_refused() {
        assert!(merge::<Vec<String>, Out>().is_err());
        assert!(merge::<In, String>().is_err());
        assert!(merge::<In, ()>().expect("no outputs").read_only.is_empty());
    }

    #[test]
    fn the_text_is_the_same_every_time() {
        let text = || closed::<In>().expect("a struct").to_string();
        assert_eq!(text(), text());
    }
}
