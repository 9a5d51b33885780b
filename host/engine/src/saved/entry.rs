//! The text of an entry of the state, and the digest of a whole state.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cofferdam_model::state::{Condition, Identity, PluginIdentity, ResourceEntry, ResourceState, StackState};
use cofferdam_model::stored::Stored;
use cofferdam_model::{Address, Digest, ProviderKey};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A [`ResourceEntry`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryText {
    provider: ProviderKey,
    plugin: PluginIdentity,
    inputs: Stored,
    identity: Identity,
    properties: Stored,
    hidden: Bytes,
    schema_version: u32,
    depends_on: BTreeSet<Address>,
    condition: Condition,
}

/// Bytes as base64.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD_NO_PAD.decode(text).map(Self).map_err(|_| D::Error::custom("text that is no base64"))
    }
}

impl From<&ResourceEntry> for EntryText {
    fn from(entry: &ResourceEntry) -> Self {
        Self {
            provider: entry.provider.clone(),
            plugin: entry.plugin.clone(),
            inputs: Stored(entry.inputs.clone()),
            identity: entry.state.identity.clone(),
            properties: Stored(entry.state.properties.clone()),
            hidden: Bytes(entry.state.hidden.clone()),
            schema_version: entry.state.schema_version,
            depends_on: entry.depends_on.clone(),
            condition: entry.condition,
        }
    }
}

impl From<EntryText> for ResourceEntry {
    fn from(text: EntryText) -> Self {
        let EntryText { provider, plugin, inputs, identity, properties, hidden, schema_version, depends_on, condition } =
            text;
        let state = ResourceState { identity, properties: properties.0, hidden: hidden.0, schema_version };
        Self { provider, plugin, inputs: inputs.0, state, depends_on, condition }
    }
}

#[derive(Serialize)]
struct StateText<'a> {
    resources: BTreeMap<&'a Address, EntryText>,
    outputs: BTreeMap<&'a str, Stored>,
}

/// The digest of what a state says. Made of secrets among others, so it is a secret itself.
pub(super) fn digest(state: &StackState) -> Digest {
    let resources = state.resources.iter().map(|(address, entry)| (address, entry.into())).collect();
    let outputs = state.outputs.iter().map(|(name, value)| (name.as_str(), Stored(value.clone()))).collect();
    // What is too deep to be written never came into a state; were it there, it would be the same as nothing else.
    let text = serde_json::to_vec(&StateText { resources, outputs });
    Digest::of(&text.unwrap_or_else(|error| error.to_string().into_bytes()))
}
