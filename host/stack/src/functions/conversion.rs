//! Conversions: `tobool`, `tolist`, `tomap`, `tonumber`, `toset`, `tostring`.

use cofferdam_model::{Data, Value};

use super::{Call, Fault, Function};
use crate::convert;
use crate::types::into_set;

pub(super) const TABLE: &[Function] = &[
    Function::deep("tobool", 1, 1, |call| scalar(call, |value| convert::to_bool(value).map(Value::from))).nullable(),
    Function::shallow("tolist", 1, 1, |call| nullable(call, |call| Ok(Value::list(convert::unify(call.list(0)?)))))
        .nullable(),
    Function::shallow("tomap", 1, 1, |call| nullable(call, to_map)).nullable(),
    Function::deep("tonumber", 1, 1, |call| scalar(call, |value| convert::to_number(value).map(Value::from)))
        .nullable(),
    Function::deep("toset", 1, 1, |call| {
        nullable(call, |call| Ok(Value::list(into_set(convert::unify(call.list(0)?)))))
    })
    .nullable(),
    Function::deep("tostring", 1, 1, |call| scalar(call, |value| convert::to_string(value).map(Value::string)))
        .nullable(),
];

fn scalar(call: &Call<'_>, convert: fn(&Value) -> Result<Value, String>) -> Result<Value, Fault> {
    nullable(call, |call| convert(call.value(0)).map_err(|text| Fault::of(0, text)))
}

fn nullable(call: &Call<'_>, convert: impl Fn(&Call<'_>) -> Result<Value, Fault>) -> Result<Value, Fault> {
    if call.value(0).is_null() { Ok(Value::null()) } else { convert(call) }
}

fn to_map(call: &Call<'_>) -> Result<Value, Fault> {
    let entries = call.object(0)?;
    let values: Vec<Value> = entries.values().cloned().collect();
    let unified = convert::unify(&values);
    let scalar = |value: &Value| matches!(value.data(), Data::String(_) | Data::Number(_) | Data::Bool(_));
    let mixed = unified.iter().any(scalar)
        && unified.iter().any(|value| value.as_list().is_some() || value.as_object().is_some());
    if mixed {
        return Err(Fault::of(0, "the values of a map are of one type"));
    }
    Ok(Value::object(entries.keys().cloned().zip(unified).collect()))
}
