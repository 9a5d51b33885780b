//! What the host knows of an object when it asks for more: its state, its identity, or the operation that made it.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::cofferdam::provider::types;
use crate::bindings::exports::cofferdam::provider::provider as exports;
use crate::draft::{Draft, typed};
use crate::error::Error;
use crate::pointer;
use crate::resource::Resource;

/// The state of an object. It may be incomplete where a create failed half-way, which is why reading it can fail.
pub struct Prior<R: Resource> {
    pub(crate) properties: Value,
    pub(crate) secrets: Vec<String>,
    pub(crate) hidden: Vec<u8>,
    marker: PhantomData<R>,
}

impl<R: Resource> Prior<R> {
    pub(crate) fn new(properties: Value, secrets: Vec<String>, hidden: Vec<u8>) -> Self {
        Self { properties, secrets, hidden, marker: PhantomData }
    }

    pub(crate) fn parse(state: types::ResourceState) -> Result<Self, Error> {
        let draft = Draft::parse(state.properties, "properties")?;
        Ok(Self::new(draft.value().clone(), draft.secrets().to_vec(), state.hidden))
    }

    /// The inputs that the state holds.
    ///
    /// # Errors
    ///
    /// `other` where the state is incomplete.
    pub fn inputs(&self) -> Result<R::Inputs, Error> {
        typed(&self.properties).map_err(|error| self.incomplete(&error))
    }

    /// The outputs that the state holds.
    ///
    /// # Errors
    ///
    /// `other` where the state is incomplete.
    pub fn outputs(&self) -> Result<R::Outputs, Error> {
        typed(&self.properties).map_err(|error| self.incomplete(&error))
    }

    fn incomplete(&self, error: &serde_json::Error) -> Error {
        Error::other(format!("the state of this `{}` is incomplete: {error}", R::TYPE))
    }

    /// One property, such as `id` or `rules/0/port`, where it is there and of this type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, property: &str) -> Option<T> {
        let value = self.properties.pointer(&pointer::from_property(property))?;
        serde_json::from_value(value.clone()).ok()
    }

    /// One property as text.
    ///
    /// # Errors
    ///
    /// `other` where it is missing or no text.
    pub fn text(&self, property: &str) -> Result<String, Error> {
        self.get(property)
            .ok_or_else(|| Error::other(format!("the state of this `{}` has no text in `{property}`", R::TYPE)))
    }

    /// Every property.
    #[must_use]
    pub fn properties(&self) -> &Value {
        &self.properties
    }

    /// The private bytes.
    #[must_use]
    pub fn hidden(&self) -> &[u8] {
        &self.hidden
    }
}

/// What names a remote object: the values of the primary identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity(pub(crate) Vec<(String, String)>);

impl Identity {
    /// An identity from properties and their values, in the order of the primary identifier.
    pub fn new<'a>(keys: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self(keys.into_iter().map(|(name, value)| (schema_pointer(&pointer::from_property(name)), value)).collect())
    }

    /// The value of one property of the identifier.
    #[must_use]
    pub fn get(&self, property: &str) -> Option<&str> {
        let at = pointer::from_property(property);
        let found =
            self.0.iter().find(|(name, _)| name.strip_prefix("/properties").unwrap_or(name) == at || name == property);
        found.map(|(_, value)| value.as_str())
    }
}

/// A pointer into an object's properties as schemas write it.
pub(crate) fn schema_pointer(pointer: &str) -> String {
    format!("/properties{pointer}")
}

/// What to read.
pub enum Target<R: Resource> {
    /// What the host knows of the object.
    State(Prior<R>),
    /// An object that the user names, for import.
    Identity(Identity),
    /// An operation id: the object that a cut-off create made, if it made one.
    Operation(String),
}

impl<R: Resource> Target<R> {
    pub(crate) fn parse(target: exports::Target) -> Result<Self, Error> {
        Ok(match target {
            exports::Target::State(state) => Self::State(Prior::parse(state)?),
            exports::Target::Identity(identity) => Self::Identity(Identity(identity.keys)),
            exports::Target::Operation(id) => Self::Operation(id),
        })
    }

    /// A property of the primary identifier as text, from the state or from what the user names. Most reads begin
    /// with it.
    ///
    /// # Errors
    ///
    /// `unsupported` for an operation id: a type that can look one up matches on the target first.
    pub fn key(&self, property: &str) -> Result<String, Error> {
        match self {
            Self::State(prior) => prior.text(property),
            Self::Identity(identity) => identity
                .get(property)
                .map(str::to_owned)
                .ok_or_else(|| Error::invalid_input(format!("the identity does not name `{property}`"))),
            Self::Operation(_) => Err(Error::unsupported(format!("`{}` cannot be looked up by operation", R::TYPE))),
        }
    }

    /// The state, where that is what was given.
    #[must_use]
    pub fn state(&self) -> Option<&Prior<R>> {
        match self {
            Self::State(prior) => Some(prior),
            _ => None,
        }
    }
}

/// An update: what is, and what shall be.
pub struct Change<R: Resource> {
    /// The object before.
    pub prior: Prior<R>,
    /// What the user wants.
    pub inputs: R::Inputs,
    /// The JSON Patch (RFC 6902) from the prior inputs to these, as an array of operations.
    pub patch: Value,
}

impl<R: Resource> Change<R> {
    /// True where the change touches this property or something in it.
    #[must_use]
    pub fn touches(&self, property: &str) -> bool {
        let at = pointer::from_property(property);
        let operations = self.patch.as_array().map(Vec::as_slice).unwrap_or_default();
        let paths = operations.iter().flat_map(|operation| [operation.get("path"), operation.get("from")]);
        paths
            .flatten()
            .filter_map(Value::as_str)
            .any(|path| pointer::is_within(path, &at) || pointer::is_within(&at, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_found_in_every_spelling() {
        for name in ["/properties/id", "/id", "id"] {
            let identity = Identity(vec![(name.to_owned(), "x".to_owned())]);
            assert_eq!(identity.get("id"), Some("x"), "{name}");
            assert_eq!(identity.get("other"), None);
        }
        assert_eq!(Identity::default().get(""), None);
    }
}
