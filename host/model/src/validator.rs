//! Validators from schemas that are not trusted: local references only, linear-time patterns, and no schema whose
//! evaluation could go on without end.

use std::collections::HashMap;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value as Json};

/// The most subschemas that one place of a document may be checked against.
const MAX_FANOUT: usize = 10_000;
/// The longest chain of references and combinators at one place.
const MAX_CHAIN: usize = 64;
/// The largest compiled pattern, bytes.
const MAX_PATTERN: usize = 1024 * 1024;

/// Compiles a schema (JSON Schema 2020-12), whose depth is bounded.
///
/// # Errors
/// The text is why it cannot be used.
pub fn compile(schema: &Json) -> Result<Validator, String> {
    check_references(schema, true)?;
    check_fanout(schema)?;
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(false)
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN))
        .build(schema)
        .map_err(|error| format!("`{}`: {error}", error.schema_path()))
}

// The recursion follows the text of the schema, whose depth is bounded.
fn check_references(json: &Json, is_root: bool) -> Result<(), String> {
    match json {
        Json::Array(items) => items.iter().try_for_each(|item| check_references(item, false)),
        Json::Object(entries) => {
            check_keywords(entries, is_root)?;
            entries.values().try_for_each(|entry| check_references(entry, false))
        }
        _ => Ok(()),
    }
}

/// A property may bear the name of a keyword; its value is then no text.
fn check_keywords(entries: &Map<String, Json>, is_root: bool) -> Result<(), String> {
    let text = |keyword: &str| entries.get(keyword).and_then(Json::as_str);
    if let Some(target) = text("$ref").filter(|target| *target != "#" && !target.starts_with("#/")) {
        let target: String = target.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(format!("`$ref` leads to `{target}`; only places of the schema itself are followed"));
    }
    for keyword in ["$dynamicRef", "$recursiveRef"] {
        if text(keyword).is_some() {
            return Err(format!("`{keyword}` is not supported"));
        }
    }
    if !is_root && text("$id").is_some() {
        return Err("`$id` may stand at the root only".into());
    }
    Ok(())
}

/// Counts, for every schema in the text, the schemas that apply at the same place as it does. References that come
/// back to themselves without going into the document would be followed for ever.
fn check_fanout(root: &Json) -> Result<(), String> {
    let mut fanout = Fanout { root, sizes: HashMap::new() };
    let mut open = vec![root];
    while let Some(json) = open.pop() {
        match json {
            Json::Array(items) => open.extend(items),
            Json::Object(entries) => {
                fanout.size(json, 0)?;
                open.extend(entries.values());
            }
            _ => {}
        }
    }
    Ok(())
}

/// How many schemas apply, and how deep they are nested.
#[derive(Clone, Copy)]
struct Size {
    count: usize,
    height: usize,
}

struct Fanout<'a> {
    root: &'a Json,
    /// By the place in memory; none while it is being counted.
    sizes: HashMap<*const Json, Option<Size>>,
}

impl<'a> Fanout<'a> {
    fn size(&mut self, schema: &'a Json, depth: usize) -> Result<Size, String> {
        let key = std::ptr::from_ref(schema);
        match self.sizes.get(&key) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err("a reference leads back to itself".into()),
            None if depth > MAX_CHAIN => return Err(format!("a chain of more than {MAX_CHAIN} references")),
            None => {}
        }
        self.sizes.insert(key, None);
        let mut size = Size { count: 1, height: 0 };
        for next in self.in_place(schema) {
            let inner = self.size(next, depth + 1)?;
            size.count = size.count.saturating_add(inner.count);
            size.height = size.height.max(inner.height + 1);
        }
        if size.count > MAX_FANOUT {
            return Err(format!("more than {MAX_FANOUT} subschemas apply at one place"));
        }
        if size.height > MAX_CHAIN {
            return Err(format!("a chain of more than {MAX_CHAIN} references"));
        }
        self.sizes.insert(key, Some(size));
        Ok(size)
    }

    fn in_place(&self, schema: &'a Json) -> Vec<&'a Json> {
        let Some(entries) = schema.as_object() else { return Vec::new() };
        let mut next = Vec::new();
        if let Some(target) = entries.get("$ref").and_then(Json::as_str).and_then(|text| text.strip_prefix('#')) {
            next.extend(self.root.pointer(&decoded(target)));
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            next.extend(entries.get(keyword).and_then(Json::as_array).into_iter().flatten());
        }
        for keyword in ["not", "if", "then", "else"] {
            next.extend(entries.get(keyword).filter(|schema| schema.is_object()));
        }
        next.extend(entries.get("dependentSchemas").and_then(Json::as_object).into_iter().flat_map(Map::values));
        next
    }
}

/// A fragment with its percent escapes resolved.
fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
