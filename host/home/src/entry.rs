//! The stored form of a resource: its JSON texts, its marks, and what provider and plugin wrote it. Snapshot and
//! journal share it; the plugin is an index into a table in the one and itself in the other.

use std::collections::BTreeSet;

use cofferdam_model::state::{Condition, Identity, ResourceEntry, ResourceState};
use cofferdam_model::{Address, Pointer, ProviderKey};
use serde::{Deserialize, Serialize};

use crate::SealError;
use crate::marks::{Marks, Opener, Sealer};
use crate::vault::OpenError;
use crate::written::{Plain, Written};

/// An entry to be written.
#[derive(Serialize)]
pub(crate) struct EntryOut<'a, P> {
    provider: &'a ProviderKey,
    plugin: P,
    inputs: Written<'a>,
    state: StateOut<'a>,
    #[serde(skip_serializing_if = "is_empty")]
    depends_on: &'a BTreeSet<Address>,
    #[serde(skip_serializing_if = "is_whole")]
    condition: Condition,
    #[serde(skip_serializing_if = "Marks::is_empty")]
    marks: Marks,
}

/// An entry as it was read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryIn<P> {
    provider: ProviderKey,
    pub plugin: P,
    inputs: Plain,
    state: StateIn,
    #[serde(default)]
    depends_on: BTreeSet<Address>,
    #[serde(default)]
    condition: Condition,
    #[serde(default)]
    pub marks: Marks,
}

/// An object's state to be written.
#[derive(Serialize)]
pub(crate) struct StateOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a Identity>,
    properties: Written<'a>,
    schema_version: u32,
}

/// An object's state as it was read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateIn {
    #[serde(default)]
    identity: Identity,
    properties: Plain,
    schema_version: u32,
}

// The signatures are serde's.
fn is_empty(set: &&BTreeSet<Address>) -> bool {
    set.is_empty()
}

fn is_whole(condition: &Condition) -> bool {
    *condition == Condition::Whole
}

impl<'a, P> EntryOut<'a, P> {
    pub(crate) fn new(entry: &'a ResourceEntry, plugin: P, mut sealer: Sealer<'_>) -> Result<Self, SealError> {
        let inputs = sealer.value("/inputs", &entry.inputs)?;
        let state = StateOut::new(&entry.state, "/state", &mut sealer)?;
        Ok(Self {
            provider: &entry.provider,
            plugin,
            inputs,
            state,
            depends_on: &entry.depends_on,
            condition: entry.condition,
            marks: sealer.finish(),
        })
    }
}

impl<P> EntryIn<P> {
    /// The entry; `opener` has its marks, and `plugin` is what its plugin stands for.
    pub(crate) fn restore(
        self,
        plugin: cofferdam_model::state::PluginIdentity,
        mut opener: Opener<'_>,
    ) -> Result<ResourceEntry, OpenError> {
        let inputs = opener.value("/inputs", self.inputs)?;
        let state = self.state.restore("/state", &mut opener)?;
        opener.finish()?;
        let Self { provider, depends_on, condition, .. } = self;
        Ok(ResourceEntry { provider, plugin, inputs, state, depends_on, condition })
    }
}

impl<'a> StateOut<'a> {
    /// The text of a state that stands at `root`. An identity that repeats a secret property is secret as well.
    pub(crate) fn new(state: &'a ResourceState, root: &str, sealer: &mut Sealer<'_>) -> Result<Self, SealError> {
        let properties = sealer.value(&format!("{root}/properties"), &state.properties)?;
        if !state.hidden.is_empty() {
            sealer.bytes(&format!("{root}/hidden"), &state.hidden)?;
        }
        let mut identity = Some(&state.identity).filter(|identity| !identity.0.is_empty());
        if identity.is_some() && repeats_secret(state) {
            let plain = zeroize::Zeroizing::new(serde_json::to_vec(&state.identity).expect("strings are JSON"));
            sealer.bytes(&format!("{root}/identity"), &plain)?;
            identity = None;
        }
        Ok(Self { identity, properties, schema_version: state.schema_version })
    }
}

fn repeats_secret(state: &ResourceState) -> bool {
    state.properties.has_secret()
        && state.identity.0.iter().any(|(pointer, _)| {
            let place = Pointer::parse(pointer).ok().and_then(|pointer| state.properties.at(&pointer));
            place.is_none_or(|place| place.has_secret())
        })
}

impl StateIn {
    /// The state that stands at `root`.
    pub(crate) fn restore(self, root: &str, opener: &mut Opener<'_>) -> Result<ResourceState, OpenError> {
        let properties = opener.value(&format!("{root}/properties"), self.properties)?;
        let hidden = opener.bytes(&format!("{root}/hidden"))?.map_or_else(Vec::new, |bytes| bytes.to_vec());
        let identity = match opener.bytes(&format!("{root}/identity"))? {
            Some(plain) => serde_json::from_slice(&plain)
                .map_err(|_| OpenError::Damaged(format!("the secret at `{root}/identity` is not what was written")))?,
            None => self.identity,
        };
        Ok(ResourceState { identity, properties, hidden, schema_version: self.schema_version })
    }
}
