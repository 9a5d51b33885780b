//! Documents: JSON text with lists of the unknown and the secret places, as they cross the guest boundary. What
//! comes in is hostile: size, depth, duplicate keys and pointers are checked here.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::pointer::MAX_DEPTH;
use crate::{Data, Number, Pointer, Value};

/// The longest JSON text of one document, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most pointers in one of a document's lists.
pub const MAX_POINTERS: usize = 10_000;

/// A document as the contract has it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// I-JSON text (RFC 7493).
    pub json: String,
    /// JSON Pointers to values known only after deploy.
    pub unknown: Vec<String>,
    /// JSON Pointers to values that must not be shown.
    pub secret: Vec<String>,
}

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than [`MAX_BYTES`].
    #[error("the document is {0} bytes long, more than the {MAX_BYTES} allowed")]
    TooLarge(usize),
    /// Not the JSON that the contract asks for.
    #[error("the document is not valid: {0}")]
    Json(String),
    /// Too many marks.
    #[error("the document has more than {MAX_POINTERS} marked places")]
    TooManyPointers,
    /// A mark that is no pointer or leads nowhere.
    #[error("the document marks `{0}`, which is no place in it")]
    Pointer(String),
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("bytes", &self.json.len()).finish_non_exhaustive()
    }
}

impl Document {
    /// Writes a value as a document.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let mut document = Self::default();
        let json = flatten(value, &mut Vec::new(), &mut document);
        document.json = json.to_string();
        document
    }

    /// Reads a document, checking everything that the contract promises.
    ///
    /// # Errors
    /// When it is too large, too deep, no I-JSON, or marks a place that is not there.
    pub fn to_value(&self) -> Result<Value, DocumentError> {
        if self.unknown.len() > MAX_POINTERS || self.secret.len() > MAX_POINTERS {
            return Err(DocumentError::TooManyPointers);
        }
        let mut value = parse(&self.json)?;
        for text in &self.unknown {
            let place = Pointer::parse(text).ok().and_then(|pointer| value.at_mut(&pointer));
            *place.ok_or_else(|| DocumentError::Pointer(printable(text)))? = Value::unknown();
        }
        for text in &self.secret {
            if !Pointer::parse(text).is_ok_and(|pointer| value.mark_secret(&pointer)) {
                return Err(DocumentError::Pointer(printable(text)));
            }
        }
        Ok(value)
    }
}

/// Not cut: whoever shows it redacts it first, and finds no secret that is cut.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Reads JSON text into a value: at most [`MAX_BYTES`], [`MAX_DEPTH`] levels, no key twice.
///
/// # Errors
/// When the text is not such JSON.
pub fn parse(text: &str) -> Result<Value, DocumentError> {
    if text.len() > MAX_BYTES {
        return Err(DocumentError::TooLarge(text.len()));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Reader { depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| DocumentError::Json(printable(&error.to_string())))?;
    Ok(value)
}

/// Turns plain JSON into a value.
#[must_use]
pub fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::null(),
        serde_json::Value::Bool(value) => (*value).into(),
        serde_json::Value::Number(number) => Number::from_json(number).map_or_else(Value::null, Into::into),
        serde_json::Value::String(text) => Value::string(text.as_str()),
        serde_json::Value::Array(items) => Value::list(items.iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => {
            Value::object(entries.iter().map(|(key, value)| (key.clone(), from_json(value))).collect())
        }
    }
}

/// Turns a value into plain JSON: unknown places become null, marks are dropped. For what stays inside the host.
#[must_use]
pub fn to_json(value: &Value) -> serde_json::Value {
    flatten(value, &mut Vec::new(), &mut Document::default())
}

/// Turns a value into JSON that may be shown: secret and unknown places become the texts that people read.
#[must_use]
pub fn to_shown_json(value: &Value) -> serde_json::Value {
    if value.is_secret() {
        return "(secret)".into();
    }
    match value.data() {
        Data::Unknown => "(known after deploy)".into(),
        Data::List(items) => items.iter().map(to_shown_json).collect(),
        Data::Object(entries) => {
            serde_json::Value::Object(entries.iter().map(|(key, value)| (key.clone(), to_shown_json(value))).collect())
        }
        _ => to_json(value),
    }
}

pub(crate) fn flatten(value: &Value, path: &mut Vec<String>, marks: &mut Document) -> serde_json::Value {
    if value.is_secret() {
        marks.secret.push(Pointer::from_parts(path.clone()).to_string());
    }
    match value.data() {
        Data::Null => serde_json::Value::Null,
        Data::Unknown => {
            marks.unknown.push(Pointer::from_parts(path.clone()).to_string());
            serde_json::Value::Null
        }
        Data::Bool(value) => (*value).into(),
        Data::Number(number) => number.to_json(),
        Data::String(text) => serde_json::Value::String(text.to_string()),
        Data::List(items) => {
            let mut out = Vec::with_capacity(items.len());
            for (i, item) in items.iter().enumerate() {
                path.push(i.to_string());
                out.push(flatten(item, path, marks));
                path.pop();
            }
            out.into()
        }
        Data::Object(entries) => {
            let mut out = serde_json::Map::new();
            for (key, item) in entries.iter() {
                path.push(key.clone());
                let json = flatten(item, path, marks);
                path.pop();
                out.insert(key.clone(), json);
            }
            out.into()
        }
    }
}

/// Reads plain JSON: bounded in depth, no key twice.
#[derive(Default)]
pub(crate) struct Reader {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Reader {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("more than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        match i64::try_from(value) {
            Ok(value) => Ok(value.into()),
            #[expect(clippy::cast_precision_loss, reason = "I-JSON numbers are doubles")]
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Into::into).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper()?)? {
            out.push(item);
        }
        Ok(Value::list(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut out = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.deeper()?)?;
            if let Some(_twice) = out.insert(key, value) {
                return Err(A::Error::custom("a key stands twice in an object"));
            }
        }
        Ok(Value::object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_the_round_trip() {
        let document = Document {
            json: r#"{"a":null,"b":{"c":["x"]},"n":1.5}"#.into(),
            unknown: vec!["/a".into()],
            secret: vec!["/b/c/0".into()],
        };
        assert_eq!(Document::from_value(&document.to_value().expect("valid")), document);
    }

    #[test]
    fn refuses_what_the_contract_forbids() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for (json, text) in [
            (deep.as_str(), "more than 64 levels"),
            (r#"{"a":1,"a":2}"#, "stands twice"),
            ("{", "EOF"),
            ("1 2", "trailing"),
            ("1e999", "number out of range"),
        ] {
            let error = parse(json).expect_err(json).to_string();
            assert!(error.contains(text), "{json}: {error}");
        }
        let lying = Document { json: "{}".into(), secret: vec!["/a".into()], ..Document::default() };
        assert_eq!(lying.to_value(), Err(DocumentError::Pointer("/a".into())));
        assert!(matches!(parse(&" ".repeat(MAX_BYTES + 1)), Err(DocumentError::TooLarge(_))));
    }

    #[test]
    fn shown_json_hides_secrets() {
        let mut value = parse(r#"{"a":{"b":"x"}}"#).expect("valid");
        assert!(value.mark_secret(&Pointer::parse("/a").expect("valid")));
        assert_eq!(to_shown_json(&value).to_string(), r#"{"a":"(secret)"}"#);
    }
}
