//! Numbers: `abs`, `ceil`, `floor`, `log`, `max`, `min`, `parseint`, `pow`, `signum`, `sum`.

use cofferdam_model::{Number, Value};

use super::arguments::double;
use super::{ANY, Call, Fault, Function};
use crate::convert;

pub(super) const TABLE: &[Function] = &[
    Function::deep("abs", 1, 1, |call| match call.number(0)? {
        Number::Int(value) if value != i64::MIN => Ok(value.abs().into()),
        number => double(number.as_f64().abs()),
    }),
    Function::deep("ceil", 1, 1, |call| round(call, f64::ceil)),
    Function::deep("floor", 1, 1, |call| round(call, f64::floor)),
    Function::deep("log", 2, 2, |call| double(call.number(0)?.as_f64().ln() / call.number(1)?.as_f64().ln())),
    Function::deep("max", 1, ANY, |call| extreme(call, std::cmp::Ordering::Greater)),
    Function::deep("min", 1, ANY, |call| extreme(call, std::cmp::Ordering::Less)),
    Function::deep("parseint", 2, 2, parseint),
    Function::deep("pow", 2, 2, pow),
    Function::deep("signum", 1, 1, |call| {
        let number = call.number(0)?.as_f64();
        Ok(i64::from(number > 0.0).saturating_sub(i64::from(number < 0.0)).into())
    }),
    Function::deep("sum", 1, 1, sum),
];

fn round(call: &Call<'_>, round: fn(f64) -> f64) -> Result<Value, Fault> {
    match call.number(0)? {
        Number::Int(value) => Ok(value.into()),
        Number::Float(value) => double(round(value)),
    }
}

fn extreme(call: &Call<'_>, wanted: std::cmp::Ordering) -> Result<Value, Fault> {
    let mut best = call.number(0)?;
    for index in 1..call.args.len() {
        let number = call.number(index)?;
        if number.partial_cmp(&best) == Some(wanted) {
            best = number;
        }
    }
    Ok(best.into())
}

fn pow(call: &Call<'_>) -> Result<Value, Fault> {
    let (base, exponent) = (call.number(0)?, call.number(1)?);
    if let (Number::Int(base), Number::Int(exponent)) = (base, exponent)
        && let Some(result) = u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent))
    {
        return Ok(result.into());
    }
    double(base.as_f64().powf(exponent.as_f64()))
}

fn sum(call: &Call<'_>) -> Result<Value, Fault> {
    let items = call.list(0)?;
    if items.is_empty() {
        return Err(Fault::of(0, "the list is empty"));
    }
    let mut exact = Some(0_i64);
    let mut rough = 0.0;
    for item in items {
        let number = convert::to_number(item).map_err(|text| Fault::of(0, text))?;
        exact = exact.zip(number.as_i64()).and_then(|(sum, value)| sum.checked_add(value));
        rough += number.as_f64();
    }
    exact.map_or_else(|| double(rough), |sum| Ok(sum.into()))
}

/// Digits beyond `9` are `a` to `z`, then `A` to `Z`; up to base 36 case does not matter.
fn parseint(call: &Call<'_>) -> Result<Value, Fault> {
    let (text, base) = (call.text(0)?, call.integer(1)?);
    if !(2..=62).contains(&base) {
        return Err(Fault::of(1, "the base is between 2 and 62"));
    }
    let no_number = || Fault::of(0, format!("`{}` is no number of base {base}", crate::findings::quoted(&text)));
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let mut value: i64 = 0;
    for digit in digits.bytes() {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'z' => digit - b'a' + 10,
            b'A'..=b'Z' if base <= 36 => digit - b'A' + 10,
            b'A'..=b'Z' => digit - b'A' + 36,
            _ => return Err(no_number()),
        };
        let digit = i64::from(digit);
        if digit >= base {
            return Err(no_number());
        }
        let grown = value
            .checked_mul(base)
            .and_then(|value| if negative { value.checked_sub(digit) } else { value.checked_add(digit) });
        value = grown.ok_or_else(|| Fault::of(0, "the number has more than 64 bits"))?;
    }
    if digits.is_empty() { Err(no_number()) } else { Ok(value.into()) }
}
