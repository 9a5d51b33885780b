//! Evaluates expressions over the syntax tree as the parser left it. Unknown and secret marks flow through everything;
//! every failure is reported at its place, and what does not depend on it is still evaluated.

pub(crate) mod bounds;
mod call;
mod collections;
mod operators;
mod scope;
mod template;
mod traversal;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use cofferdam_model::program::Known;
use cofferdam_model::{Address, Diagnostic, Value};
use hcl_edit::Span;
use hcl_edit::expr::Expression;

use self::bounds::{MAX_STEPS, MAX_VALUE_DEPTH};
pub(crate) use self::scope::{LocalState, Scope};
use crate::convert;
use crate::findings::Findings;
use crate::references::Reference;
use crate::source::span;

/// An expression has no value; why has been reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed;

/// Nothing is known yet.
pub(crate) struct NothingKnown;

impl Known for NothingKnown {
    fn resource(&self, _address: &Address) -> Option<&Value> {
        None
    }
}

/// A value that a `for` expression gives a name.
pub(crate) struct Binding<'a> {
    name: &'a str,
    value: Value,
    outer: Option<&'a Binding<'a>>,
}

/// Where an expression stands: its file, and the names that are bound around it.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) file: &'a Arc<str>,
    bindings: Option<&'a Binding<'a>>,
}

impl<'a> Frame<'a> {
    /// Outside of every `for`.
    pub(crate) fn new(file: &'a Arc<str>) -> Self {
        Self { file, bindings: None }
    }

    fn within<'b>(&self, binding: &'b Binding<'b>) -> Frame<'b>
    where
        'a: 'b,
    {
        Frame { file: self.file, bindings: Some(binding) }
    }

    fn bound(&self, name: &str) -> Option<&'a Value> {
        let mut next = self.bindings;
        while let Some(binding) = next {
            if binding.name == name {
                return Some(&binding.value);
            }
            next = binding.outer;
        }
        None
    }
}

/// One run of evaluation: what is known, what has been computed, what went wrong.
pub(crate) struct Evaluator<'s> {
    scope: &'s Scope,
    known: &'s dyn Known,
    // The locals that depend on resources, each evaluated once; none where it failed.
    locals: RefCell<HashMap<usize, Option<Value>>>,
    findings: RefCell<Findings>,
    steps: Cell<u64>,
    // Whether anything secret has been read: what fails has no value that would carry the mark.
    read_secret: Cell<bool>,
}

impl<'s> Evaluator<'s> {
    pub(crate) fn new(scope: &'s Scope, known: &'s dyn Known) -> Self {
        Self {
            scope,
            known,
            locals: RefCell::default(),
            findings: RefCell::default(),
            steps: Cell::new(MAX_STEPS),
            read_secret: Cell::new(false),
        }
    }

    /// What has been reported.
    pub(crate) fn into_findings(self) -> Findings {
        self.findings.into_inner()
    }

    /// Everything that has been reported since the last call.
    pub(crate) fn take_findings(&self) -> Findings {
        self.findings.take()
    }

    /// Evaluates the locals that some references need, before the expressions that refer to them: a chain of locals
    /// costs no recursion, and a failed local is reported even where `try` would hide it.
    pub(crate) fn prepare(&self, references: &[Reference]) {
        self.prepare_locals(self.scope.graph.locals_of(references));
    }

    /// Evaluates every local.
    pub(crate) fn prepare_all(&self) {
        self.prepare_locals(self.scope.graph.local_order.iter().copied());
    }

    fn prepare_locals(&self, order: impl IntoIterator<Item = usize>) {
        for index in order {
            let dynamic = matches!(self.scope.locals.get(index), Some(LocalState::Dynamic));
            if dynamic && !self.locals.borrow().contains_key(&index) {
                let value = self.local(index);
                self.locals.borrow_mut().insert(index, value);
            }
        }
    }

    /// Evaluates one local.
    pub(crate) fn local(&self, index: usize) -> Option<Value> {
        let local = self.scope.declarations.locals.get(index)?;
        self.whole(&local.value, Frame::new(&local.place.file)).ok()
    }

    /// Evaluates an expression that stands by itself, and checks that its value is within the bounds.
    pub(crate) fn whole(&self, expression: &Expression, frame: Frame<'_>) -> Result<Value, Failed> {
        self.steps.set(MAX_STEPS);
        let value = self.eval(expression, frame)?;
        match bounds::scan_to(&value, MAX_VALUE_DEPTH) {
            Ok(_) => Ok(value),
            Err(excess) => Err(self.fail(frame, range(expression), excess.to_string(), None)),
        }
    }

    /// Evaluates an expression. Its depth is bounded by the parser.
    pub(crate) fn eval(&self, expression: &Expression, frame: Frame<'_>) -> Result<Value, Failed> {
        self.spend(1, expression, frame)?;
        let result = match expression {
            Expression::Null(_) => Ok(Value::null()),
            Expression::Bool(flag) => Ok((*flag.value()).into()),
            Expression::Number(number) => match convert::literal(number.value()) {
                Some(number) => Ok(number.into()),
                None => Err(self.fail(frame, range(expression), "the number is too large", None)),
            },
            Expression::String(text) => Ok(Value::string(text.value().as_str())),
            Expression::Array(items) => self.array(items, frame),
            Expression::Object(object) => self.object(object, frame),
            Expression::StringTemplate(template) => self.quoted_template(template, frame),
            Expression::HeredocTemplate(heredoc) => self.heredoc(&heredoc.template, frame),
            Expression::Parenthesis(inner) => self.eval(inner.inner(), frame),
            // A bare name that nothing binds has been refused by the walk.
            Expression::Variable(name) => frame.bound(name.as_str()).cloned().ok_or(Failed),
            Expression::Conditional(conditional) => self.conditional(conditional, frame),
            Expression::FuncCall(call) => self.call(call, frame),
            Expression::Traversal(traversal) => self.traversal(traversal, frame),
            Expression::UnaryOp(operation) => self.unary(operation, frame),
            Expression::BinaryOp(operation) => self.binary(operation, frame),
            Expression::ForExpr(expression) => self.for_expression(expression, frame),
        };
        self.saw(result.as_ref().is_ok_and(Value::is_secret));
        result
    }

    /// Remembers that something was read, and whether it was secret.
    fn saw(&self, secret: bool) {
        self.read_secret.set(self.read_secret.get() || secret);
    }

    fn spend(&self, steps: u64, expression: &Expression, frame: Frame<'_>) -> Result<(), Failed> {
        match self.steps.get().checked_sub(steps) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => {
                let summary = format!("this takes more than {MAX_STEPS} steps to evaluate");
                Err(self.fail(frame, range(expression), summary, None))
            }
        }
    }

    /// Reports a failure at a place.
    pub(crate) fn fail(
        &self,
        frame: Frame<'_>,
        at: Range<usize>,
        summary: impl Into<String>,
        hint: Option<String>,
    ) -> Failed {
        let mut diagnostic = Diagnostic::error(summary).with_span(Some(span(frame.file, at)));
        diagnostic.hint = hint;
        self.findings.borrow_mut().push(diagnostic);
        Failed
    }

    /// Runs something whose failures are not reported.
    fn quietly<T>(&self, run: impl FnOnce() -> T) -> T {
        let before = self.findings.take();
        let result = run();
        self.findings.replace(before);
        result
    }

    /// The same; also says whether it read anything secret.
    fn watched<T>(&self, run: impl FnOnce() -> T) -> (T, bool) {
        let before = self.read_secret.replace(false);
        let result = self.quietly(run);
        let secret = self.read_secret.get();
        self.saw(before);
        (result, secret)
    }
}

/// The range of an expression in its file.
pub(crate) fn range(expression: &Expression) -> Range<usize> {
    expression.span().unwrap_or_default()
}
