//! Templates: literals, interpolations, `%{ if }` and `%{ for }`, and the strip markers `~`.

use cofferdam_model::{Data, Value};
use hcl_edit::expr::Expression;
use hcl_edit::template::{Directive, Element, ForDirective, IfDirective, StringTemplate, Strip, Template};

use super::bounds::MAX_STRING_BYTES;
use super::{Binding, Evaluator, Failed, Frame, range};
use crate::convert;

/// What a template has made so far.
#[derive(Default)]
struct Text {
    text: String,
    secret: bool,
    unknown: bool,
}

/// Whether the text around a template asks to strip its first and its last literal.
#[derive(Clone, Copy)]
struct Edges {
    start: bool,
    end: bool,
}

impl Evaluator<'_> {
    pub(super) fn quoted_template(&self, template: &StringTemplate, frame: Frame<'_>) -> Result<Value, Failed> {
        // `"${x}"` is x itself, of whatever kind.
        if let Some(Element::Interpolation(only)) = template.as_single_element() {
            return self.eval(&only.expr, frame);
        }
        self.text_of(template, frame)
    }

    pub(super) fn heredoc(&self, template: &Template, frame: Frame<'_>) -> Result<Value, Failed> {
        self.text_of(template, frame)
    }

    fn text_of(&self, template: &Template, frame: Frame<'_>) -> Result<Value, Failed> {
        let mut out = Text::default();
        self.elements(template, Edges { start: false, end: false }, &mut out, frame)?;
        let value = if out.unknown { Value::unknown() } else { Value::string(out.text) };
        Ok(value.with_secret(out.secret))
    }

    fn elements(&self, template: &Template, edges: Edges, out: &mut Text, frame: Frame<'_>) -> Result<(), Failed> {
        let mut failed = None;
        let mut strip_start = edges.start;
        let mut rest = template.iter().peekable();
        while let Some(element) = rest.next() {
            let strip_end = rest.peek().map_or(edges.end, |next| before(next));
            let result = match element {
                Element::Literal(literal) => {
                    let text = stripped(literal, Edges { start: strip_start, end: strip_end });
                    self.append(text, template, out, frame)
                }
                Element::Interpolation(interpolation) => self
                    .eval(&interpolation.expr, frame)
                    .and_then(|value| self.interpolate(&value, &interpolation.expr, template, out, frame)),
                Element::Directive(directive) => match &**directive {
                    Directive::If(directive) => self.if_directive(directive, out, frame),
                    Directive::For(directive) => self.for_directive(directive, out, frame),
                },
            };
            failed = failed.or(result.err());
            strip_start = after(element);
        }
        failed.map_or(Ok(()), Err)
    }

    fn interpolate(
        &self,
        value: &Value,
        expression: &Expression,
        template: &Template,
        out: &mut Text,
        frame: Frame<'_>,
    ) -> Result<(), Failed> {
        out.secret |= value.is_secret();
        match value.data() {
            Data::Unknown => {
                out.unknown = true;
                Ok(())
            }
            Data::String(_) | Data::Number(_) | Data::Bool(_) => {
                let text = convert::to_string(value).map_err(|_| Failed)?;
                self.append(&text, template, out, frame)
            }
            Data::Null => {
                let hint = "give it a default: `coalesce(x, \"…\")`";
                Err(self.fail(frame, range(expression), "a template cannot hold null", Some(hint.into())))
            }
            Data::List(_) | Data::Object(_) => {
                let summary = format!("a template holds text, and this is {}", convert::kind(value));
                let hint = "write `jsonencode(x)` or `join(\", \", x)`";
                Err(self.fail(frame, range(expression), summary, Some(hint.into())))
            }
        }
    }

    fn append(&self, text: &str, template: &Template, out: &mut Text, frame: Frame<'_>) -> Result<(), Failed> {
        let steps = self.steps.get().checked_sub(1 + text.len() as u64 / 64);
        let (Some(left), true) = (steps, out.text.len() + text.len() <= MAX_STRING_BYTES) else {
            let at = hcl_edit::Span::span(template).unwrap_or_default();
            let summary = format!("the template makes more than {MAX_STRING_BYTES} bytes or takes too many steps");
            return Err(self.fail(frame, at, summary, None));
        };
        self.steps.set(left);
        if !out.unknown {
            out.text.push_str(text);
        }
        Ok(())
    }

    fn if_directive(&self, directive: &IfDirective, out: &mut Text, frame: Frame<'_>) -> Result<(), Failed> {
        let condition = self.eval(&directive.if_expr.cond_expr, frame)?;
        out.secret |= condition.is_secret();
        let Some(condition) = self.truth(&condition, &directive.if_expr.cond_expr, frame)? else {
            out.unknown = true;
            return Ok(());
        };
        let end = directive.endif_expr.strip.strip_start();
        match (condition, &directive.else_expr) {
            (true, other) => {
                let end = other.as_ref().map_or(end, |other| other.strip.strip_start());
                let edges = Edges { start: directive.if_expr.strip.strip_end(), end };
                self.elements(&directive.if_expr.template, edges, out, frame)
            }
            (false, Some(other)) => {
                let edges = Edges { start: other.strip.strip_end(), end };
                self.elements(&other.template, edges, out, frame)
            }
            (false, None) => Ok(()),
        }
    }

    fn for_directive(&self, directive: &ForDirective, out: &mut Text, frame: Frame<'_>) -> Result<(), Failed> {
        let intro = &directive.for_expr;
        let collection = self.eval(&intro.collection_expr, frame)?;
        out.secret |= collection.is_secret();
        let Some(entries) = self.entries(&collection, &intro.collection_expr, frame)? else {
            out.unknown = true;
            return Ok(());
        };
        let edges = Edges { start: intro.strip.strip_end(), end: directive.endfor_expr.strip.strip_start() };
        for (key, value) in entries {
            let value = Binding { name: intro.value_var.as_str(), value, outer: frame.bindings };
            match &intro.key_var {
                Some(name) => {
                    let key = Binding { name: name.as_str(), value: key, outer: Some(&value) };
                    self.elements(&intro.template, edges, out, frame.within(&key))?;
                }
                None => self.elements(&intro.template, edges, out, frame.within(&value))?,
            }
        }
        Ok(())
    }
}

/// Whether an element strips the literal before it.
fn before(element: &Element) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(interpolation) => interpolation.strip.strip_start(),
        Element::Directive(directive) => match &**directive {
            Directive::If(directive) => directive.if_expr.strip.strip_start(),
            Directive::For(directive) => directive.for_expr.strip.strip_start(),
        },
    }
}

/// Whether an element strips the literal after it.
fn after(element: &Element) -> bool {
    let strip: Strip = match element {
        Element::Literal(_) => return false,
        Element::Interpolation(interpolation) => interpolation.strip,
        Element::Directive(directive) => match &**directive {
            Directive::If(directive) => directive.endif_expr.strip,
            Directive::For(directive) => directive.endfor_expr.strip,
        },
    };
    strip.strip_end()
}

/// A literal without the white space that its neighbours strip. Heredocs have been stripped when they were parsed.
fn stripped(literal: &str, edges: Edges) -> &str {
    let text = if edges.start { literal.trim_start() } else { literal };
    if edges.end { text.trim_end() } else { text }
}
