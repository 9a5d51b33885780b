//! Bounds on evaluation: steps, sizes and depth, so that no expression hangs the host or overflows its stack.

use cofferdam_model::pointer::MAX_DEPTH;
use cofferdam_model::{Data, Value};

/// The most steps that the expressions of one block may take; a step is about one value made.
pub(crate) const MAX_STEPS: u64 = 10_000_000;
/// The longest text that an expression may make, in bytes.
pub(crate) const MAX_STRING_BYTES: usize = 16 * 1024 * 1024;
/// The most elements of one list or object.
pub(crate) const MAX_ITEMS: usize = 1_000_000;
/// The most values inside of one value. Shared parts count as often as they occur.
const MAX_VALUES: usize = 1_000_000;
/// The deepest value inside of one expression: what comes in is at most `MAX_DEPTH` deep, and so is the expression.
const MAX_INNER_DEPTH: usize = 4 * MAX_DEPTH;
/// The deepest value of an attribute, so that the document around it keeps to the depth of the contract.
pub(crate) const MAX_VALUE_DEPTH: usize = MAX_DEPTH - 1;

/// What a value holds anywhere in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scan {
    pub(crate) unknown: bool,
    pub(crate) secret: bool,
}

/// Why a value is refused.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum Excess {
    #[error("the value holds more than {MAX_VALUES} values")]
    Values,
    #[error("the value is nested more than {MAX_VALUE_DEPTH} levels deep")]
    Depth,
}

/// Looks at every part of a value, as far as the bounds go.
pub(crate) fn scan(value: &Value) -> Result<Scan, Excess> {
    scan_to(value, MAX_INNER_DEPTH)
}

/// Looks at every part of a value that leaves its expression.
pub(crate) fn scan_to(value: &Value, depth: usize) -> Result<Scan, Excess> {
    let mut found = Scan::default();
    let mut left = MAX_VALUES;
    walk(value, depth, &mut left, &mut found)?;
    Ok(found)
}

fn walk(value: &Value, depth: usize, left: &mut usize, found: &mut Scan) -> Result<(), Excess> {
    *left = left.checked_sub(1).ok_or(Excess::Values)?;
    found.secret |= value.is_secret();
    match value.data() {
        Data::Unknown => found.unknown = true,
        Data::List(items) => {
            let depth = depth.checked_sub(1).ok_or(Excess::Depth)?;
            items.iter().try_for_each(|item| walk(item, depth, left, found))?;
        }
        Data::Object(entries) => {
            let depth = depth.checked_sub(1).ok_or(Excess::Depth)?;
            entries.values().try_for_each(|item| walk(item, depth, left, found))?;
        }
        Data::Null | Data::Bool(_) | Data::Number(_) | Data::String(_) => {}
    }
    Ok(())
}
