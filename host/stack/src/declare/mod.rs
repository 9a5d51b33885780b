//! What the files declare: blocks sorted by kind and indexed by name. Moves the syntax trees; evaluates nothing.

mod blocks;
mod fields;
mod grant;
mod provider;
mod resource;
mod value_blocks;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use cofferdam_model::{Address, ProviderKey, SourceSpan, StackName};
use hcl_edit::expr::Expression;
use hcl_edit::structure::Attribute;

pub(crate) use self::blocks::declare;
pub(crate) use self::fields::Fields;

/// Where a block stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: Arc<str>,
    /// The block's first line.
    pub(crate) header: Range<usize>,
}

impl Place {
    /// The block's first line as a span.
    pub(crate) fn span(&self) -> SourceSpan {
        crate::source::span(&self.file, self.header.clone())
    }
}

/// The `stack` block.
#[derive(Debug)]
pub(crate) struct StackBlock {
    pub(crate) name: StackName,
    pub(crate) place: Place,
    pub(crate) fields: Fields,
}

/// A `provider` block.
#[derive(Debug)]
pub(crate) struct ProviderBlock {
    pub(crate) key: ProviderKey,
    pub(crate) place: Place,
    pub(crate) source: Option<Expression>,
    pub(crate) config: Option<Expression>,
    pub(crate) grant: Option<GrantBlock>,
}

/// A `grant` block, its values not evaluated yet.
#[derive(Debug, Default)]
pub(crate) struct GrantBlock {
    pub(crate) hosts: Option<Expression>,
    pub(crate) assets: Option<Expression>,
    pub(crate) credentials: Vec<NamedFields>,
    pub(crate) directories: Vec<NamedFields>,
    pub(crate) limits: Option<Fields>,
}

/// A block with one label inside a grant.
#[derive(Debug)]
pub(crate) struct NamedFields {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) fields: Fields,
}

/// A `resource` block.
#[derive(Debug)]
pub(crate) struct ResourceBlock {
    pub(crate) address: Address,
    pub(crate) place: Place,
    pub(crate) attributes: Vec<Attribute>,
    /// The `provider` meta-argument.
    pub(crate) provider: Option<(ProviderKey, Range<usize>)>,
    /// The `depends_on` meta-argument: an array.
    pub(crate) depends_on: Option<Expression>,
}

/// A `variable` block.
#[derive(Debug)]
pub(crate) struct VariableBlock {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) fields: Fields,
}

/// One value of a `locals` block.
#[derive(Debug)]
pub(crate) struct LocalValue {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) value: Expression,
}

/// An `output` block.
#[derive(Debug)]
pub(crate) struct OutputBlock {
    pub(crate) place: Place,
    pub(crate) value: Expression,
    pub(crate) sensitive: Option<Expression>,
    pub(crate) description: Option<Expression>,
    pub(crate) depends_on: Option<Expression>,
}

/// Everything that the files declare. A number in an index is a place in the list of the same kind.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    pub(crate) stack: Option<StackBlock>,
    pub(crate) providers: Vec<ProviderBlock>,
    pub(crate) resources: Vec<ResourceBlock>,
    pub(crate) variables: Vec<VariableBlock>,
    pub(crate) locals: Vec<LocalValue>,
    pub(crate) outputs: BTreeMap<String, OutputBlock>,
    pub(crate) provider_index: HashMap<ProviderKey, usize>,
    pub(crate) resource_index: HashMap<String, HashMap<String, usize>>,
    pub(crate) variable_index: HashMap<String, usize>,
    pub(crate) local_index: HashMap<String, usize>,
}

impl Declarations {
    /// The place of a resource in the list.
    pub(crate) fn resource(&self, ty: &str, name: &str) -> Option<usize> {
        self.resource_index.get(ty)?.get(name).copied()
    }

    /// A resource by its address.
    pub(crate) fn resource_at(&self, address: &Address) -> Option<&ResourceBlock> {
        let index = self.resource(address.resource_type().as_str(), address.name())?;
        self.resources.get(index)
    }
}
