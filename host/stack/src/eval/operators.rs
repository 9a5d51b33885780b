//! Conditionals and operators. Text is converted as OpenTofu does: `"1" + 1` is 2, `"true" && true` is true.

use std::cmp::Ordering;

use cofferdam_model::{Data, Number, Value};
use hcl_edit::expr::{BinaryOp, BinaryOperator, Conditional, Expression, UnaryOp, UnaryOperator};

use super::bounds::scan;
use super::{Evaluator, Failed, Frame, range};
use crate::convert;

impl Evaluator<'_> {
    pub(super) fn conditional(&self, conditional: &Conditional, frame: Frame<'_>) -> Result<Value, Failed> {
        let condition = self.eval(&conditional.cond_expr, frame)?;
        let secret = condition.is_secret();
        let Some(truth) = self.truth(&condition, &conditional.cond_expr, frame)? else {
            return Ok(Value::unknown().with_secret(secret));
        };
        let (chosen, other) = if truth {
            (&conditional.true_expr, &conditional.false_expr)
        } else {
            (&conditional.false_expr, &conditional.true_expr)
        };
        let mut value = self.eval(chosen, frame)?;
        // Both branches are of one type: a number or a bool becomes text beside text.
        if matches!(value.data(), Data::Number(_) | Data::Bool(_)) {
            let other = self.quietly(|| self.eval(other, frame));
            if other.is_ok_and(|other| other.as_str().is_some()) {
                let marked = value.is_secret();
                value = convert::to_string(&value).map(Value::string).map_err(|_| Failed)?.with_secret(marked);
            }
        }
        Ok(value.with_secret(secret))
    }

    /// A condition as a truth value; none where it is unknown.
    pub(super) fn truth(
        &self,
        value: &Value,
        expression: &Expression,
        frame: Frame<'_>,
    ) -> Result<Option<bool>, Failed> {
        if value.is_unknown() {
            return Ok(None);
        }
        convert::to_bool(value).map(Some).map_err(|text| self.fail(frame, range(expression), text, None))
    }

    fn number(&self, value: &Value, expression: &Expression, frame: Frame<'_>) -> Result<Option<Number>, Failed> {
        if value.is_unknown() {
            return Ok(None);
        }
        convert::to_number(value).map(Some).map_err(|text| self.fail(frame, range(expression), text, None))
    }

    pub(super) fn unary(&self, operation: &UnaryOp, frame: Frame<'_>) -> Result<Value, Failed> {
        let operand = self.eval(&operation.expr, frame)?;
        let value = match operation.operator.value() {
            UnaryOperator::Not => self.truth(&operand, &operation.expr, frame)?.map(|truth| Value::from(!truth)),
            UnaryOperator::Neg => self.number(&operand, &operation.expr, frame)?.map(|number| negate(number).into()),
        };
        Ok(value.unwrap_or_else(Value::unknown).with_secret(operand.is_secret()))
    }

    pub(super) fn binary(&self, operation: &BinaryOp, frame: Frame<'_>) -> Result<Value, Failed> {
        let left = self.eval(&operation.lhs_expr, frame)?;
        let operator = *operation.operator.value();
        if matches!(operator, BinaryOperator::And | BinaryOperator::Or) {
            return self.logic(operation, operator, &left, frame);
        }
        let right = self.eval(&operation.rhs_expr, frame)?;
        let at = operation.operator.clone();
        if matches!(operator, BinaryOperator::Eq | BinaryOperator::NotEq) {
            let equal = self.equal(&left, &right, operation, frame)?;
            let negated = operator == BinaryOperator::NotEq;
            let value = equal.0.map_or_else(Value::unknown, |equal| (equal != negated).into());
            return Ok(value.with_secret(equal.1));
        }
        let a = self.number(&left, &operation.lhs_expr, frame);
        let b = self.number(&right, &operation.rhs_expr, frame);
        let secret = left.is_secret() || right.is_secret();
        let (Some(a), Some(b)) = (a?, b?) else { return Ok(Value::unknown().with_secret(secret)) };
        let value = match operator {
            BinaryOperator::Less => Ok((a < b).into()),
            BinaryOperator::LessEq => Ok((a <= b).into()),
            BinaryOperator::Greater => Ok((a > b).into()),
            BinaryOperator::GreaterEq => Ok((a >= b).into()),
            _ => arithmetic(operator, a, b).map(Value::from),
        };
        match value {
            Ok(value) => Ok(value.with_secret(secret)),
            Err(text) => {
                let at = hcl_edit::Span::span(&at).unwrap_or_else(|| range(&operation.rhs_expr));
                Err(self.fail(frame, at, text, None))
            }
        }
    }

    /// The right side counts only where the left one does not decide.
    fn logic(
        &self,
        operation: &BinaryOp,
        operator: BinaryOperator,
        left: &Value,
        frame: Frame<'_>,
    ) -> Result<Value, Failed> {
        let decides = operator == BinaryOperator::Or;
        let first = self.truth(left, &operation.lhs_expr, frame)?;
        if first == Some(decides) {
            return Ok(Value::from(decides).with_secret(left.is_secret()));
        }
        let right = self.eval(&operation.rhs_expr, frame)?;
        let second = self.truth(&right, &operation.rhs_expr, frame)?;
        let value = match (first, second) {
            (_, Some(second)) if second == decides => Value::from(decides),
            (Some(_), Some(second)) => second.into(),
            _ => Value::unknown(),
        };
        Ok(value.with_secret(left.is_secret() || right.is_secret()))
    }

    /// Whether two values are equal (none: not known yet), and whether the answer is secret.
    fn equal(
        &self,
        left: &Value,
        right: &Value,
        operation: &BinaryOp,
        frame: Frame<'_>,
    ) -> Result<(Option<bool>, bool), Failed> {
        let own = left.is_secret() || right.is_secret();
        if left.is_null() || right.is_null() {
            // Being null tells nothing of the parts.
            let known = !left.is_unknown() && !right.is_unknown();
            return Ok((known.then(|| left.is_null() && right.is_null()), own));
        }
        let scan = |value, expression| {
            scan(value).map_err(|error| self.fail(frame, range(expression), error.to_string(), None))
        };
        let secret = scan(left, &operation.lhs_expr)?.secret | scan(right, &operation.rhs_expr)?.secret;
        Ok((compare(left, right), secret))
    }
}

/// Whether two values are equal; none where unknown parts decide.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<bool> {
    let all = |results: &mut dyn Iterator<Item = Option<bool>>| {
        let mut known = true;
        for result in results {
            match result {
                Some(false) => return Some(false),
                Some(true) => {}
                None => known = false,
            }
        }
        known.then_some(true)
    };
    match (a.data(), b.data()) {
        (Data::Unknown, _) | (_, Data::Unknown) => None,
        (Data::List(a), Data::List(b)) if a.len() == b.len() => {
            all(&mut a.iter().zip(b.iter()).map(|(a, b)| compare(a, b)))
        }
        (Data::Object(a), Data::Object(b)) if a.len() == b.len() && a.keys().eq(b.keys()) => {
            all(&mut a.values().zip(b.values()).map(|(a, b)| compare(a, b)))
        }
        (Data::List(_), Data::List(_)) | (Data::Object(_), Data::Object(_)) => Some(false),
        (a, b) => Some(a == b),
    }
}

fn negate(number: Number) -> Number {
    match number {
        Number::Int(value) => value.checked_neg().map_or(Number::Float(-number.as_f64()), Number::Int),
        Number::Float(value) => Number::Float(-value),
    }
}

/// Exact on whole numbers of 64 bits, doubles beyond.
fn arithmetic(operator: BinaryOperator, a: Number, b: Number) -> Result<Number, String> {
    let zero = b.partial_cmp(&Number::Int(0)) == Some(Ordering::Equal);
    if zero && matches!(operator, BinaryOperator::Div | BinaryOperator::Mod) {
        return Err("this divides by zero".into());
    }
    let exact = match (a, b) {
        (Number::Int(a), Number::Int(b)) => match operator {
            BinaryOperator::Plus => a.checked_add(b),
            BinaryOperator::Minus => a.checked_sub(b),
            BinaryOperator::Mul => a.checked_mul(b),
            BinaryOperator::Div => a.checked_rem(b).filter(|rest| *rest == 0).and_then(|_| a.checked_div(b)),
            BinaryOperator::Mod => a.checked_rem(b),
            _ => None,
        },
        _ => None,
    };
    if let Some(exact) = exact {
        return Ok(Number::Int(exact));
    }
    let (a, b) = (a.as_f64(), b.as_f64());
    let result = match operator {
        BinaryOperator::Plus => a + b,
        BinaryOperator::Minus => a - b,
        BinaryOperator::Mul => a * b,
        BinaryOperator::Div => a / b,
        _ => a % b,
    };
    Number::from_f64(result).ok_or_else(|| "the result is too large for a number".into())
}
