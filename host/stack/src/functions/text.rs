//! Text.

use cofferdam_model::Value;
use regex::Regex;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{ANY, Call, Fault, Function};
use crate::eval::bounds::{MAX_ITEMS, MAX_STRING_BYTES};

/// The most memory that a compiled regular expression takes.
const MAX_REGEX_BYTES: usize = 1024 * 1024;

pub(super) const TABLE: &[Function] = &[
    Function::deep("chomp", 1, 1, |call| Ok(Value::string(call.text(0)?.trim_end_matches(['\r', '\n'])))),
    Function::deep("endswith", 2, 2, |call| Ok(call.text(0)?.ends_with(&*call.text(1)?).into())),
    Function::deep("indent", 2, 2, indent),
    Function::deep("join", 2, ANY, join),
    Function::deep("lower", 1, 1, |call| {
        let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
        Ok(Value::string(call.text(0)?.chars().map(lower).collect::<String>()))
    }),
    Function::deep("regex", 2, 2, |call| {
        let (pattern, text) = (pattern(&call.text(0)?, 0)?, call.text(1)?);
        let found = pattern.captures(&text).ok_or_else(|| Fault::of(1, "the pattern matches nothing"))?;
        Ok(captured(&pattern, &found))
    }),
    Function::deep("regexall", 2, 2, |call| {
        let (pattern, text) = (pattern(&call.text(0)?, 0)?, call.text(1)?);
        bounded(pattern.captures_iter(&text).map(|found| captured(&pattern, &found)))
    }),
    Function::deep("replace", 3, 3, replace),
    Function::deep("split", 2, 2, split),
    Function::deep("startswith", 2, 2, |call| Ok(call.text(0)?.starts_with(&*call.text(1)?).into())),
    Function::deep("strcontains", 2, 2, |call| Ok(call.text(0)?.contains(&*call.text(1)?).into())),
    Function::deep("strrev", 1, 1, |call| Ok(Value::string(call.text(0)?.graphemes(true).rev().collect::<String>()))),
    Function::deep("substr", 3, 3, substr),
    Function::deep("title", 1, 1, title),
    Function::deep("trim", 2, 2, |call| {
        let set = call.text(1)?;
        Ok(Value::string(call.text(0)?.trim_matches(|c| set.contains(c))))
    }),
    Function::deep("trimprefix", 2, 2, |call| {
        let text = call.text(0)?;
        Ok(Value::string(text.strip_prefix(&*call.text(1)?).unwrap_or(&text)))
    }),
    Function::deep("trimspace", 1, 1, |call| Ok(Value::string(call.text(0)?.trim()))),
    Function::deep("trimsuffix", 2, 2, |call| {
        let text = call.text(0)?;
        Ok(Value::string(text.strip_suffix(&*call.text(1)?).unwrap_or(&text)))
    }),
    Function::deep("upper", 1, 1, |call| Ok(Value::string(call.text(0)?.chars().map(upper).collect::<String>()))),
];

/// Refuses a text that would get too long, before it is made.
pub(super) fn room(bytes: usize) -> Result<(), Fault> {
    if bytes > MAX_STRING_BYTES {
        return Err(Fault::new(format!("the text gets longer than {MAX_STRING_BYTES} bytes")));
    }
    Ok(())
}

fn bounded(items: impl Iterator<Item = Value>) -> Result<Value, Fault> {
    let items: Vec<Value> = items.take(MAX_ITEMS + 1).collect();
    if items.len() > MAX_ITEMS {
        return Err(Fault::new(format!("the list gets more than {MAX_ITEMS} elements")));
    }
    Ok(Value::list(items))
}

/// Every line but the first.
fn indent(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text(1)?;
    let width = usize::try_from(call.integer(0)?).map_err(|_| Fault::of(0, "the width is not negative"))?;
    room(text.matches('\n').count().saturating_mul(width).saturating_add(text.len()))?;
    Ok(Value::string(text.replace('\n', &format!("\n{}", " ".repeat(width.min(MAX_STRING_BYTES))))))
}

fn join(call: &Call<'_>) -> Result<Value, Fault> {
    let separator = call.text(0)?;
    let mut parts = Vec::new();
    for index in 1..call.args.len() {
        parts.extend(call.texts(index)?);
    }
    let length = parts.iter().map(|part| part.len() + separator.len()).fold(0_usize, usize::saturating_add);
    room(length.saturating_sub(separator.len()))?;
    Ok(Value::string(parts.join(&*separator)))
}

fn pattern(text: &str, argument: usize) -> Result<Regex, Fault> {
    let built = regex::RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build();
    built.map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Fault::of(argument, format!("the pattern is no regular expression: {reason}"))
    })
}

/// The whole match; with unnamed groups a list of them, with named ones an object.
fn captured(pattern: &Regex, found: &regex::Captures<'_>) -> Value {
    let text = |group: Option<regex::Match<'_>>| group.map_or_else(Value::null, |group| Value::string(group.as_str()));
    let named: std::collections::BTreeMap<String, Value> =
        pattern.capture_names().flatten().map(|name| (name.to_owned(), text(found.name(name)))).collect();
    if !named.is_empty() {
        return Value::object(named);
    }
    if found.len() > 1 {
        return Value::list(found.iter().skip(1).map(text).collect());
    }
    text(found.get(0))
}

/// A text between slashes is a regular expression; `$1` and `${name}` stand for its groups then.
fn replace(call: &Call<'_>) -> Result<Value, Fault> {
    let (text, old, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let Some(inner) = old.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) else {
        let count = text.matches(&*old).count();
        room(count.saturating_mul(new.len()).saturating_add(text.len()))?;
        return Ok(Value::string(text.replace(&*old, &new)));
    };
    let pattern = pattern(inner, 1)?;
    let groups = new.matches('$').count();
    let mut out = String::new();
    let mut end = 0;
    for found in pattern.captures_iter(&text) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(text.get(end..whole.start()).unwrap_or_default());
        end = whole.end();
        let most = whole.len().saturating_mul(groups).saturating_add(new.len());
        room(out.len().saturating_add(most))?;
        found.expand(&new, &mut out);
    }
    out.push_str(text.get(end..).unwrap_or_default());
    Ok(Value::string(out))
}

/// An empty separator splits into characters.
fn split(call: &Call<'_>) -> Result<Value, Fault> {
    let (separator, text) = (call.text(0)?, call.text(1)?);
    if separator.is_empty() {
        return bounded(text.graphemes(true).map(Value::from));
    }
    bounded(text.split(&*separator).map(Value::from))
}

/// Counts characters as people do. A negative offset counts from the end; length -1 means the rest.
fn substr(call: &Call<'_>) -> Result<Value, Fault> {
    let (text, offset, length) = (call.text(0)?, call.integer(1)?, call.integer(2)?);
    let total = i64::try_from(text.graphemes(true).count()).unwrap_or(i64::MAX);
    let from = if offset < 0 { total.saturating_add(offset).max(0) } else { offset };
    let take = if length < 0 { usize::MAX } else { usize::try_from(length).unwrap_or(usize::MAX) };
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    Ok(Value::string(text.graphemes(true).skip(from).take(take).collect::<String>()))
}

/// One character for one, as in Go: `ß` stays.
fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

/// The first letter of each word in upper case.
fn title(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.push(c);
        } else {
            out.push(upper(c));
        }
        inside = c.is_alphanumeric() || c == '_' || !(c.is_ascii() || c.is_whitespace());
    }
    Ok(Value::string(out))
}
