//! Values as JSON text, straight to and from the text: [`Written`] with or without what is secret, and [`Plain`] for
//! the way back. Neither keeps marks.

use std::collections::BTreeMap;
use std::fmt;

use cofferdam_model::{Data, Number, Value};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands at the places that are marked secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// Null.
    Left,
    /// Themselves: for text that will be encrypted as a whole.
    Included,
}

/// A value to be written; an unknown place becomes null.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    value: &'a Value,
    secrets: Secrets,
}

impl<'a> Written<'a> {
    pub(crate) fn new(value: &'a Value, secrets: Secrets) -> Self {
        Self { value, secrets }
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.value.is_secret() && self.secrets == Secrets::Left {
            return serializer.serialize_unit();
        }
        match self.value.data() {
            Data::Null | Data::Unknown => serializer.serialize_unit(),
            Data::Bool(value) => serializer.serialize_bool(*value),
            Data::Number(Number::Int(value)) => serializer.serialize_i64(*value),
            Data::Number(Number::Float(value)) => serializer.serialize_f64(*value),
            Data::String(text) => serializer.serialize_str(text),
            Data::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for value in items.iter() {
                    list.serialize_element(&Self { value, ..*self })?;
                }
                list.end()
            }
            Data::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries.iter() {
                    map.serialize_entry(key, &Self { value, ..*self })?;
                }
                map.end()
            }
        }
    }
}

/// A value as it was read, without marks.
pub(crate) struct Plain(pub Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

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
        i64::try_from(value).map(Into::into).map_err(|_| E::custom("a whole number of more than 64 bits"))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Into::into).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(Plain(item)) = items.next_element()? {
            out.push(item);
        }
        Ok(Value::list(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut out = BTreeMap::new();
        while let Some((key, Plain(value))) = entries.next_entry::<String, _>()? {
            out.insert(key, value);
        }
        Ok(Value::object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value, secrets: Secrets) -> String {
        serde_json::to_string(&Written::new(value, secrets)).expect("writes")
    }

    #[test]
    fn every_number_comes_back() {
        let floats = [0.1, 1e300, 5e-324, 1e16, 9.3e18, -2.5, 123_456_789.123_456_79];
        let numbers = floats.iter().filter_map(|f| Number::from_f64(*f));
        for number in numbers.chain([i64::MIN, i64::MAX, 0, 1 << 53].map(Number::Int)) {
            let Plain(back) = serde_json::from_str(&text(&number.into(), Secrets::Left)).expect("reads");
            let same = matches!((back.data(), number), (Data::Number(Number::Int(a)), Number::Int(b)) if *a == b)
                || matches!((back.data(), number), (Data::Number(Number::Float(a)), Number::Float(b)) if a.to_bits() == b.to_bits());
            assert!(same, "{number}");
        }
    }

    #[test]
    fn secrets_are_left_out() {
        let value = Value::list(vec!["open".into(), Value::from("hidden").into_secret(), Value::unknown()]);
        assert_eq!(text(&value, Secrets::Left), r#"["open",null,null]"#);
        assert_eq!(text(&value, Secrets::Included), r#"["open","hidden",null]"#);
    }
}
