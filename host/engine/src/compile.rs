//! Turns the schema of a resource type into a validator for inputs.

use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::validator;
use jsonschema::Validator;
use serde_json::Value as Json;

/// Keywords that make the schemas beside a property's own decide what properties there are.
const COMBINATORS: [&str; 8] =
    ["$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas", "unevaluatedProperties"];

/// Compiles a type's schema for the validation of inputs. The text is why it cannot be done.
pub(crate) fn compile(schema: &ResourceSchema) -> Result<Validator, String> {
    validator::compile(&for_inputs(schema))
}

/// The schema without what concerns identity and outputs. A property that no keyword allows is refused, as the
/// resource schemas of CloudFormation have it, unless the schema says something about additional ones.
fn for_inputs(schema: &ResourceSchema) -> Json {
    let mut root = schema.json.as_object().cloned().unwrap_or_default();
    for keyword in ["$schema", "$id", "handlers", "tagging"] {
        root.remove(keyword);
    }
    if let Some(required) = root.get_mut("required").and_then(Json::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !schema.is_read_only(name)));
    }
    if !root.contains_key("additionalProperties") && !COMBINATORS.iter().any(|keyword| root.contains_key(*keyword)) {
        root.insert("additionalProperties".into(), false.into());
    }
    Json::Object(root)
}

#[cfg(test)]
mod tests {
    use cofferdam_model::ResourceType;

    use super::*;

    fn outcome(text: &str) -> Result<Validator, String> {
        let ty = ResourceType::new("t_x").expect("valid");
        compile(&ResourceSchema::parse(&ty, text).expect("parses"))
    }

    #[test]
    fn refuses_what_could_run_away() {
        for (text, why) in [
            (r#"{"properties":{"a":{"$ref":"http://evil.test/x"}}}"#, "only places of the schema itself"),
            (r#"{"properties":{"a":{"$ref":"file:///etc/passwd"}}}"#, "only places of the schema itself"),
            (r##"{"properties":{"a":{"$ref":"#/properties/a"}}}"##, "back to itself"),
            (r##"{"properties":{},"$ref":"#"}"##, "back to itself"),
            (r##"{"properties":{},"allOf":[{"$ref":"#/%61llOf/0"}]}"##, "back to itself"),
            (r#"{"properties":{"a":{"pattern":"(?=a)b"}}}"#, "pattern"),
            (r#"{"properties":{"a":{"pattern":"((a{1000}){1000}){1000}"}}}"#, "pattern"),
            (r#"{"properties":{"a":{"type":"strnig"}}}"#, "strnig"),
            (r#"{"properties":{"a":{"$id":"http://x.test","type":"string"}}}"#, "`$id`"),
        ] {
            let error = outcome(text).map(|_| ()).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn refuses_a_bomb_of_combinators() {
        let levels: Vec<String> = (0..40)
            .map(|i| {
                let next = i + 1;
                format!(r##""d{i}":{{"allOf":[{{"$ref":"#/$defs/d{next}"}},{{"$ref":"#/$defs/d{next}"}}]}}"##)
            })
            .collect();
        let text = format!(
            r##"{{"properties":{{"a":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{},"d40":{{}}}}}}"##,
            levels.join(",")
        );
        assert!(outcome(&text).is_err());
    }

    #[test]
    fn a_tree_of_references_compiles_at_once() {
        let levels: Vec<String> = (0..40)
            .map(|i| {
                let next = i + 1;
                format!(
                    r##""d{i}":{{"properties":{{"a":{{"$ref":"#/$defs/d{next}"}},"b":{{"$ref":"#/$defs/d{next}"}}}}}}"##
                )
            })
            .collect();
        let text = format!(
            r##"{{"properties":{{"a":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{},"d40":{{}}}}}}"##,
            levels.join(",")
        );
        assert!(outcome(&text).expect("compiles").is_valid(&serde_json::json!({"a": {"a": {"b": 1}}})));
    }

    #[test]
    fn recursive_types_are_fine() {
        let text = r##"{"properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"properties":{"next":{"$ref":"#/$defs/n"}},"additionalProperties":false}}}"##;
        let validator = outcome(text).expect("compiles");
        assert!(validator.is_valid(&serde_json::json!({"a": {"next": {"next": {}}}})));
        assert!(!validator.is_valid(&serde_json::json!({"a": {"next": {"nxet": {}}}})));
    }
}
