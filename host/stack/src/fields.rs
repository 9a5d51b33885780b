//! The settings in an object of the `stack` block, taken out one by one, so that one that nobody knows is left over.

use std::collections::BTreeMap;

use cofferdam_model::{Data, Value};
use serde::{Deserialize, Serialize};

use crate::findings::quoted;

/// A role to take with the credentials that are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleSetting {
    /// Its ARN.
    pub arn: String,
    /// What the role's owner asks for to know who takes it.
    pub external_id: Option<String>,
    /// The session's name in the logs.
    pub session_name: Option<String>,
}

/// The settings of one object.
pub(crate) struct Fields {
    kind: &'static str,
    left: BTreeMap<String, Value>,
}

impl Fields {
    /// The settings of what people call `kind`.
    pub(crate) fn of(value: &Value, kind: &'static str) -> Result<Self, String> {
        let entries = value.as_object().ok_or_else(|| format!("the settings of `{kind}` are an object"))?;
        // A setting that is null is not set.
        let set = entries.iter().filter(|(_, value)| !value.is_null());
        Ok(Self { kind, left: set.map(|(key, value)| (key.to_string(), value.clone())).collect() })
    }

    /// A setting of any kind.
    pub(crate) fn value(&mut self, key: &str) -> Option<Value> {
        self.left.remove(key)
    }

    /// The setting `role`.
    pub(crate) fn role(&mut self) -> Result<Option<RoleSetting>, String> {
        let Some(role) = self.left.remove("role") else { return Ok(None) };
        let mut role = Self::of(&role, "role")?;
        let arn = role.text("arn")?.ok_or("a `role` has an `arn`")?;
        let (external_id, session_name) = (role.text("external_id")?, role.text("session_name")?);
        role.nothing_left()?;
        Ok(Some(RoleSetting { arn, external_id, session_name }))
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        let Some(value) = self.left.remove(key) else { return Ok(None) };
        let text = value.as_str().filter(|text| !text.is_empty() && !text.contains('\0'));
        text.map(|text| Some(text.to_owned())).ok_or_else(|| format!("`{key}` of `{}` is a text", self.kind))
    }

    /// `true` or `false`, the latter where it is not set.
    pub(crate) fn flag(&mut self, key: &str) -> Result<bool, String> {
        match self.left.remove(key).as_ref().map(Value::data) {
            None => Ok(false),
            Some(Data::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("`{key}` of `{}` is `true` or `false`", self.kind)),
        }
    }

    /// Refuses what nobody took.
    pub(crate) fn nothing_left(&self) -> Result<(), String> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(key) => Err(format!("`{}` has no setting `{}`", self.kind, quoted(key))),
        }
    }
}
