//! Validates inputs against a compiled schema. What is unknown cannot be wrong yet: findings that could be due to an
//! unknown place are left for the deploy, when everything is known.

use cofferdam_model::document::to_json;
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::{Data, Diagnostic, Pointer, Value};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value as Json;

use crate::suggest::closest;

/// The most findings that are reported of one resource.
const MAX_FINDINGS: usize = 20;

/// Every finding about the inputs, with pointers and without places in files.
pub(crate) fn validate(validator: &Validator, schema: &ResourceSchema, inputs: &Value) -> Vec<Diagnostic> {
    let json = to_json(inputs);
    if validator.is_valid(&json) {
        return Vec::new();
    }
    let mut unknown = Vec::new();
    unknown_places(inputs, &mut Vec::new(), &mut unknown);
    let mut findings = Vec::new();
    for error in validator.iter_errors(&json) {
        let at = pointer_of(&error);
        if is_certain(&error, &at, &unknown) {
            describe(&error, &at, schema, &mut findings);
        }
        if findings.len() >= MAX_FINDINGS {
            break;
        }
    }
    findings
}

fn unknown_places(value: &Value, path: &mut Vec<String>, found: &mut Vec<Pointer>) {
    match value.data() {
        Data::Unknown => found.push(Pointer::from_parts(path.clone())),
        Data::List(items) => {
            for (i, item) in items.iter().enumerate() {
                path.push(i.to_string());
                unknown_places(item, path, found);
                path.pop();
            }
        }
        Data::Object(entries) => {
            for (key, item) in entries.iter() {
                path.push(key.clone());
                unknown_places(item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

fn pointer_of(error: &ValidationError<'_>) -> Pointer {
    Pointer::parse(error.instance_path().as_str()).unwrap_or_default()
}

/// Whether a finding holds whatever the unknown places will be.
fn is_certain(error: &ValidationError<'_>, at: &Pointer, unknown: &[Pointer]) -> bool {
    if unknown.is_empty() {
        return true;
    }
    if unknown.iter().any(|place| place.contains(at)) {
        return false;
    }
    let conditional = |segment: &str| matches!(segment, "then" | "else" | "dependentSchemas" | "contains");
    if error.evaluation_path().as_str().split('/').any(conditional) {
        return false;
    }
    // Keys and lengths are known where the values are not.
    let structural = matches!(
        error.kind(),
        Kind::Type { .. }
            | Kind::Required { .. }
            | Kind::AdditionalProperties { .. }
            | Kind::MinProperties { .. }
            | Kind::MaxProperties { .. }
            | Kind::MinItems { .. }
            | Kind::MaxItems { .. }
            | Kind::PropertyNames { .. }
    );
    structural || !unknown.iter().any(|place| at.contains(place))
}

fn describe(error: &ValidationError<'_>, at: &Pointer, schema: &ResourceSchema, findings: &mut Vec<Diagnostic>) {
    let place = place_name(at);
    let summary = match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            findings.extend(unexpected.iter().map(|name| unknown_property(name, at, schema)));
            return;
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let summary = format!("{} is missing", place_name(&at.child(name)));
            findings.push(Diagnostic::error(summary).at(at.clone()));
            return;
        }
        Kind::Type { kind } => format!("{place} must be {}, not {}", types(kind), json_type(error.instance())),
        Kind::Enum { options } => format!("{place} must be one of {}", list(options)),
        Kind::Constant { expected_value } => format!("{place} must be {expected_value}"),
        Kind::Pattern { pattern } => format!("{place} does not match the pattern `{pattern}`"),
        Kind::FalseSchema => format!("{place} cannot be set"),
        // The library's own words, without the value, which may be a secret.
        _ => format!("{place}: {}", error.masked_with("the value")),
    };
    findings.push(Diagnostic::error(summary).at(at.clone()));
}

fn unknown_property(name: &str, at: &Pointer, schema: &ResourceSchema) -> Diagnostic {
    let place = at.child(name);
    let finding = Diagnostic::error(format!("`{}` has no property `{}`", schema.ty, plain(&place))).at(place);
    let settable = schema.properties().map(|(name, _)| name.as_str()).filter(|name| !schema.is_read_only(name));
    match closest(name, settable).filter(|_| at.is_root()) {
        Some(meant) => finding.with_hint(format!("did you mean `{meant}`?")),
        None => finding,
    }
}

/// A place in the words of the stack language: `rules[2].name`.
fn plain(at: &Pointer) -> String {
    let mut text = String::new();
    for part in at.parts() {
        if part.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            text.push_str(&format!("[{part}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(part);
        }
    }
    text
}

pub(crate) fn place_name(at: &Pointer) -> String {
    if at.is_root() { "the resource".into() } else { format!("`{}`", plain(at)) }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(ty) => format!("of type {ty}"),
        TypeKind::Multiple(types) => {
            let names: Vec<String> = types.iter().map(|ty| ty.to_string()).collect();
            format!("of type {}", names.join(" or "))
        }
    }
}

fn json_type(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn list(options: &Json) -> String {
    const SHOWN: usize = 12;
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<String> = options.iter().take(SHOWN).map(Json::to_string).collect();
    if options.len() > SHOWN {
        names.push(format!("{} more", options.len() - SHOWN));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use cofferdam_model::{ResourceType, document};

    use super::*;

    const SCHEMA: &str = r#"{
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z]+$"}, "size": {"type": "integer", "maximum": 5},
            "kind": {"enum": ["small", "large"]}, "tags": {"type": "array", "uniqueItems": true, "maxItems": 2},
            "opts": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false},
            "arn": {"type": "string"}
        },
        "required": ["name", "arn"], "readOnlyProperties": ["/properties/arn"],
        "if": {"properties": {"kind": {"const": "large"}}}, "then": {"properties": {"size": {"minimum": 3}}},
        "additionalProperties": false
    }"#;

    fn findings(inputs: &str, unknown: &[&str]) -> Vec<String> {
        let schema = ResourceSchema::parse(&ResourceType::new("t_x").expect("valid"), SCHEMA).expect("valid");
        let validator = crate::compile::compile(&schema).expect("compiles");
        let mut inputs = document::parse(inputs).expect("valid");
        for place in unknown {
            *inputs.at_mut(&Pointer::parse(place).expect("valid")).expect("there") = Value::unknown();
        }
        let findings = validate(&validator, &schema, &inputs);
        findings
            .iter()
            .map(|d| {
                format!("{} {}{}", d.at.clone().unwrap_or_default(), d.summary, d.hint.clone().unwrap_or_default())
            })
            .collect()
    }

    #[test]
    fn findings_have_pointers_and_hints() {
        assert_eq!(
            findings(r#"{"name":"A","sise":1,"opts":{},"kind":"medium"}"#, &[]),
            [
                "/kind `kind` must be one of \"small\", \"large\"",
                "/name `name` does not match the pattern `^[a-z]+$`",
                "/opts `opts.a` is missing",
                "/sise `t_x` has no property `sise`did you mean `size`?",
            ]
        );
        assert_eq!(findings(r#"{"name":"a","size":"x"}"#, &[]), ["/size `size` must be of type integer, not string"]);
    }

    #[test]
    fn what_is_unknown_is_not_wrong() {
        let none: [&str; 0] = [];
        assert_eq!(
            findings(r#"{"name":0,"size":0,"kind":0,"opts":{"a":0}}"#, &["/name", "/size", "/kind", "/opts/a"]),
            none
        );
        assert_eq!(findings(r#"{"name":"a","kind":0,"size":1}"#, &["/kind"]), none);
        assert_eq!(findings(r#"{"name":"a","tags":[0,0]}"#, &["/tags/0", "/tags/1"]), none);
        assert_eq!(findings(r#"{"name":"a","tags":[0,0,0]}"#, &["/tags/0"]).len(), 1);
        assert_eq!(findings(r#"{"name":0,"size":9}"#, &["/name"]).len(), 1);
        assert_eq!(findings(r#"{"size":0}"#, &["/size"]), [" `name` is missing"]);
    }
}
