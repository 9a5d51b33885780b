//! What the stack language offers to the engine: a list of resources with their references, and inputs evaluated
//! against what is known so far. The engine sees no syntax.

use std::collections::BTreeSet;

use crate::{Address, Diagnostic, Pointer, ProviderKey, SourceSpan, StackName, Value};

/// A resource as the stack declares it.
#[derive(Clone, Debug)]
pub struct ResourceNode {
    /// Where it stands.
    pub address: Address,
    /// Which provider configuration serves it.
    pub provider: ProviderKey,
    /// Every resource that its inputs, its `depends_on` or its provider's configuration refer to.
    pub depends_on: BTreeSet<Address>,
}

/// The values that expressions may refer to, filled in as a plan or a deploy goes on.
pub trait Known {
    /// The properties of a resource: planned during a plan, real during a deploy. None: not computed yet.
    fn resource(&self, address: &Address) -> Option<&Value>;
}

/// A stack, parsed and checked for what can be known without its plugins.
pub trait Program: Send + Sync {
    /// The stack's name.
    fn stack(&self) -> &StackName;

    /// Every resource, in the order of the files. References form no cycle.
    fn resources(&self) -> &[ResourceNode];

    /// Every output's name, in the order of the names.
    fn outputs(&self) -> Vec<String>;

    /// A resource's inputs, null attributes left out.
    ///
    /// # Errors
    /// Every finding, each with its place.
    fn resource_inputs(&self, address: &Address, known: &dyn Known) -> Result<Value, Vec<Diagnostic>>;

    /// A provider's configuration; an empty object where the stack gives none.
    ///
    /// # Errors
    /// Every finding, each with its place.
    fn provider_config(&self, provider: &ProviderKey, known: &dyn Known) -> Result<Value, Vec<Diagnostic>>;

    /// An output's value, marked secret where the output is declared so.
    ///
    /// # Errors
    /// Every finding, each with its place.
    fn output(&self, name: &str, known: &dyn Known) -> Result<Value, Vec<Diagnostic>>;

    /// The place in the user's files of a resource, or of the attribute that a pointer into its inputs names.
    fn locate(&self, address: &Address, at: Option<&Pointer>) -> Option<SourceSpan>;
}
