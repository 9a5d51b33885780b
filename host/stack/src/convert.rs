//! Conversions between text, numbers and booleans by OpenTofu's rules. Messages tell kinds, never values.

use std::sync::Arc;

use cofferdam_model::{Data, Number, Value};

/// The longest text that is read as a number.
const MAX_NUMBER_BYTES: usize = 400;

/// A value's kind for a message.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value.data() {
        Data::Null => "null",
        Data::Unknown => "a value known after deploy",
        Data::Bool(_) => "a bool",
        Data::Number(_) => "a number",
        Data::String(_) => "a string",
        Data::List(_) => "a list",
        Data::Object(_) => "an object",
    }
}

/// The text of a string, a number or a bool.
pub(crate) fn to_string(value: &Value) -> Result<Arc<str>, String> {
    match value.data() {
        Data::String(text) => Ok(Arc::clone(text)),
        Data::Number(number) => Ok(number.to_string().into()),
        Data::Bool(flag) => Ok(if *flag { "true" } else { "false" }.into()),
        _ => Err(format!("a string is required, and this is {}", kind(value))),
    }
}

/// The number that a number or a string holds.
pub(crate) fn to_number(value: &Value) -> Result<Number, String> {
    match value.data() {
        Data::Number(number) => Ok(*number),
        Data::String(text) => {
            parse_number(text).ok_or_else(|| "a number is required, and this is a string that holds none".to_owned())
        }
        _ => Err(format!("a number is required, and this is {}", kind(value))),
    }
}

/// The truth value that a bool or a string holds.
pub(crate) fn to_bool(value: &Value) -> Result<bool, String> {
    match value.data() {
        Data::Bool(flag) => Ok(*flag),
        Data::String(text) => match &**text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("a bool is required, and this is a string other than `true` and `false`".to_owned()),
        },
        _ => Err(format!("a bool is required, and this is {}", kind(value))),
    }
}

/// A number in decimal notation.
pub(crate) fn parse_number(text: &str) -> Option<Number> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if text.len() > MAX_NUMBER_BYTES || !text.chars().all(plain) || !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    text.parse::<i64>().map(Number::Int).ok().or_else(|| Number::from_f64(text.parse().ok()?))
}

/// A number of the syntax tree.
pub(crate) fn literal(number: &hcl_edit::Number) -> Option<Number> {
    number.as_i64().map(Number::Int).or_else(|| Number::from_f64(number.as_f64()?))
}

/// Values of one kind, where text, numbers and booleans are mixed: text then, as in a list of OpenTofu.
pub(crate) fn unify(items: &[Value]) -> Vec<Value> {
    let scalar = |value: &Value| matches!(value.data(), Data::String(_) | Data::Number(_) | Data::Bool(_));
    let mut kinds = items.iter().filter(|item| scalar(item)).map(|item| std::mem::discriminant(item.data()));
    let first = kinds.next();
    if kinds.all(|kind| Some(kind) == first) {
        return items.to_vec();
    }
    let texts = items.iter().map(|item| match to_string(item) {
        Ok(text) => Value::string(text).with_secret(item.is_secret()),
        Err(_) => item.clone(),
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal() {
        assert_eq!(parse_number("1.5"), Number::from_f64(1.5));
        assert_eq!(parse_number("9007199254740993"), Some(Number::Int(9_007_199_254_740_993)));
        for text in ["", "0x10", "inf", "NaN", "1_000", " 1", "e"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn mixed_scalars_become_text() {
        let unified = unify(&[1.into(), "a".into(), true.into()]);
        assert_eq!(unified, ["1".into(), "a".into(), Value::from("true")]);
    }
}
