//! Calls of functions: arguments, marks, bounds; `try` and `can`, which take expressions.

use cofferdam_model::{Data, Value};
use hcl_edit::Span;
use hcl_edit::expr::{Expression, FuncCall};

use super::bounds::{MAX_ITEMS, MAX_STRING_BYTES, Scan, scan};
use super::{Evaluator, Failed, Frame, range};
use crate::convert;
use crate::functions::{self, Call, Function, Reach};

/// Arguments after expansion, with what they say together.
struct Arguments {
    values: Vec<Value>,
    secret: bool,
    unknown: bool,
}

impl Evaluator<'_> {
    pub(super) fn call(&self, call: &FuncCall, frame: Frame<'_>) -> Result<Value, Failed> {
        let name = call.name.name.as_str();
        match name {
            "try" => return self.try_each(call, frame),
            "can" => return self.can(call, frame),
            _ => {}
        }
        // A function that is not there has been reported by the walk.
        let function = functions::find(name).ok_or(Failed)?;
        let mut arguments = self.arguments(call, frame)?;
        if !function.arity.allows(arguments.values.len()) {
            let summary = format!("`{name}` takes {}, and {} are given", function.arity, arguments.values.len());
            return Err(self.fail(frame, name_range(call), summary, None));
        }
        if arguments.unknown {
            return Ok(Value::unknown().with_secret(arguments.secret));
        }
        self.reach(function, &mut arguments, call, frame)?;
        if arguments.unknown {
            return Ok(Value::unknown().with_secret(arguments.secret));
        }
        self.run(function, &arguments, call, frame)
    }

    fn arguments(&self, call: &FuncCall, frame: Frame<'_>) -> Result<Arguments, Failed> {
        let mut failed = None;
        let mut arguments = Arguments { values: Vec::with_capacity(call.args.len()), secret: false, unknown: false };
        for argument in call.args.iter() {
            match self.eval(argument, frame) {
                Ok(value) => arguments.values.push(value),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if call.args.expand_final()
            && let Some(last) = arguments.values.pop()
        {
            arguments.secret |= last.is_secret();
            match last.data() {
                Data::Unknown => arguments.unknown = true,
                Data::List(items) => {
                    arguments.values.extend(items.iter().map(|item| item.clone().with_secret(last.is_secret())));
                }
                _ => {
                    let at = call.args.iter().last().map_or_else(|| name_range(call), range);
                    let summary = format!("`...` expands a list, and this is {}", convert::kind(&last));
                    return Err(self.fail(frame, at, summary, None));
                }
            }
        }
        Ok(arguments)
    }

    /// Looks at the arguments as far as the function does: for unknown and for secret parts.
    fn reach(
        &self,
        function: &Function,
        arguments: &mut Arguments,
        call: &FuncCall,
        frame: Frame<'_>,
    ) -> Result<(), Failed> {
        let mut steps = 1;
        for (index, value) in arguments.values.iter().enumerate() {
            if value.is_null() && !function.nulls {
                // One that `...` took out of a list has been read here first.
                self.saw(value.is_secret());
                let summary = format!("`{}` cannot take null here", function.name);
                return Err(self.fail(frame, argument_range(call, Some(index)), summary, None));
            }
            match function.reach {
                Reach::Own => {}
                Reach::Shallow => {
                    arguments.secret |= value.is_secret();
                    arguments.unknown |= value.is_unknown();
                }
                Reach::Deep => {
                    let found = scan(value).map_err(|error| {
                        self.fail(frame, argument_range(call, Some(index)), error.to_string(), None)
                    })?;
                    arguments.secret |= found.secret;
                    arguments.unknown |= found.unknown;
                }
            }
            steps += cost(value);
        }
        self.pay(steps, call, frame)
    }

    fn run(
        &self,
        function: &Function,
        arguments: &Arguments,
        call: &FuncCall,
        frame: Frame<'_>,
    ) -> Result<Value, Failed> {
        let run = Call { args: &arguments.values, files: &self.scope.files, secrets: &self.scope.secrets };
        let value = match (function.run)(&run) {
            Ok(value) => value.with_secret(arguments.secret),
            Err(fault) => {
                // A message may quote an argument, and a secret is never quoted.
                let secret = arguments.values.iter().any(|value| scan(value).is_ok_and(|found| found.secret));
                self.saw(secret);
                let at = argument_range(call, fault.argument);
                let summary = if secret {
                    format!(
                        "`{}` cannot take these arguments; the reason is left out, because it may tell a secret",
                        function.name
                    )
                } else {
                    format!("`{}`: {}", function.name, fault.text)
                };
                return Err(self.fail(frame, at, summary, fault.hint.filter(|_| !secret)));
            }
        };
        self.saw(value.is_secret());
        let too_large = match value.data() {
            Data::String(text) => text.len() > MAX_STRING_BYTES,
            Data::List(items) => items.len() > MAX_ITEMS,
            Data::Object(entries) => entries.len() > MAX_ITEMS,
            _ => false,
        };
        if too_large {
            let summary = format!("the result of `{}` is too large", function.name);
            return Err(self.fail(frame, name_range(call), summary, None));
        }
        self.pay(cost(&value), call, frame)?;
        Ok(value)
    }

    fn pay(&self, steps: u64, call: &FuncCall, frame: Frame<'_>) -> Result<(), Failed> {
        match self.steps.get().checked_sub(steps) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => Err(self.fail(frame, name_range(call), "this takes too many steps to evaluate", None)),
        }
    }

    /// Whether an expression has a value; unknown where an unknown part of it may still fail. Secret where it fails
    /// on something secret: that tells of it.
    fn can(&self, call: &FuncCall, frame: Frame<'_>) -> Result<Value, Failed> {
        let only = call.args.iter().next().ok_or(Failed)?;
        let (result, read_secret) = self.watched(|| self.eval(only, frame));
        let Ok(value) = result else { return Ok(Value::from(false).with_secret(read_secret)) };
        let found = self.scanned(&value, only, frame)?;
        let answer = if found.unknown { Value::unknown() } else { true.into() };
        Ok(answer.with_secret(found.secret))
    }

    /// The first argument that has a value; unknown where an unknown part of it may still fail. Secret where one
    /// before it fails on something secret: that tells of it.
    fn try_each(&self, call: &FuncCall, frame: Frame<'_>) -> Result<Value, Failed> {
        let count = call.args.len();
        let mut secret = false;
        for (index, argument) in call.args.iter().enumerate() {
            if index + 1 == count {
                return self.eval(argument, frame).map(|value| value.with_secret(secret));
            }
            let (result, read_secret) = self.watched(|| self.eval(argument, frame));
            if let Ok(value) = result {
                let found = self.scanned(&value, argument, frame)?;
                let value = if found.unknown { Value::unknown().with_secret(found.secret) } else { value };
                return Ok(value.with_secret(secret));
            }
            secret |= read_secret;
        }
        Err(Failed)
    }

    fn scanned(&self, value: &Value, argument: &Expression, frame: Frame<'_>) -> Result<Scan, Failed> {
        scan(value).map_err(|excess| self.fail(frame, range(argument), excess.to_string(), None))
    }
}

/// The steps that a value costs.
fn cost(value: &Value) -> u64 {
    let cost = match value.data() {
        Data::String(text) => text.len() / 64,
        Data::List(items) => items.len() / 4,
        Data::Object(entries) => entries.len() / 4,
        _ => 0,
    };
    cost as u64
}

fn name_range(call: &FuncCall) -> std::ops::Range<usize> {
    call.name.name.span().unwrap_or_default()
}

/// The range of an argument; of the last one for those that `...` made.
fn argument_range(call: &FuncCall, argument: Option<usize>) -> std::ops::Range<usize> {
    let found: Option<&Expression> =
        argument.and_then(|index| call.args.iter().nth(index).or_else(|| call.args.iter().last()));
    found.map_or_else(|| name_range(call), range)
}
