//! Encodings: base64, JSON, URLs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_model::{Data, Value, document};

use super::{Call, Fault, Function};
use crate::eval::bounds::MAX_STRING_BYTES;

pub(super) const TABLE: &[Function] = &[
    Function::deep("base64decode", 1, 1, |call| {
        let bytes = STANDARD.decode(call.text(0)?.as_bytes()).map_err(|_| Fault::of(0, "this is no base64"))?;
        let text = String::from_utf8(bytes).map_err(|_| Fault::of(0, "the decoded bytes are no UTF-8 text"))?;
        Ok(Value::string(text))
    }),
    Function::deep("base64encode", 1, 1, |call| Ok(Value::string(STANDARD.encode(call.text(0)?.as_bytes())))),
    Function::deep("jsondecode", 1, 1, |call| {
        document::parse(&call.text(0)?).map_err(|error| Fault::of(0, error.to_string()))
    }),
    Function::deep("jsonencode", 1, 1, |call| json(call.value(0)).map(Value::string)).nullable(),
    Function::deep("urlencode", 1, 1, urlencode),
];

/// JSON as OpenTofu writes it: keys sorted, numbers in decimal, `<`, `>`, `&` and the Unicode line ends escaped.
/// Stops where the text gets too long: parts may be shared, so a small value may have a huge text.
pub(super) fn json(value: &Value) -> Result<String, Fault> {
    let mut out = String::new();
    write_json(value, &mut out)?;
    Ok(out)
}

fn write_json(value: &Value, out: &mut String) -> Result<(), Fault> {
    if out.len() > MAX_STRING_BYTES {
        return Err(Fault::new(format!("the JSON text is longer than {MAX_STRING_BYTES} bytes")));
    }
    match value.data() {
        Data::Null | Data::Unknown => out.push_str("null"),
        Data::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Data::Number(number) => out.push_str(&number.to_string()),
        Data::String(text) => write_json_text(text, out),
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, out)?;
            }
            out.push(']');
        }
        Data::Object(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json_text(key, out);
                out.push(':');
                write_json(item, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_json_text(text: &str, out: &mut String) {
    for c in serde_json::Value::from(text).to_string().chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
}

fn urlencode(call: &Call<'_>) -> Result<Value, Fault> {
    let mut out = String::new();
    for byte in call.text(0)?.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => {
                out.push('%');
                out.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    Ok(Value::string(out))
}
