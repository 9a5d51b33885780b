//! Values that must be known before anything runs: settings, grants, defaults. They may use variables and constant
//! locals, no resource, and nothing secret.

use std::ops::Range;
use std::sync::Arc;

use cofferdam_model::{Data, SourceSpan, Value};
use hcl_edit::expr::Expression;

use crate::convert;
use crate::eval::{Evaluator, Frame, NothingKnown, Scope, bounds, range};
use crate::findings::Findings;
use crate::references::{Allowed, Walk};
use crate::source::span;

/// Reads constants of one file.
pub(crate) struct Constants<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) file: &'a Arc<str>,
    pub(crate) findings: &'a mut Findings,
}

impl Constants<'_> {
    /// A constant's value; none where that failed, which has been reported.
    pub(crate) fn value(&mut self, expression: &Expression, allowed: Allowed) -> Option<Value> {
        let before = self.findings.len();
        let mut suggestions = 0;
        let mut walk = Walk::new(&self.scope.declarations, self.file, allowed, self.findings, &mut suggestions);
        walk.expression(expression);
        drop(walk);
        if self.findings.len() > before {
            return None;
        }
        let evaluator = Evaluator::new(self.scope, &NothingKnown);
        let value = evaluator.whole(expression, Frame::new(self.file)).ok();
        self.findings.absorb(evaluator.into_findings());
        value
    }

    /// A setting's value: wholly known, and nothing in it secret.
    fn setting(&mut self, expression: &Expression) -> Option<Value> {
        let value = self.value(expression, Allowed::Constants)?;
        let found = bounds::scan(&value).ok()?;
        if found.unknown {
            self.error(expression, "this is known only after deploy, and must be known before", None);
            return None;
        }
        if found.secret {
            self.error(expression, "this setting is shown to people and cannot be secret", None);
            return None;
        }
        Some(value)
    }

    /// A text.
    pub(crate) fn text(&mut self, expression: &Expression) -> Option<String> {
        let value = self.setting(expression)?;
        if value.as_str().is_none() {
            self.error(expression, &format!("a string is required, and this is {}", convert::kind(&value)), None);
        }
        value.as_str().map(str::to_owned)
    }

    /// A truth value.
    pub(crate) fn flag(&mut self, expression: &Expression) -> Option<bool> {
        let value = self.setting(expression)?;
        if let Data::Bool(flag) = value.data() {
            return Some(*flag);
        }
        self.error(expression, &format!("`true` or `false` is required, and this is {}", convert::kind(&value)), None);
        None
    }

    /// Texts, each with its place.
    pub(crate) fn texts(&mut self, expression: &Expression) -> Vec<(String, Range<usize>)> {
        if let Expression::Array(items) = expression {
            let text = |item| self.text(item).map(|text| (text, range(item)));
            return items.iter().filter_map(text).collect();
        }
        let Some(value) = self.setting(expression) else { return Vec::new() };
        let texts = value.as_list().and_then(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        if texts.is_none() {
            self.error(expression, "a list of strings is required", Some("write `[\"…\"]`"));
        }
        texts.unwrap_or_default().into_iter().map(|text| (text.to_owned(), range(expression))).collect()
    }

    /// Any setting.
    pub(crate) fn any(&mut self, expression: &Expression) -> Option<Value> {
        self.setting(expression)
    }

    pub(crate) fn error(&mut self, at: &Expression, summary: &str, hint: Option<&str>) {
        self.error_at(span(self.file, range(at)), summary, hint);
    }

    pub(crate) fn error_at(&mut self, at: SourceSpan, summary: &str, hint: Option<&str>) {
        match hint {
            Some(hint) => self.findings.error_with_hint(at, summary, hint),
            None => self.findings.error(at, summary),
        }
    }
}
