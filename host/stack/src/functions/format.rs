//! `format` and `formatlist`: the verbs of Go's `fmt` as OpenTofu has them.

use cofferdam_model::{Data, Number, Value};

use super::text::room;
use super::{ANY, Call, Fault, Function, encoding};
use crate::convert;

/// The widest field and the most digits.
const MAX_WIDTH: usize = 1024;

pub(super) const TABLE: &[Function] = &[
    Function::deep("format", 1, ANY, |call| {
        format(&call.text(0)?, call.args.get(1..).unwrap_or_default()).map(Value::string)
    })
    .nullable(),
    Function::deep("formatlist", 1, ANY, format_list).nullable(),
];

/// One call of `format` for each element of the lists; what is no list stands in every call.
fn format_list(call: &Call<'_>) -> Result<Value, Fault> {
    let template = call.text(0)?;
    let arguments = call.args.get(1..).unwrap_or_default();
    let mut lengths = arguments.iter().filter_map(Value::as_list).map(<[Value]>::len);
    let length = lengths.next().unwrap_or(1);
    if lengths.any(|other| other != length) {
        return Err(Fault::new("the lists are of different lengths"));
    }
    let mut total = 0_usize;
    let mut out = Vec::new();
    for index in 0..length {
        let row =
            arguments.iter().map(|value| value.as_list().map_or_else(|| value.clone(), |items| items[index].clone()));
        let text = format(&template, &row.collect::<Vec<_>>())?;
        total = total.saturating_add(text.len());
        room(total)?;
        out.push(Value::string(text));
    }
    Ok(Value::list(out))
}

/// What stands between `%` and the verb.
#[derive(Default)]
struct Spec {
    flags: String,
    width: Option<usize>,
    precision: Option<usize>,
}

impl Spec {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }
}

fn format(template: &str, arguments: &[Value]) -> Result<String, Fault> {
    let mut out = String::new();
    let mut next = 0;
    let mut used = 0;
    let mut indexed = false;
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '0' | '#')) {
            spec.flags.push(flag);
        }
        spec.width = digits(&mut chars)?;
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = Some(digits(&mut chars)?.unwrap_or(0));
        }
        if chars.next_if_eq(&'[').is_some() {
            let index = digits(&mut chars)?.filter(|index| *index > 0);
            let (Some(index), Some(_)) = (index, chars.next_if_eq(&']')) else {
                return Err(Fault::of(0, "an argument's index is written `%[1]s`"));
            };
            next = index - 1;
            indexed = true;
        }
        let Some(verb) = chars.next() else { return Err(Fault::of(0, "the format ends within a verb")) };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = arguments.get(next) else {
            return Err(Fault::of(0, format!("there is no argument for `%{verb}`")));
        };
        let text = write(verb, &spec, value).map_err(|text| Fault::of(next + 1, text))?;
        room(out.len().saturating_add(text.len()).saturating_add(MAX_WIDTH))?;
        out.push_str(&pad(text, &spec, verb));
        next += 1;
        used = used.max(next);
    }
    if used < arguments.len() && !indexed {
        return Err(Fault::new(format!("there are {} arguments, and the format uses {used}", arguments.len())));
    }
    Ok(out)
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, Fault> {
    let mut found = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        let value = found.unwrap_or(0_usize) * 10 + digit as usize;
        if value > MAX_WIDTH {
            return Err(Fault::of(0, format!("a width is at most {MAX_WIDTH}")));
        }
        found = Some(value);
    }
    Ok(found)
}

fn write(verb: char, spec: &Spec, value: &Value) -> Result<String, String> {
    if value.is_null() {
        return match verb {
            'v' => Ok("null".into()),
            _ => Err(format!("`%{verb}` cannot show null")),
        };
    }
    match verb {
        'v' if spec.has('#') => json(value),
        'v' => match value.data() {
            Data::String(text) => Ok(cut(text, spec)),
            Data::Number(Number::Float(number)) if spec.precision.is_some() => Ok(float('f', *number, spec)),
            _ => json(value),
        },
        's' => convert::to_string(value).map(|text| cut(&text, spec)),
        'q' => json(&Value::string(cut(&convert::to_string(value)?, spec))),
        't' => convert::to_bool(value).map(|flag| flag.to_string()),
        'd' | 'b' | 'o' | 'x' | 'X' | 'c' => whole(verb, convert::to_number(value)?, spec),
        'e' | 'E' | 'f' | 'g' | 'G' => Ok(float(verb, convert::to_number(value)?.as_f64(), spec)),
        _ => Err(format!("there is no verb `%{}`", crate::findings::quoted(&verb.to_string()))),
    }
}

fn json(value: &Value) -> Result<String, String> {
    encoding::json(value).map_err(|fault| fault.text)
}

fn cut(text: &str, spec: &Spec) -> String {
    spec.precision.map_or_else(|| text.to_owned(), |most| text.chars().take(most).collect())
}

fn signed(text: String, negative: bool, spec: &Spec) -> String {
    match (negative, spec.has('+'), spec.has(' ')) {
        (true, ..) => format!("-{text}"),
        (_, true, _) => format!("+{text}"),
        (_, _, true) => format!(" {text}"),
        _ => text,
    }
}

fn whole(verb: char, number: Number, spec: &Spec) -> Result<String, String> {
    let value = number.as_i64().ok_or_else(|| "a whole number of 64 bits is required".to_owned())?;
    let size = value.unsigned_abs();
    let text = match verb {
        'b' => format!("{size:b}"),
        'o' => format!("{size:o}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        'c' => {
            let c = u32::try_from(value).ok().and_then(char::from_u32);
            return c.map(String::from).ok_or_else(|| "the number is no character".to_owned());
        }
        _ => size.to_string(),
    };
    Ok(signed(text, value < 0, spec))
}

fn float(verb: char, value: f64, spec: &Spec) -> String {
    let size = value.abs();
    let text = match verb {
        'f' => format!("{size:.*}", spec.precision.unwrap_or(6)),
        'e' | 'E' => exponent(size, spec.precision.or(Some(6))),
        _ => general(size, spec.precision),
    };
    let text = if verb.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text };
    signed(text, value < 0.0, spec)
}

/// `1.5e+07`: a sign and at least two digits.
fn exponent(size: f64, precision: Option<usize>) -> String {
    let text = precision.map_or_else(|| format!("{size:e}"), |precision| format!("{size:.precision$e}"));
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// The shortest text; an exponent below 10⁻⁴ and from 10⁶, or from the precision, on.
fn general(size: f64, precision: Option<usize>) -> String {
    if size == 0.0 {
        return "0".into();
    }
    let rounded = match precision {
        Some(precision) => format!("{size:.*e}", precision.max(1) - 1).parse().unwrap_or(size),
        None => size,
    };
    let magnitude = rounded.log10().floor();
    #[expect(clippy::cast_precision_loss, reason = "at most `MAX_WIDTH`")]
    let limit = precision.map_or(6.0, |precision| precision.max(1) as f64);
    if magnitude < -4.0 || magnitude >= limit { exponent(rounded, None) } else { rounded.to_string() }
}

fn pad(text: String, spec: &Spec, verb: char) -> String {
    let length = text.chars().count();
    let Some(missing) = spec.width.and_then(|width| width.checked_sub(length)).filter(|missing| *missing > 0) else {
        return text;
    };
    if spec.has('-') {
        return text + &" ".repeat(missing);
    }
    if spec.has('0') && verb != 's' && verb != 'v' && verb != 'q' {
        let sign = text.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(0);
        return format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..]);
    }
    " ".repeat(missing) + &text
}
