//! Lists and maps.

use std::collections::BTreeMap;

use cofferdam_model::{Data, Value};
use unicode_segmentation::UnicodeSegmentation as _;

use super::arguments::count;
use super::{ANY, Call, Fault, Function};
use crate::convert;
use crate::eval::bounds::MAX_ITEMS;
use crate::findings::quoted;

pub(super) const TABLE: &[Function] = &[
    Function::deep("alltrue", 1, 1, |call| all(call, true)),
    Function::deep("anytrue", 1, 1, |call| Ok((all(call, false)? == Value::from(false)).into())),
    Function::own("coalesce", 1, ANY, coalesce),
    Function::own("coalescelist", 1, ANY, coalesce_list),
    Function::deep("compact", 1, 1, |call| {
        let keep = |item: &&Value| !item.is_null() && item.as_str() != Some("");
        Ok(Value::list(call.list(0)?.iter().filter(keep).cloned().collect()))
    }),
    Function::shallow("concat", 1, ANY, concat),
    Function::deep("contains", 2, 2, |call| Ok(call.list(0)?.iter().any(|item| item.same(call.value(1))).into()))
        .nullable(),
    Function::deep("distinct", 1, 1, distinct),
    Function::shallow("element", 2, 2, element),
    Function::shallow("flatten", 1, 1, |call| {
        let mut out = Vec::new();
        let known = flatten(call.list(0)?, false, &mut out)?;
        Ok(if known { Value::list(out) } else { Value::unknown() })
    }),
    Function::deep("index", 2, 2, |call| {
        let found = call.list(0)?.iter().position(|item| item.same(call.value(1)));
        found.map(count).ok_or_else(|| Fault::of(1, "the list does not hold this value"))
    }),
    Function::shallow("keys", 1, 1, |call| {
        Ok(Value::list(call.object(0)?.keys().map(|key| Value::string(key.as_str())).collect()))
    }),
    Function::shallow("length", 1, 1, |call| match call.value(0).data() {
        Data::List(items) => Ok(count(items.len())),
        Data::Object(entries) => Ok(count(entries.len())),
        Data::String(text) => Ok(count(text.graphemes(true).count())),
        _ => Err(Fault::of(
            0,
            format!("a string, a list or an object has a length, and this is {}", convert::kind(call.value(0))),
        )),
    }),
    Function::own("lookup", 2, 3, lookup),
    Function::shallow("merge", 0, ANY, merge).nullable(),
    Function::shallow("one", 1, 1, |call| match call.list(0)? {
        [] => Ok(Value::null()),
        [only] => Ok(only.clone()),
        items => Err(Fault::of(0, format!("the list has {} elements, and at most one is expected", items.len()))),
    }),
    Function::deep("range", 1, 3, range),
    Function::shallow("reverse", 1, 1, |call| Ok(Value::list(call.list(0)?.iter().rev().cloned().collect()))),
    Function::shallow("slice", 3, 3, slice),
    Function::deep("sort", 1, 1, |call| {
        let mut texts = call.texts(0)?;
        texts.sort();
        Ok(Value::list(texts.into_iter().map(Value::string).collect()))
    }),
    Function::shallow("values", 1, 1, |call| Ok(Value::list(call.object(0)?.values().cloned().collect()))),
    Function::shallow("zipmap", 2, 2, zipmap),
];

/// For `true`: whether all are true. For `false`: whether none is.
fn all(call: &Call<'_>, wanted: bool) -> Result<Value, Fault> {
    for item in call.list(0)? {
        let truth = !item.is_null() && convert::to_bool(item).map_err(|text| Fault::of(0, text))?;
        if truth != wanted {
            return Ok(false.into());
        }
    }
    Ok(true.into())
}

fn coalesce(call: &Call<'_>) -> Result<Value, Fault> {
    let mut secret = false;
    for value in call.args {
        secret |= value.is_secret();
        if value.is_unknown() {
            return Ok(Value::unknown().with_secret(secret));
        }
        if value.is_null() || value.as_str() == Some("") {
            continue;
        }
        let scalar = matches!(value.data(), Data::Number(_) | Data::Bool(_));
        let beside_text = call.args.iter().any(|other| other.as_str().is_some());
        let value = match convert::to_string(value) {
            Ok(text) if scalar && beside_text => Value::string(text),
            _ => value.clone(),
        };
        return Ok(value.with_secret(secret));
    }
    Err(Fault::new("every argument is null or empty"))
}

fn coalesce_list(call: &Call<'_>) -> Result<Value, Fault> {
    let mut secret = false;
    for (index, value) in call.args.iter().enumerate() {
        secret |= value.is_secret();
        match value.data() {
            Data::Unknown => return Ok(Value::unknown().with_secret(secret)),
            Data::Null => {}
            Data::List(items) if items.is_empty() => {}
            Data::List(_) => return Ok(value.clone().with_secret(secret)),
            _ => return Err(Fault::of(index, format!("a list is required, and this is {}", convert::kind(value)))),
        }
    }
    Err(Fault::new("every list is null or empty"))
}

fn concat(call: &Call<'_>) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for index in 0..call.args.len() {
        let items = call.list(index)?;
        room(out.len() + items.len())?;
        out.extend_from_slice(items);
    }
    Ok(Value::list(out))
}

fn room(items: usize) -> Result<(), Fault> {
    if items > MAX_ITEMS {
        return Err(Fault::new(format!("the list gets more than {MAX_ITEMS} elements")));
    }
    Ok(())
}

fn distinct(call: &Call<'_>) -> Result<Value, Fault> {
    let items = call.list(0)?;
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|a, b| crate::types::order(&items[*a], &items[*b]).then(a.cmp(b)));
    order.dedup_by(|b, a| items[*a].same(&items[*b]));
    order.sort_unstable();
    Ok(Value::list(order.into_iter().map(|index| items[index].clone()).collect()))
}

/// Wraps around the end.
fn element(call: &Call<'_>) -> Result<Value, Fault> {
    let items = call.list(0)?;
    let index = usize::try_from(call.integer(1)?).map_err(|_| Fault::of(1, "an index is not negative"))?;
    let at = index.checked_rem(items.len()).ok_or_else(|| Fault::of(0, "the list is empty"))?;
    Ok(items.get(at).cloned().unwrap_or_else(Value::null))
}

/// False where an element is unknown: it might be a list.
fn flatten(items: &[Value], secret: bool, out: &mut Vec<Value>) -> Result<bool, Fault> {
    let mut known = true;
    for item in items {
        let secret = secret || item.is_secret();
        match item.data() {
            Data::List(inner) => known &= flatten(inner, secret, out)?,
            Data::Unknown => known = false,
            _ => {
                room(out.len() + 1)?;
                out.push(item.clone().with_secret(secret));
            }
        }
    }
    Ok(known)
}

fn lookup(call: &Call<'_>) -> Result<Value, Fault> {
    let (map, key) = (call.value(0), call.value(1));
    let secret = map.is_secret() || key.is_secret();
    if map.is_unknown() || key.is_unknown() {
        return Ok(Value::unknown().with_secret(secret));
    }
    let key = call.text(1)?;
    let found = match (call.object(0)?.get(&*key), call.args.get(2)) {
        (Some(value), _) | (None, Some(value)) => value.clone(),
        (None, None) => return Err(Fault::of(1, format!("the object has no key `{}`", quoted(&key)))),
    };
    Ok(found.with_secret(secret))
}

fn merge(call: &Call<'_>) -> Result<Value, Fault> {
    let mut out = BTreeMap::new();
    for index in 0..call.args.len() {
        if call.value(index).is_null() {
            continue;
        }
        out.extend(call.object(index)?.iter().map(|(key, value)| (key.clone(), value.clone())));
        room(out.len())?;
    }
    Ok(Value::object(out))
}

fn range(call: &Call<'_>) -> Result<Value, Fault> {
    let (start, limit) = match call.args.len() {
        1 => (0.into(), call.number(0)?),
        _ => (call.number(0)?, call.number(1)?),
    };
    let (from, to) = (start.as_f64(), limit.as_f64());
    let step = match call.optional(2) {
        Some(_) => call.number(2)?,
        None if from > to => (-1).into(),
        None => 1.into(),
    };
    let by = step.as_f64();
    if by == 0.0 || (to - from) * by < 0.0 {
        return Err(Fault::new("the step leads away from the limit"));
    }
    let steps = ((to - from) / by).ceil();
    #[expect(clippy::cast_precision_loss, reason = "the bound is far below 2⁵³")]
    let most = MAX_ITEMS as f64;
    if steps > most {
        return Err(Fault::new(format!("the list gets more than {MAX_ITEMS} elements")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the bound")]
    let steps = steps as u32;
    let exact = start.as_i64().zip(step.as_i64());
    let item = |index: u32| match exact {
        Some((start, step)) => Ok(start.saturating_add(step.saturating_mul(i64::from(index))).into()),
        None => super::arguments::double(from + by * f64::from(index)),
    };
    Ok(Value::list((0..steps).map(item).collect::<Result<_, _>>()?))
}

fn slice(call: &Call<'_>) -> Result<Value, Fault> {
    let items = call.list(0)?;
    let at = |index| usize::try_from(call.integer(index)?).map_err(|_| Fault::of(index, "an index is not negative"));
    let (from, to) = (at(1)?, at(2)?);
    let part = items
        .get(from..to)
        .ok_or_else(|| Fault::of(2, format!("{from} to {to} is no part of a list of {} elements", items.len())))?;
    Ok(Value::list(part.to_vec()))
}

fn zipmap(call: &Call<'_>) -> Result<Value, Fault> {
    let (keys, values) = (call.list(0)?, call.list(1)?);
    if keys.len() != values.len() {
        return Err(Fault::new(format!("there are {} keys and {} values", keys.len(), values.len())));
    }
    let secret = keys.iter().any(Value::is_secret);
    if keys.iter().any(Value::is_unknown) {
        return Ok(Value::unknown().with_secret(secret));
    }
    let entries = call.texts(0)?.into_iter().map(|key| key.to_string()).zip(values.iter().cloned());
    Ok(Value::object(entries.collect()).with_secret(secret))
}
