//! Identifiers as types: a stage is not a stack, and an address is not a string.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no valid {kind}: {rule}")]
pub struct NameError {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

const FILE_SAFE: &str = "it begins with a lowercase letter and has at most 64 of a-z, 0-9, `-` and `_`";
const IDENTIFIER: &str = "it begins with a letter or `_` and has at most 128 letters, digits, `-` and `_`";

fn is_file_safe(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

fn is_identifier(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $valid:path, $rule:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and takes a name.
            ///
            /// # Errors
            /// When the text breaks the rule that the error tells.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                if $valid(&text) {
                    return Ok(Self(text));
                }
                let text = text.chars().filter(|c| !c.is_control()).take(80).collect();
                Err(NameError { text, kind: $kind, rule: $rule })
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a stack: what is deployed together. Safe as a file name.
    StackName, "stack name", is_file_safe, FILE_SAFE
);
name!(
    /// The name of a stage: one deployment of a stack, such as `dev` or `production`. Safe as a file name.
    StageName, "stage name", is_file_safe, FILE_SAFE
);
name!(
    /// The name of a secret of a stage, such as `db_password`.
    SecretName, "name of a secret", is_identifier, IDENTIFIER
);
name!(
    /// The name of a resource type, such as `aws_s3_bucket`.
    ResourceType, "resource type", is_identifier, IDENTIFIER
);

impl ResourceType {
    /// The part before the first underscore, which usually names the provider.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.split('_').next().unwrap_or(&self.0)
    }
}

/// Where a resource stands in a stack: its type and its name, written `type.name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    ty: ResourceType,
    name: String,
}

impl Address {
    /// An address from its parts.
    ///
    /// # Errors
    /// When the name is no identifier.
    pub fn new(ty: ResourceType, name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if is_identifier(&name) {
            return Ok(Self { ty, name });
        }
        let text = name.chars().filter(|c| !c.is_control()).take(80).collect();
        Err(NameError { text, kind: "resource name", rule: IDENTIFIER })
    }

    /// The resource type.
    #[must_use]
    pub fn resource_type(&self) -> &ResourceType {
        &self.ty
    }

    /// The name within the type.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ty, self.name)
    }
}

impl FromStr for Address {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (ty, name) = text.split_once('.').unwrap_or((text, ""));
        Self::new(ResourceType::new(ty)?, name)
    }
}

impl TryFrom<String> for Address {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

/// One configuration of a provider in a stack: `aws`, or `aws.us` for a second one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderKey {
    name: String,
    alias: Option<String>,
}

impl ProviderKey {
    /// A key from its parts.
    ///
    /// # Errors
    /// When a part is no identifier.
    pub fn new(name: impl Into<String>, alias: Option<String>) -> Result<Self, NameError> {
        let name = name.into();
        for text in std::iter::once(&name).chain(&alias) {
            if !is_identifier(text) {
                let text = text.chars().filter(|c| !c.is_control()).take(80).collect();
                return Err(NameError { text, kind: "provider name", rule: IDENTIFIER });
            }
        }
        Ok(Self { name, alias })
    }

    /// The provider's name in the stack.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The second label of its block.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        self.alias.as_deref()
    }
}

impl fmt::Display for ProviderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.alias.as_ref().map_or(Ok(()), |alias| write!(f, ".{alias}"))
    }
}

impl TryFrom<String> for ProviderKey {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        match text.split_once('.') {
            Some((name, alias)) => Self::new(name, Some(alias.to_owned())),
            None => Self::new(text, None),
        }
    }
}

impl From<ProviderKey> for String {
    fn from(key: ProviderKey) -> Self {
        key.to_string()
    }
}

/// Names one step in every attempt at it, in this run and in later ones: the idempotency token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(String);

impl OperationId {
    /// An id from 16 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("op-{}", hex::encode(bytes)))
    }

    /// The id as text: at most 64 characters of `[a-z0-9-]`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_parse_and_print() {
        let address: Address = "aws_s3_bucket.site".parse().expect("valid");
        assert_eq!(address.to_string(), "aws_s3_bucket.site");
        assert_eq!(address.resource_type().prefix(), "aws");
        assert!("nodot".parse::<Address>().is_err());
        assert!("a.b/../c".parse::<Address>().is_err());
    }

    #[test]
    fn a_stage_cannot_leave_its_folder() {
        for text in ["", "..", "a/b", "A", "a\0", &"a".repeat(65)] {
            assert!(StageName::new(text).is_err(), "{text:?}");
        }
    }
}
