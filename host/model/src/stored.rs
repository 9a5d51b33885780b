//! A value as text that keeps all of it: the JSON, and the lists of its unknown and secret places. Secrets stand there
//! in clear, so this is for text that is encrypted as a whole.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::document::{Document, Reader, flatten};
use crate::pointer::MAX_DEPTH;
use crate::{Data, Pointer, Value};

/// A value that is written and read with everything that it is. Never for text that leaves the host.
#[derive(Clone, PartialEq)]
pub struct Stored(pub Value);

#[derive(Serialize)]
struct TextOut {
    value: serde_json::Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextIn {
    value: Plain,
    #[serde(default)]
    unknown: Vec<Pointer>,
    #[serde(default)]
    secret: Vec<Pointer>,
}

struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader::default()).map(Self)
    }
}

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if is_too_deep(&self.0, 0) {
            return Err(S::Error::custom(format_args!("a value has more than {MAX_DEPTH} levels")));
        }
        let mut marks = Document::default();
        let value = flatten(&self.0, &mut Vec::new(), &mut marks);
        TextOut { value, unknown: marks.unknown, secret: marks.secret }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let TextIn { value: Plain(mut value), unknown, secret } = TextIn::deserialize(deserializer)?;
        let nowhere = || D::Error::custom("a mark leads nowhere");
        for pointer in &unknown {
            *value.at_mut(pointer).ok_or_else(nowhere)? = Value::unknown();
        }
        for pointer in &secret {
            if !value.mark_secret(pointer) {
                return Err(nowhere());
            }
        }
        Ok(Self(value))
    }
}

/// Whether a value could not be read back.
fn is_too_deep(value: &Value, depth: usize) -> bool {
    match value.data() {
        Data::List(_) | Data::Object(_) if depth == MAX_DEPTH => true,
        Data::List(items) => items.iter().any(|item| is_too_deep(item, depth + 1)),
        Data::Object(entries) => entries.values().any(|entry| is_too_deep(entry, depth + 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Number;

    fn back(value: &Value) -> Value {
        let text = serde_json::to_string(&Stored(value.clone())).expect("writes");
        serde_json::from_str::<Stored>(&text).expect("reads").0
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::null(), |value, _| Value::list(vec![value]))
    }

    #[test]
    fn everything_comes_back() {
        let inner = Value::object(
            [("a~/b".to_owned(), Value::unknown().into_secret()), (String::new(), Value::from("x").into_secret())]
                .into(),
        );
        let values = [
            Value::unknown(),
            Value::unknown().into_secret(),
            Value::null().into_secret(),
            Value::list(vec![inner.clone().into_secret(), inner, Value::from(true), Value::unknown(), Value::from("")]),
            nested(MAX_DEPTH),
        ];
        for value in values {
            assert!(back(&value) == value, "{value:?}");
        }
    }

    #[test]
    fn every_number_comes_back() {
        let floats = [0.1, 1e300, 5e-324, 1e16, 9.3e18, -2.5, 123_456_789.123_456_79].map(Number::from_f64);
        for number in floats.into_iter().flatten().chain([i64::MIN, i64::MAX, 0, 1 << 53].map(Number::Int)) {
            let same = match (back(&number.into()).data(), number) {
                (Data::Number(Number::Int(back)), Number::Int(number)) => *back == number,
                (Data::Number(Number::Float(back)), Number::Float(number)) => back.to_bits() == number.to_bits(),
                _ => false,
            };
            assert!(same, "{number}");
        }
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        assert!(serde_json::to_string(&Stored(nested(MAX_DEPTH + 1))).is_err());
        let deep = format!(r#"{{"value":{}1{}}}"#, "[".repeat(65), "]".repeat(65));
        for text in
            [deep.as_str(), r#"{"value":{"a":1,"a":2}}"#, r#"{"value":1,"secret":["/a"]}"#, r#"{"value":1,"x":1}"#]
        {
            assert!(serde_json::from_str::<Stored>(text).is_err(), "{text}");
        }
    }
}
