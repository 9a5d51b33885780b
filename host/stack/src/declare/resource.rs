//! Reads `resource` blocks: meta-arguments apart, everything else is an input.

use std::collections::hash_map::Entry;
use std::ops::Range;

use cofferdam_model::{Address, ProviderKey, ResourceType};
use hcl_edit::Span;
use hcl_edit::expr::{Expression, TraversalOperator};
use hcl_edit::structure::{Block, Structure};

use super::blocks::Reader;
use super::fields::header;
use super::{Declarations, ResourceBlock};
use crate::findings::quoted;
use crate::source::span;

/// Meta-arguments and inner blocks of the language that this version does not serve.
const LATER: [&str; 6] = ["count", "for_each", "lifecycle", "dynamic", "provisioner", "connection"];

pub(super) fn read(block: Block, reader: &mut Reader<'_>, into: &mut Declarations) {
    let place = reader.place(&block);
    let Some([ty, name]) = reader.labels(&block, "resource \"null_resource\" \"first\" { … }") else { return };
    let address = match ResourceType::new(ty).and_then(|ty| Address::new(ty, name)) {
        Ok(address) => address,
        Err(error) => return reader.findings.error(place.span(), error.to_string()),
    };
    let mut resource = ResourceBlock { address, place, attributes: Vec::new(), provider: None, depends_on: None };
    for structure in block.body {
        match structure {
            Structure::Block(inner) => refuse_block(&inner, reader),
            Structure::Attribute(attribute) => match attribute.key.as_str() {
                "provider" => resource.provider = provider_reference(&attribute.value, reader),
                "depends_on" => resource.depends_on = Some(attribute.value),
                key if LATER.contains(&key) => {
                    let at = span(&reader.file, attribute.key.span().unwrap_or_default());
                    reader.findings.error(at, format!("`{key}` is not supported by this version"));
                }
                _ => resource.attributes.push(attribute),
            },
        }
    }
    let of_type = into.resource_index.entry(resource.address.resource_type().as_str().to_owned()).or_default();
    match of_type.entry(resource.address.name().to_owned()) {
        Entry::Vacant(entry) => {
            entry.insert(into.resources.len());
            into.resources.push(resource);
        }
        Entry::Occupied(entry) => {
            if let Some(first) = into.resources.get(*entry.get()) {
                let first = first.place.span();
                reader.twice(&format!("`{}`", resource.address), resource.place.span(), &first);
            }
        }
    }
}

fn refuse_block(block: &Block, reader: &mut Reader<'_>) {
    let at = span(&reader.file, header(block));
    let key = quoted(block.ident.as_str());
    if LATER.contains(&key.as_str()) {
        return reader.findings.error(at, format!("`{key}` is not supported by this version"));
    }
    let summary = format!("a resource has no inner blocks, and `{key}` is written as one");
    let hint = format!("write `{key} = {{ … }}`, or `{key} = [{{ … }}, {{ … }}]` for several");
    reader.findings.error_with_hint(at, summary, hint);
}

/// `aws` or `aws.us`.
fn provider_reference(expression: &Expression, reader: &mut Reader<'_>) -> Option<(ProviderKey, Range<usize>)> {
    let range = expression.span().unwrap_or_default();
    let parts = match expression {
        Expression::Variable(name) => Some((name.as_str(), None)),
        Expression::Traversal(traversal) => match (&traversal.expr, traversal.operators.as_slice()) {
            (Expression::Variable(name), [operator]) => match operator.value() {
                TraversalOperator::GetAttr(alias) => Some((name.as_str(), Some(alias.as_str().to_owned()))),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    let key = parts.and_then(|(name, alias)| ProviderKey::new(name, alias).ok());
    if key.is_none() {
        let summary = "`provider` names a provider block, without quotes";
        reader.findings.error_with_hint(span(&reader.file, range.clone()), summary, "write `provider = aws.us`");
    }
    key.map(|key| (key, range))
}
