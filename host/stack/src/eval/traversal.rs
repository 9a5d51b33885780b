//! References and what follows them: attributes, indices and splats.

use cofferdam_model::{Data, Value};
use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use hcl_edit::{Decorated, Span};

use super::{Evaluator, Failed, Frame, LocalState, range};
use crate::convert;
use crate::findings::{quoted, suggestion};
use crate::references::MAX_SPLATS;

type Operators = [Decorated<TraversalOperator>];

impl Evaluator<'_> {
    pub(super) fn traversal(&self, traversal: &Traversal, frame: Frame<'_>) -> Result<Value, Failed> {
        let operators = traversal.operators.as_slice();
        let is_splat = |operator: &&Decorated<TraversalOperator>| {
            matches!(operator.value(), TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_))
        };
        if operators.iter().filter(is_splat).count() > MAX_SPLATS {
            return Err(Failed);
        }
        let Expression::Variable(root) = &traversal.expr else {
            let value = self.eval(&traversal.expr, frame)?;
            return self.follow(value, operators, frame);
        };
        if let Some(value) = frame.bound(root.as_str()) {
            return self.follow(value.clone(), operators, frame);
        }
        // What the walk has refused fails here in silence: it has been reported.
        let [first, rest @ ..] = operators else { return Err(Failed) };
        let TraversalOperator::GetAttr(name) = first.value() else { return Err(Failed) };
        let (root, name) = (root.as_str(), name.as_str());
        let scope = self.scope;
        let value = match root {
            "var" => scope.variables.get(name).cloned().flatten().ok_or(Failed)?,
            "local" => self.local_value(name)?,
            "stack" if name == "name" => scope.stack_name.clone(),
            "stack" if name == "stage" => scope.stage.clone(),
            "path" if name == "stack" => Value::from("."),
            _ => {
                let index = scope.declarations.resource(root, name).ok_or(Failed)?;
                let resource = scope.declarations.resources.get(index).ok_or(Failed)?;
                let Some(known) = self.known.resource(&resource.address) else { return Ok(Value::unknown()) };
                // The object itself is not cloned, only the part that is asked for.
                return match rest {
                    [] => Ok(known.clone()),
                    [first, after @ ..] => {
                        let part = self.operator(known, first, Some(&resource.address), frame);
                        match part {
                            Some(part) => self.follow(part?, after, frame),
                            None => self.follow(known.clone(), rest, frame),
                        }
                    }
                };
            }
        };
        self.follow(value, rest, frame)
    }

    fn local_value(&self, name: &str) -> Result<Value, Failed> {
        let index = *self.scope.declarations.local_index.get(name).ok_or(Failed)?;
        match self.scope.locals.get(index) {
            Some(LocalState::Constant(value)) => Ok(value.clone()),
            Some(LocalState::Dynamic) => match self.locals.borrow().get(&index) {
                Some(value) => value.clone().ok_or(Failed),
                // Where constants are asked for nobody has prepared it: it depends on resources.
                None => Ok(Value::unknown()),
            },
            _ => Err(Failed),
        }
    }

    /// Applies the operators one after the other; a splat takes those after it with it.
    fn follow(&self, mut value: Value, operators: &Operators, frame: Frame<'_>) -> Result<Value, Failed> {
        let mut rest = operators;
        while let [operator, after @ ..] = rest {
            if let Some(part) = self.operator(&value, operator, None, frame) {
                value = part?;
                rest = after;
                continue;
            }
            // `.*` reaches over the attributes that follow, `[*]` over everything.
            let attributes =
                after.iter().take_while(|next| matches!(next.value(), TraversalOperator::GetAttr(_))).count();
            let reach = match operator.value() {
                TraversalOperator::AttrSplat(_) => attributes,
                _ => after.len(),
            };
            let (inner, outer) = after.split_at(reach.min(after.len()));
            value = self.splat(&value, inner, frame)?;
            rest = outer;
        }
        Ok(value)
    }

    fn splat(&self, value: &Value, inner: &Operators, frame: Frame<'_>) -> Result<Value, Failed> {
        let secret = value.is_secret();
        let list = match value.data() {
            Data::Unknown => return Ok(value.clone()),
            Data::Null => Value::list(Vec::new()),
            Data::List(items) => {
                let items = items.iter().map(|item| self.follow(item.clone().with_secret(secret), inner, frame));
                Value::list(items.collect::<Result<_, _>>()?)
            }
            _ => Value::list(vec![self.follow(value.clone(), inner, frame)?]),
        };
        Ok(list.with_secret(secret))
    }

    /// One operator; none for a splat. The address is that of the resource whose object the value is.
    fn operator(
        &self,
        value: &Value,
        operator: &Decorated<TraversalOperator>,
        address: Option<&cofferdam_model::Address>,
        frame: Frame<'_>,
    ) -> Option<Result<Value, Failed>> {
        let at = operator.span().unwrap_or_default();
        self.saw(value.is_secret());
        match operator.value() {
            TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => None,
            TraversalOperator::GetAttr(name) => {
                let at = name.span().unwrap_or(at);
                Some(attribute(value, name.as_str(), address).map_err(|(text, hint)| self.fail(frame, at, text, hint)))
            }
            TraversalOperator::LegacyIndex(number) => {
                let key = Value::from(i64::try_from(*number.value()).unwrap_or(i64::MAX));
                Some(index(value, &key).map_err(|(text, hint)| self.fail(frame, at, text, hint)))
            }
            TraversalOperator::Index(expression) => Some(self.eval(expression, frame).and_then(|key| {
                index(value, &key).map_err(|(text, hint)| self.fail(frame, range(expression), text, hint))
            })),
        }
    }
}

type Refusal = (String, Option<String>);

/// The attribute of an object.
fn attribute(value: &Value, name: &str, of: Option<&cofferdam_model::Address>) -> Result<Value, Refusal> {
    if let Some(part) = value.as_object().and_then(|_| value.part(name)) {
        return Ok(part);
    }
    let name = quoted(name);
    match value.data() {
        Data::Unknown => Ok(value.clone()),
        Data::Object(entries) => {
            let what = of.map_or_else(|| "the object".to_owned(), |address| format!("`{address}`"));
            let hint = if value.is_secret() { None } else { suggestion(&name, entries.keys().map(String::as_str)) };
            Err((format!("{what} has no attribute `{name}`"), hint))
        }
        Data::List(_) => {
            let hint = format!("write `[0].{name}` for one element, `[*].{name}` for all");
            Err((format!("a list has no attribute `{name}`"), Some(hint)))
        }
        _ => Err((format!("{} has no attribute `{name}`", convert::kind(value)), None)),
    }
}

/// The element of a list or the entry of an object.
fn index(value: &Value, key: &Value) -> Result<Value, Refusal> {
    let secret = value.is_secret() || key.is_secret();
    if value.is_unknown() || key.is_unknown() {
        return Ok(Value::unknown().with_secret(secret));
    }
    let found = match value.data() {
        Data::List(items) => {
            let number = convert::to_number(key).map_err(|_| {
                (format!("the index of a list is a whole number, and this is {}", convert::kind(key)), None)
            })?;
            let at = number.as_i64().and_then(|number| usize::try_from(number).ok());
            at.and_then(|at| items.get(at)).cloned().ok_or_else(|| {
                if secret {
                    return ("the index is out of range".to_owned(), None);
                }
                (format!("index {number} is out of range: the list has {} elements", items.len()), None)
            })
        }
        Data::Object(entries) => {
            let text = convert::to_string(key)
                .map_err(|_| (format!("the key of an object is a string, and this is {}", convert::kind(key)), None))?;
            entries.get(&*text).cloned().ok_or_else(|| {
                if secret {
                    return ("the object has no such key".to_owned(), None);
                }
                let hint = suggestion(&text, entries.keys().map(String::as_str));
                (format!("the object has no key `{}`", quoted(&text)), hint)
            })
        }
        _ => Err((format!("{} has no elements", convert::kind(value)), None)),
    };
    found.map(|value| value.with_secret(secret))
}
