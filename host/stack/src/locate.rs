//! From a place in a document to the place in the file that wrote it.

use std::ops::Range;

use cofferdam_model::Pointer;
use hcl_edit::Span;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::Attribute;

/// The range of what a pointer names, or of the nearest expression around it; none for the whole document and for
/// attributes that are not set.
pub(crate) fn within(attributes: &[Attribute], pointer: &Pointer) -> Option<Range<usize>> {
    let (first, rest) = pointer.parts().split_first()?;
    let attribute = attributes.iter().find(|attribute| attribute.has_key(first))?;
    let mut expression = &attribute.value;
    for part in rest {
        let Some(inner) = step(expression, part) else { break };
        expression = inner;
    }
    expression.span()
}

fn step<'e>(expression: &'e Expression, part: &str) -> Option<&'e Expression> {
    match expression {
        Expression::Parenthesis(inner) => step(inner.inner(), part),
        Expression::Array(items) => items.get(part.parse().ok()?),
        Expression::Object(object) => object.iter().find(|(key, _)| named(key, part)).map(|(_, value)| value.expr()),
        _ => None,
    }
}

fn named(key: &ObjectKey, part: &str) -> bool {
    match key {
        ObjectKey::Ident(name) => name.as_str() == part,
        ObjectKey::Expression(Expression::String(name)) => name.value() == part,
        ObjectKey::Expression(_) => false,
    }
}
