//! Documents as the contract passes them, JSON text with marks, and as the SDK works on them.

use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use crate::bindings::cofferdam::provider::types::Document;
use crate::error::Error;
use crate::pointer;

/// A parsed object with its marks. In `check` and `plan` some of its places may be unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    value: Value,
    unknown: Vec<String>,
    secret: Vec<String>,
}

impl Draft {
    pub(crate) fn parse(document: Document, what: &str) -> Result<Self, Error> {
        let value: Value = serde_json::from_str(&document.json)
            .map_err(|error| Error::internal(format!("the host sent {what} that are not JSON: {error}")))?;
        let value = match value {
            Value::Null => Value::Object(Map::new()),
            Value::Object(_) => value,
            _ => return Err(Error::internal(format!("the host sent {what} that are not an object"))),
        };
        Ok(Self { value, unknown: document.unknown, secret: document.secret })
    }

    /// A document of known values; anything but an object is taken for an empty one.
    #[must_use]
    pub fn known(value: Value) -> Self {
        let value = if value.is_object() { value } else { Value::Object(Map::new()) };
        Self { value, unknown: Vec::new(), secret: Vec::new() }
    }

    pub(crate) fn into_document(self) -> Document {
        let unknown = pointer::settle(self.unknown, &self.value);
        let secret = pointer::settle(self.secret, &self.value);
        Document { json: self.value.to_string(), unknown, secret }
    }

    /// The whole object; unknown places hold `null`.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The known value of a property, such as `name` or `rules/0/port`. None where it is absent, null, or unknown as a
    /// whole; what it holds may still have unknown places.
    #[must_use]
    pub fn get(&self, property: &str) -> Option<&Value> {
        if self.is_unknown(property) {
            return None;
        }
        self.value.pointer(&pointer::from_property(property)).filter(|value| !value.is_null())
    }

    /// The same as text, where it is text.
    #[must_use]
    pub fn text(&self, property: &str) -> Option<&str> {
        self.get(property).and_then(Value::as_str)
    }

    /// True where the property, or something that holds it, is known only after the deploy.
    #[must_use]
    pub fn is_unknown(&self, property: &str) -> bool {
        let at = pointer::from_property(property);
        self.unknown.iter().any(|unknown| pointer::is_within(&at, unknown))
    }

    /// True where nothing in the document is unknown.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.unknown.is_empty()
    }

    /// True where the property has a value or will have one after the deploy.
    #[must_use]
    pub fn is_set(&self, property: &str) -> bool {
        self.is_unknown(property) || self.get(property).is_some()
    }

    /// Pointers to the unknown places.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Pointers to the secret places.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secret
    }

    /// Sets a property to a known value.
    pub fn set(&mut self, property: &str, value: impl Into<Value>) {
        let at = pointer::from_property(property);
        if pointer::set(&mut self.value, &at, value.into()) {
            self.unknown.retain(|unknown| !pointer::is_within(unknown, &at));
        }
    }

    /// Says that only the deploy can tell a property's value.
    pub fn set_unknown(&mut self, property: &str) {
        self.set(property, Value::Null);
        self.unknown.push(pointer::from_property(property));
    }

    /// Removes a property.
    pub fn remove(&mut self, property: &str) {
        let at = pointer::from_property(property);
        pointer::remove(&mut self.value, &at);
        self.unknown.retain(|unknown| !pointer::is_within(unknown, &at));
        self.secret.retain(|secret| !pointer::is_within(secret, &at));
    }

    /// Says that a property must never be shown.
    pub fn mark_secret(&mut self, property: &str) {
        self.secret.push(pointer::from_property(property));
    }

    /// The typed value, for the calls in which everything is known.
    ///
    /// # Errors
    ///
    /// `invalid-input` where the object does not fit the type, unknown places included.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<T, Error> {
        typed(&self.value).map_err(|error| Error::invalid_input(format!("the inputs do not fit the type: {error}")))
    }
}

/// Reads an object into a type: members that are null count as absent, and whole numbers written with a fraction (`1.0`)
/// count as integers, because both come from languages that do not tell them apart.
pub(crate) fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    let mut value = value.clone();
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    whole_numbers(&mut value);
    serde_json::from_value(value)
}

fn whole_numbers(value: &mut Value) {
    // The largest magnitude below which every integer is exact in a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            if let Some(float) = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT) {
                *number = Number::from(float as i64);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(json: &str, unknown: &[&str]) -> Document {
        let unknown = unknown.iter().map(|&at| at.to_owned()).collect();
        Document { json: json.to_owned(), unknown, secret: vec!["/a".to_owned()] }
    }

    #[test]
    fn unknown_covers_what_lies_below() {
        let inputs = Draft::parse(document(r#"{"a":null,"b":{"c":1,"d":null}}"#, &["/a", "/b/d"]), "inputs")
            .expect("the text is an object");
        assert!(inputs.is_unknown("a") && inputs.is_unknown("a/x") && inputs.is_unknown("b/d"));
        assert!(!inputs.is_unknown("b") && inputs.get("b").is_some() && inputs.get("a").is_none());
        assert!(inputs.is_set("a") && !inputs.is_set("absent"));
    }

    #[test]
    fn setting_clears_and_makes_unknown() {
        let mut inputs = Draft::parse(document(r#"{"a":null}"#, &["/a"]), "inputs").expect("an object");
        inputs.set("a", 5);
        assert!(inputs.is_known());
        inputs.set_unknown("b");
        let document = inputs.into_document();
        assert_eq!(document.json, r#"{"a":5,"b":null}"#);
        assert_eq!((document.unknown, document.secret), (vec!["/b".to_owned()], vec!["/a".to_owned()]));
    }

    #[test]
    fn odd_documents_are_errors() {
        for text in ["", "[1]", "3", "{"] {
            assert!(Draft::parse(document(text, &[]), "inputs").is_err(), "{text}");
        }
        assert_eq!(Draft::parse(document("null", &[]), "inputs").expect("null is no object yet").value(), &json!({}));
    }

    #[test]
    fn whole_floats_and_nulls_fit_integers_and_options() {
        #[derive(serde::Deserialize, PartialEq, Debug)]
        struct T {
            n: u32,
            o: Option<String>,
            #[serde(default)]
            d: u8,
        }
        let read: T = typed(&json!({"n": 3.0, "o": null, "d": null})).expect("fits");
        assert_eq!(read, T { n: 3, o: None, d: 0 });
        assert!(typed::<T>(&json!({"n": 3.5})).is_err());
        assert!(typed::<T>(&json!({"n": 1e300})).is_err());
    }
}
