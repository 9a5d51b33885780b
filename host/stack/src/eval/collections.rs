//! Lists, objects and `for` expressions.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use cofferdam_model::{Data, Value};
use hcl_edit::expr::{Array, Expression, ForExpr, Object, ObjectKey};

use super::{Binding, Evaluator, Failed, Frame, range};
use crate::convert;
use crate::findings::quoted;

/// What a `for` expression has made so far.
#[derive(Default)]
struct Made {
    list: Vec<Value>,
    object: BTreeMap<String, Value>,
    groups: BTreeMap<String, Vec<Value>>,
    secret: bool,
    unknown: bool,
}

impl Evaluator<'_> {
    pub(super) fn array(&self, items: &Array, frame: Frame<'_>) -> Result<Value, Failed> {
        let mut failed = None;
        let mut values = Vec::with_capacity(items.len());
        for item in items.iter() {
            match self.eval(item, frame) {
                Ok(value) => values.push(value),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or_else(|| Ok(Value::list(values)), Err)
    }

    pub(super) fn object(&self, object: &Object, frame: Frame<'_>) -> Result<Value, Failed> {
        let mut failed = None;
        let mut made = Made::default();
        for (key, value) in object.iter() {
            let name = match key {
                ObjectKey::Ident(name) => Ok(Some(name.as_str().to_owned())),
                ObjectKey::Expression(key) => self.object_key(key, frame).map(|key| self.key(&key, &mut made)),
            };
            let value = self.eval(value.expr(), frame);
            match (name, value) {
                (Ok(Some(name)), Ok(value)) => {
                    if made.object.contains_key(&name) {
                        let at = hcl_edit::Span::span(key).unwrap_or_default();
                        let summary = if made.secret {
                            "a key is set twice".into()
                        } else {
                            format!("the key `{}` is set twice", quoted(&name))
                        };
                        failed = Some(self.fail(frame, at, summary, None));
                    }
                    made.object.insert(name, value);
                }
                (Ok(None), Ok(_)) => made.unknown = true,
                (Err(error), _) | (_, Err(error)) => failed = Some(error),
            }
        }
        failed.map_or_else(
            || {
                let value = if made.unknown { Value::unknown() } else { Value::object(made.object) };
                Ok(value.with_secret(made.secret))
            },
            Err,
        )
    }

    fn object_key(&self, key: &Expression, frame: Frame<'_>) -> Result<Value, Failed> {
        if matches!(key, Expression::Traversal(_)) {
            let hint = "put it in parentheses: `(var.name) = …`";
            return Err(self.fail(frame, range(key), "a reference as a key stands in parentheses", Some(hint.into())));
        }
        let value = self.eval(key, frame)?;
        self.checked_key(value, key, frame)
    }

    fn checked_key(&self, value: Value, key: &Expression, frame: Frame<'_>) -> Result<Value, Failed> {
        match value.data() {
            Data::Unknown | Data::String(_) | Data::Number(_) | Data::Bool(_) => Ok(value),
            _ => {
                let summary = format!("a key is a string, and this is {}", convert::kind(&value));
                Err(self.fail(frame, range(key), summary, None))
            }
        }
    }

    /// The text of a key; none where it is unknown.
    fn key(&self, value: &Value, made: &mut Made) -> Option<String> {
        made.secret |= value.is_secret();
        convert::to_string(value).ok().map(|text| text.to_string())
    }

    /// What a `for` iterates over: keys and values; none where it is unknown.
    pub(super) fn entries(
        &self,
        collection: &Value,
        expression: &Expression,
        frame: Frame<'_>,
    ) -> Result<Option<Vec<(Value, Value)>>, Failed> {
        let secret = collection.is_secret();
        match collection.data() {
            Data::Unknown => Ok(None),
            Data::List(items) => {
                let entry = |(index, item): (usize, &Value)| {
                    (Value::from(i64::try_from(index).unwrap_or(i64::MAX)), item.clone().with_secret(secret))
                };
                Ok(Some(items.iter().enumerate().map(entry).collect()))
            }
            Data::Object(entries) => {
                let entry = |(key, item): (&String, &Value)| {
                    (Value::string(key.as_str()).with_secret(secret), item.clone().with_secret(secret))
                };
                Ok(Some(entries.iter().map(entry).collect()))
            }
            _ => {
                let summary = format!("`for` goes over a list or an object, and this is {}", convert::kind(collection));
                Err(self.fail(frame, range(expression), summary, None))
            }
        }
    }

    pub(super) fn for_expression(&self, expression: &ForExpr, frame: Frame<'_>) -> Result<Value, Failed> {
        let intro = &expression.intro;
        let collection = self.eval(&intro.collection_expr, frame)?;
        let mut made = Made { secret: collection.is_secret(), ..Made::default() };
        let Some(entries) = self.entries(&collection, &intro.collection_expr, frame)? else {
            return Ok(Value::unknown().with_secret(made.secret));
        };
        for (key, value) in entries {
            let value = Binding { name: intro.value_var.as_str(), value, outer: frame.bindings };
            match &intro.key_var {
                Some(name) => {
                    let key = Binding { name: name.as_str(), value: key, outer: Some(&value) };
                    self.iteration(expression, &mut made, frame.within(&key))?;
                }
                None => self.iteration(expression, &mut made, frame.within(&value))?,
            }
        }
        let value = if made.unknown {
            Value::unknown()
        } else if expression.key_expr.is_none() {
            Value::list(made.list)
        } else if expression.grouping {
            Value::object(made.groups.into_iter().map(|(key, group)| (key, Value::list(group))).collect())
        } else {
            Value::object(made.object)
        };
        Ok(value.with_secret(made.secret))
    }

    fn iteration(&self, expression: &ForExpr, made: &mut Made, frame: Frame<'_>) -> Result<(), Failed> {
        if let Some(condition) = &expression.cond {
            let value = self.eval(&condition.expr, frame)?;
            made.secret |= value.is_secret();
            match self.truth(&value, &condition.expr, frame)? {
                Some(true) => {}
                Some(false) => return Ok(()),
                None => {
                    made.unknown = true;
                    return Ok(());
                }
            }
        }
        let Some(key) = &expression.key_expr else {
            let value = self.eval(&expression.value_expr, frame)?;
            made.list.push(value);
            return Ok(());
        };
        let name = self.eval(key, frame).and_then(|value| self.checked_key(value, key, frame))?;
        let value = self.eval(&expression.value_expr, frame)?;
        let Some(name) = self.key(&name, made) else {
            made.unknown = true;
            return Ok(());
        };
        if expression.grouping {
            made.groups.entry(name).or_default().push(value);
            return Ok(());
        }
        match made.object.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(entry) => {
                let summary = if made.secret {
                    "two elements give the same key".into()
                } else {
                    format!("two elements give the key `{}`", quoted(entry.key()))
                };
                let hint = "to collect them in lists, write `...` after the value";
                return Err(self.fail(frame, range(key), summary, Some(hint.into())));
            }
        }
        Ok(())
    }
}
