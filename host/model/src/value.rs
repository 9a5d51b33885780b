//! Values of the stack language: JSON's kinds, plus *unknown* (known only after deploy) and the *secret* mark, which
//! every place may carry. Containers are shared, so a clone costs O(1).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Number, Pointer};

/// A value with its mark.
#[derive(Clone, PartialEq)]
pub struct Value {
    data: Data,
    secret: bool,
}

/// What a value holds.
#[derive(Clone, PartialEq)]
pub enum Data {
    /// No value.
    Null,
    /// Known only after deploy.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(Arc<str>),
    /// Values in order.
    List(Arc<Vec<Value>>),
    /// Values by key, in the order of the keys.
    Object(Arc<BTreeMap<String, Value>>),
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Self { data, secret: false }
    }
}

impl Value {
    /// No value.
    #[must_use]
    pub fn null() -> Self {
        Data::Null.into()
    }

    /// A value that only the deploy can tell.
    #[must_use]
    pub fn unknown() -> Self {
        Data::Unknown.into()
    }

    /// Text.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Data::String(text.into()).into()
    }

    /// Values in order.
    #[must_use]
    pub fn list(items: Vec<Value>) -> Self {
        Data::List(Arc::new(items)).into()
    }

    /// Values by key.
    #[must_use]
    pub fn object(entries: BTreeMap<String, Value>) -> Self {
        Data::Object(Arc::new(entries)).into()
    }

    /// What it holds.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Whether this very place is marked secret; its parts may be marked on their own.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// The same value, marked secret.
    #[must_use]
    pub fn into_secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The same value, marked secret if `secret` says so; a mark that is there stays.
    #[must_use]
    pub fn with_secret(mut self, secret: bool) -> Self {
        self.secret |= secret;
        self
    }

    /// The same value without marks, its parts included. For what must leave the host in clear: inputs of a guest.
    #[must_use]
    pub fn without_marks(&self) -> Self {
        match &self.data {
            Data::List(items) => Self::list(items.iter().map(Self::without_marks).collect()),
            Data::Object(entries) => {
                Self::object(entries.iter().map(|(key, value)| (key.clone(), value.without_marks())).collect())
            }
            data => data.clone().into(),
        }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// Whether this very place is unknown.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.data, Data::Unknown)
    }

    /// Whether nothing in it is unknown.
    #[must_use]
    pub fn is_wholly_known(&self) -> bool {
        match &self.data {
            Data::Unknown => false,
            Data::List(items) => items.iter().all(Self::is_wholly_known),
            Data::Object(entries) => entries.values().all(Self::is_wholly_known),
            _ => true,
        }
    }

    /// Whether it or any part of it is secret.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.secret
            || match &self.data {
                Data::List(items) => items.iter().any(Self::has_secret),
                Data::Object(entries) => entries.values().any(Self::has_secret),
                _ => false,
            }
    }

    /// The text, where it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items, where it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, where it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&BTreeMap<String, Value>> {
        match &self.data {
            Data::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entries for change, where it is an object.
    #[must_use]
    pub fn as_object_mut(&mut self) -> Option<&mut BTreeMap<String, Value>> {
        match &mut self.data {
            Data::Object(entries) => Some(Arc::make_mut(entries)),
            _ => None,
        }
    }

    /// The kind in the words of the stack language.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.data {
            Data::Null => "null",
            Data::Unknown => "a value known after deploy",
            Data::Bool(_) => "bool",
            Data::Number(_) => "number",
            Data::String(_) => "string",
            Data::List(_) => "list",
            Data::Object(_) => "object",
        }
    }

    /// The part at a key of an object or an index of a list; it inherits this place's mark, and a part of an unknown
    /// value is unknown.
    #[must_use]
    pub fn part(&self, key: &str) -> Option<Value> {
        let found = match &self.data {
            Data::Unknown => Some(Self::unknown()),
            Data::Object(entries) => entries.get(key).cloned(),
            Data::List(items) => index(key).and_then(|i| items.get(i)).cloned(),
            _ => None,
        };
        found.map(|value| value.with_secret(self.secret))
    }

    /// The part at a pointer, marks inherited on the way.
    #[must_use]
    pub fn at(&self, pointer: &Pointer) -> Option<Value> {
        pointer.parts().iter().try_fold(self.clone(), |value, part| value.part(part))
    }

    /// The place at a pointer for change.
    #[must_use]
    pub fn at_mut(&mut self, pointer: &Pointer) -> Option<&mut Value> {
        let mut place = self;
        for part in pointer.parts() {
            place = match &mut place.data {
                Data::Object(entries) => Arc::make_mut(entries).get_mut(part)?,
                Data::List(items) => Arc::make_mut(items).get_mut(index(part)?)?,
                _ => return None,
            };
        }
        Some(place)
    }

    /// Marks the place at a pointer secret; false where there is no such place.
    #[must_use = "a mark that found no place protects nothing"]
    pub fn mark_secret(&mut self, pointer: &Pointer) -> bool {
        match self.at_mut(pointer) {
            Some(place) => {
                place.secret = true;
                true
            }
            None => false,
        }
    }

    /// Marks every place that a pattern names (`*` stands for any one part) secret.
    pub fn mark_secret_pattern(&mut self, pattern: &[String]) {
        let Some((part, rest)) = pattern.split_first() else {
            self.secret = true;
            return;
        };
        match &mut self.data {
            Data::Object(entries) if part == "*" => {
                Arc::make_mut(entries).values_mut().for_each(|value| value.mark_secret_pattern(rest));
            }
            Data::List(items) if part == "*" => {
                Arc::make_mut(items).iter_mut().for_each(|value| value.mark_secret_pattern(rest));
            }
            Data::Object(entries) => {
                if entries.contains_key(part)
                    && let Some(value) = Arc::make_mut(entries).get_mut(part)
                {
                    value.mark_secret_pattern(rest);
                }
            }
            Data::List(items) => {
                if let Some(value) = index(part).and_then(|i| Arc::make_mut(items).get_mut(i)) {
                    value.mark_secret_pattern(rest);
                }
            }
            _ => {}
        }
    }

    /// Calls `visit` with every secret place, outermost only.
    pub fn visit_secrets(&self, visit: &mut dyn FnMut(&Value)) {
        if self.secret {
            return visit(self);
        }
        match &self.data {
            Data::List(items) => items.iter().for_each(|item| item.visit_secrets(visit)),
            Data::Object(entries) => entries.values().for_each(|value| value.visit_secrets(visit)),
            _ => {}
        }
    }

    /// Whether two values are the same, marks aside. An unknown place equals nothing, itself included.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (&self.data, &other.data) {
            (Data::Unknown, _) | (_, Data::Unknown) => false,
            (Data::List(a), Data::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b)),
            (Data::Object(a), Data::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|((ka, a), (kb, b))| ka == kb && a.same(b))
            }
            (a, b) => a == b,
        }
    }
}

fn index(text: &str) -> Option<usize> {
    let plain = text == "0" || (!text.starts_with('0') && !text.starts_with('+'));
    plain.then(|| text.parse().ok()).flatten()
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Data::Bool(value).into()
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Data::Number(value.into()).into()
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Data::Number(value).into()
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

/// Never shows what is secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret {
            return f.write_str("(secret)");
        }
        self.data.fmt(f)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Unknown => f.write_str("(known after deploy)"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::String(text) => text.fmt(f),
            Self::List(items) => f.debug_list().entries(items.iter()).finish(),
            Self::Object(entries) => f.debug_map().entries(entries.iter()).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(entries: &[(&str, Value)]) -> Value {
        Value::object(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
    }

    #[test]
    fn a_part_of_a_secret_is_secret() {
        let value = object(&[("a", object(&[("b", "x".into())]))]).into_secret();
        assert!(value.at(&Pointer::parse("/a/b").expect("valid")).expect("there").is_secret());
    }

    #[test]
    fn debug_shows_no_secret() {
        let value = object(&[("password", Value::from("hunter2").into_secret())]);
        assert!(!format!("{value:?}").contains("hunter2"));
    }

    #[test]
    fn unknown_is_the_same_as_nothing() {
        assert!(!Value::unknown().same(&Value::unknown()));
        assert!(Value::from("a").into_secret().same(&Value::from("a")));
    }

    #[test]
    fn patterns_mark_every_item() {
        let mut value = object(&[("keys", Value::list(vec!["a".into(), "b".into()]))]);
        value.mark_secret_pattern(&["keys".into(), "*".into()]);
        let mut seen = 0;
        value.visit_secrets(&mut |_| seen += 1);
        assert_eq!(seen, 2);
    }
}
