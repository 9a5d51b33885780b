//! Sets: lists whose elements are sorted and stand once.

use cofferdam_model::Value;

use super::{ANY, Call, Fault, Function};
use crate::convert;
use crate::eval::bounds::MAX_ITEMS;
use crate::types::{into_set, order};

pub(super) const TABLE: &[Function] = &[
    Function::deep("setintersection", 1, ANY, |call| {
        fold(call, |a, b| a.into_iter().filter(|item| holds(&b, item)).collect())
    }),
    Function::deep("setsubtract", 2, 2, |call| {
        fold(call, |a, b| a.into_iter().filter(|item| !holds(&b, item)).collect())
    }),
    Function::deep("setunion", 1, ANY, union),
];

fn sets(call: &Call<'_>) -> Result<Vec<Vec<Value>>, Fault> {
    let mut total = 0;
    let mut all = Vec::new();
    let mut ends = Vec::new();
    for index in 0..call.args.len() {
        let items = call.list(index)?;
        total += items.len();
        if total > MAX_ITEMS {
            return Err(Fault::new(format!("the sets have more than {MAX_ITEMS} elements")));
        }
        all.extend_from_slice(items);
        ends.push(total);
    }
    // One type over all sets, so that `1` and `"1"` meet.
    let unified = convert::unify(&all);
    let mut from = 0;
    let sets = ends.into_iter().map(|end| {
        let set = into_set(unified.get(from..end).unwrap_or_default().to_vec());
        from = end;
        set
    });
    Ok(sets.collect())
}

fn holds(set: &[Value], item: &Value) -> bool {
    set.binary_search_by(|other| order(other, item)).is_ok()
}

fn fold(call: &Call<'_>, step: fn(Vec<Value>, Vec<Value>) -> Vec<Value>) -> Result<Value, Fault> {
    Ok(Value::list(sets(call)?.into_iter().reduce(step).unwrap_or_default()))
}

fn union(call: &Call<'_>) -> Result<Value, Fault> {
    Ok(Value::list(into_set(sets(call)?.concat())))
}
