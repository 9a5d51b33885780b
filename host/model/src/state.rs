//! What is kept between runs: the state of a stack in one stage, resource by resource.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Address, Digest, ProviderKey, StackName, StageName, Value};

/// What names a remote object: pointer and value of each primary identifier, in the schema's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identity(pub Vec<(String, String)>);

/// One object as its provider knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceState {
    /// What names it; may be empty.
    pub identity: Identity,
    /// Every property except the write-only ones. An object.
    pub properties: Value,
    /// Private to the provider.
    pub hidden: Vec<u8>,
    /// The version of the type's schema that wrote this.
    pub schema_version: u32,
}

/// Which plugin made or last changed an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginIdentity {
    /// The name from its manifest.
    pub name: String,
    /// The version from its manifest.
    pub version: String,
    /// The digest of the component.
    pub digest: Digest,
}

/// Whether an object is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// As its provider said.
    #[default]
    Whole,
    /// A create failed or was cut off after it had made something; the next deploy replaces it.
    Partial,
}

/// A resource of the state.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceEntry {
    /// The provider configuration that serves it.
    pub provider: ProviderKey,
    /// The plugin that wrote it last.
    pub plugin: PluginIdentity,
    /// The inputs of the last successful write, write-only ones included.
    pub inputs: Value,
    /// The object.
    pub state: ResourceState,
    /// The resources that it refers to.
    pub depends_on: BTreeSet<Address>,
    /// Whether it is whole.
    pub condition: Condition,
}

/// The state of a stack in one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StackState {
    /// The stack.
    pub stack: StackName,
    /// The stage.
    pub stage: StageName,
    /// The same for every snapshot that grew out of one first deploy; empty before that.
    pub lineage: String,
    /// Counts the snapshots of a lineage, from 1; 0 before the first.
    pub serial: u64,
    /// Every resource by its address.
    pub resources: BTreeMap<Address, ResourceEntry>,
    /// Every output of the last deploy.
    pub outputs: BTreeMap<String, Value>,
}

impl StackState {
    /// The state before the first deploy.
    #[must_use]
    pub fn empty(stack: StackName, stage: StageName) -> Self {
        Self { stack, stage, lineage: String::new(), serial: 0, resources: BTreeMap::new(), outputs: BTreeMap::new() }
    }
}
