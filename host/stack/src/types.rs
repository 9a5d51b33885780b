//! Type constraints of variables: `string`, `list(string)`, `object({ … })` and the like, and the conversion of values
//! to them by OpenTofu's rules.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use cofferdam_model::{Data, Value};
use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey};

use crate::convert;
use crate::findings::suggestion;

/// A type constraint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Any,
    String,
    Number,
    Bool,
    List(Box<Type>),
    /// Values sorted, each once.
    Set(Box<Type>),
    Map(Box<Type>),
    Object(BTreeMap<String, Field>),
    Tuple(Vec<Type>),
}

/// An attribute of an object type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    ty: Type,
    /// What stands for a missing one; none where it must be there.
    default: Option<Value>,
}

/// A type that cannot be read: where, and why.
pub(crate) struct TypeError {
    pub(crate) range: Range<usize>,
    pub(crate) summary: String,
    pub(crate) hint: Option<String>,
}

/// A value that does not fit. Never tells the value.
#[derive(Debug)]
pub(crate) struct Mismatch {
    path: String,
    text: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.text) } else { write!(f, "at `{}`: {}", self.path, self.text) }
    }
}

impl Mismatch {
    fn new(text: impl Into<String>) -> Self {
        Self { path: String::new(), text: text.into() }
    }

    fn under(mut self, step: &str) -> Self {
        self.path.insert_str(0, step);
        self
    }
}

/// How a default inside `optional(…)` is evaluated.
pub(crate) type Constant<'a> = &'a mut dyn FnMut(&Expression) -> Option<Value>;

/// Reads a type constraint.
pub(crate) fn parse(expression: &Expression, constant: Constant<'_>) -> Result<Type, TypeError> {
    let fail = |summary: String, hint: Option<String>| {
        Err(TypeError { range: expression.span().unwrap_or_default(), summary, hint })
    };
    match expression {
        Expression::Parenthesis(inner) => parse(inner.inner(), constant),
        Expression::Variable(name) => match name.as_str() {
            "any" => Ok(Type::Any),
            "string" => Ok(Type::String),
            "number" => Ok(Type::Number),
            "bool" => Ok(Type::Bool),
            "list" | "set" | "map" => fail(
                format!("`{0}` needs the type of its elements", name.as_str()),
                Some(format!("write `{}(string)`", name.as_str())),
            ),
            other => {
                let known = ["any", "string", "number", "bool", "list", "set", "map", "object", "tuple"];
                fail(format!("there is no type `{other}`"), suggestion(other, known))
            }
        },
        Expression::FuncCall(call) => parse_call(call, constant),
        Expression::String(text) => fail(
            "a type is written without quotes".into(),
            Some(format!("write `type = {}`", crate::findings::quoted(text.value()))),
        ),
        _ => fail("this is no type".into(), Some("write `type = string`".into())),
    }
}

fn parse_call(call: &FuncCall, constant: Constant<'_>) -> Result<Type, TypeError> {
    let name = call.name.name.as_str();
    let range = call.name.name.span().unwrap_or_default();
    let fail = |summary: String, hint: &str| Err(TypeError { range: range.clone(), summary, hint: Some(hint.into()) });
    let arguments: Vec<&Expression> = call.args.iter().collect();
    match (name, arguments.as_slice()) {
        ("list", [inner]) => Ok(Type::List(Box::new(parse(inner, constant)?))),
        ("set", [inner]) => Ok(Type::Set(Box::new(parse(inner, constant)?))),
        ("map", [inner]) => Ok(Type::Map(Box::new(parse(inner, constant)?))),
        ("tuple", [Expression::Array(items)]) => {
            Ok(Type::Tuple(items.iter().map(|item| parse(item, constant)).collect::<Result<_, _>>()?))
        }
        ("object", [Expression::Object(object)]) => {
            let mut fields = BTreeMap::new();
            for (key, value) in object.iter() {
                let name = match key {
                    ObjectKey::Ident(name) => name.as_str().to_owned(),
                    ObjectKey::Expression(Expression::String(name)) => name.value().clone(),
                    ObjectKey::Expression(_) => {
                        return fail("an attribute's name is plain".into(), "write `name = string`");
                    }
                };
                fields.insert(name, parse_field(value.expr(), constant)?);
            }
            Ok(Type::Object(fields))
        }
        ("optional", _) => {
            fail("`optional` stands inside of `object({ … })` alone".into(), "write `object({ a = optional(string) })`")
        }
        ("tuple", _) => fail("`tuple` takes a list of types".into(), "write `tuple([string, number])`"),
        ("object", _) => fail("`object` takes the types of its attributes".into(), "write `object({ name = string })`"),
        ("list" | "set" | "map", _) => fail(format!("`{name}` takes one type"), "write `list(string)`"),
        _ => fail(
            format!("there is no type `{name}`"),
            "types are any, string, number, bool, list, set, map, object and tuple",
        ),
    }
}

fn parse_field(expression: &Expression, constant: Constant<'_>) -> Result<Field, TypeError> {
    let Expression::FuncCall(call) = expression else {
        return Ok(Field { ty: parse(expression, constant)?, default: None });
    };
    if call.name.name.as_str() != "optional" {
        return Ok(Field { ty: parse(expression, constant)?, default: None });
    }
    let range = call.name.name.span().unwrap_or_default();
    let arguments: Vec<&Expression> = call.args.iter().collect();
    let (ty, default) = match arguments.as_slice() {
        [ty] => (parse(ty, constant)?, Value::null()),
        [ty, default] => {
            let ty = parse(ty, constant)?;
            let value = constant(default).unwrap_or_else(Value::null);
            let value = ty.convert(value).map_err(|error| TypeError {
                range: default.span().unwrap_or_default(),
                summary: format!("the default does not fit its type: {error}"),
                hint: None,
            })?;
            (ty, value)
        }
        _ => {
            let summary = "`optional` takes a type and a default".to_owned();
            return Err(TypeError { range, summary, hint: Some("write `optional(string, \"default\")`".into()) });
        }
    };
    Ok(Field { ty, default: Some(default) })
}

impl Type {
    /// The same value in this type; null and unknown fit every type.
    pub(crate) fn convert(&self, value: Value) -> Result<Value, Mismatch> {
        if value.is_null() || value.is_unknown() || *self == Self::Any {
            return Ok(value);
        }
        let secret = value.is_secret();
        let converted = match self {
            Self::Any => value,
            Self::String => convert::to_string(&value).map(Value::string).map_err(Mismatch::new)?,
            Self::Number => convert::to_number(&value).map(Value::from).map_err(Mismatch::new)?,
            Self::Bool => convert::to_bool(&value).map(Value::from).map_err(Mismatch::new)?,
            Self::List(inner) => Value::list(items(&value, inner)?),
            Self::Set(inner) => Value::list(into_set(items(&value, inner)?)),
            Self::Map(inner) => {
                let entries = value.as_object().ok_or_else(|| wrong("a map", &value))?;
                let converted = entries.iter().map(|(key, entry)| {
                    let converted = inner.convert(entry.clone()).map_err(|error| error.under(&step(key)))?;
                    Ok((key.clone(), converted))
                });
                Value::object(converted.collect::<Result<_, Mismatch>>()?)
            }
            Self::Object(fields) => object(&value, fields)?,
            Self::Tuple(types) => {
                let items = value.as_list().ok_or_else(|| wrong("a tuple", &value))?;
                if items.len() != types.len() {
                    return Err(Mismatch::new(format!(
                        "{} elements are required, and there are {}",
                        types.len(),
                        items.len()
                    )));
                }
                let converted = types.iter().zip(items).enumerate().map(|(index, (ty, item))| {
                    ty.convert(item.clone()).map_err(|error| error.under(&format!("[{index}]")))
                });
                Value::list(converted.collect::<Result<_, _>>()?)
            }
        };
        Ok(converted.with_secret(secret))
    }
}

fn items(value: &Value, inner: &Type) -> Result<Vec<Value>, Mismatch> {
    let items = value.as_list().ok_or_else(|| wrong("a list", value))?;
    let convert = |(index, item): (usize, &Value)| {
        inner.convert(item.clone()).map_err(|error| error.under(&format!("[{index}]")))
    };
    items.iter().enumerate().map(convert).collect()
}

fn object(value: &Value, fields: &BTreeMap<String, Field>) -> Result<Value, Mismatch> {
    let entries = value.as_object().ok_or_else(|| wrong("an object", value))?;
    let mut converted = BTreeMap::new();
    for (name, field) in fields {
        let given = entries.get(name).filter(|given| !(given.is_null() && field.default.is_some()));
        let value = match (given, &field.default) {
            (Some(given), _) => field.ty.convert(given.clone()).map_err(|error| error.under(&step(name)))?,
            (None, Some(default)) => default.clone(),
            (None, None) => return Err(Mismatch::new(format!("the attribute `{name}` is missing"))),
        };
        converted.insert(name.clone(), value);
    }
    Ok(Value::object(converted))
}

fn step(key: &str) -> String {
    format!(".{}", crate::findings::quoted(key))
}

fn wrong(wanted: &str, value: &Value) -> Mismatch {
    Mismatch::new(format!("{wanted} is required, and this is {}", convert::kind(value)))
}

/// Sorted, each value once; unknown values stay.
pub(crate) fn into_set(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by(order);
    items.dedup_by(|b, a| a.same(b) && a.has_secret() == b.has_secret());
    items
}

/// A total order over values: by kind, then by content.
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value.data() {
        Data::Null => 0,
        Data::Bool(_) => 1,
        Data::Number(_) => 2,
        Data::String(_) => 3,
        Data::List(_) => 4,
        Data::Object(_) => 5,
        Data::Unknown => 6,
    };
    match (a.data(), b.data()) {
        (Data::Bool(a), Data::Bool(b)) => a.cmp(b),
        (Data::Number(a), Data::Number(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Data::String(a), Data::String(b)) => a.cmp(b),
        (Data::List(a), Data::List(b)) => {
            let first = a.iter().zip(b.iter()).map(|(a, b)| order(a, b)).find(|found| found.is_ne());
            first.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Data::Object(a), Data::Object(b)) => {
            let pairs = a.iter().zip(b.iter());
            let first =
                pairs.map(|((ka, a), (kb, b))| ka.cmp(kb).then_with(|| order(a, b))).find(|found| found.is_ne());
            first.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}
