//! What an author writes for a resource type: its name, its types, and its definition.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::definition::Definition;

/// Typed properties: any struct under `#[properties]`.
pub trait Properties: Serialize + DeserializeOwned + schemars::JsonSchema + 'static {}

impl<T: Serialize + DeserializeOwned + schemars::JsonSchema + 'static> Properties for T {}

/// A resource type.
///
/// The properties of an object are its inputs and its outputs together; outputs become read-only in the schema. A
/// property may be in both where the user can leave it out and the service then fills it in. A write-only input must be
/// an `Option` (mark it `#[schemars(required)]` where the user must give it), because states do not hold it.
pub trait Resource: Sized + 'static {
    /// The type's name in stacks, such as `acme_zone`.
    const TYPE: &'static str;
    /// What the provider's `configure` returns; `()` where the type needs nothing of it.
    type Session: Serialize + DeserializeOwned + 'static;
    /// What a user may set. Its doc comment describes the type, the fields' doc comments the properties.
    type Inputs: Properties;
    /// What only the service knows; `()` where there is nothing.
    type Outputs: Properties;

    /// The operations that the type supports, each with the function that does it, and the schema's keywords.
    ///
    /// What is not given here is not in the schema, so the schema cannot promise what the code does not do: without an
    /// update every change replaces the object, without a read the object lives in the state alone, without a delete
    /// nothing is done to remove it.
    fn define() -> Definition<Self>;
}
