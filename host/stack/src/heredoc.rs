//! Heredocs as the reference implementation reads them: token by token, where a token is at most one line. First the
//! strip markers take white space from the token beside them, then `<<-` takes the common indentation off. The parser
//! does the second over whole literals and not inside of directives, so both are done here, from the source text.

use hcl_edit::Span;
use hcl_edit::structure::Body;
use hcl_edit::template::{Directive, Element, HeredocTemplate, Strip, Template};
use hcl_edit::visit_mut::{VisitMut, visit_heredoc_template_mut};

/// Rewrites the literals of every heredoc in a body; its strip markers are done with then.
pub(crate) fn normalize(body: &mut Body, text: &str) {
    if text.contains("<<") {
        Heredocs { text }.visit_body_mut(body);
    }
}

/// The same for one expression.
pub(crate) fn normalize_expression(expression: &mut hcl_edit::expr::Expression, text: &str) {
    if text.contains("<<") {
        Heredocs { text }.visit_expr_mut(expression);
    }
}

struct Heredocs<'t> {
    text: &'t str,
}

impl VisitMut for Heredocs<'_> {
    fn visit_heredoc_template_mut(&mut self, heredoc: &mut HeredocTemplate) {
        let flush = heredoc.span().and_then(|span| self.text.get(span)).is_some_and(|text| text.starts_with("<<-"));
        let mut tokens = Vec::new();
        flatten(&heredoc.template, self.text, &mut tokens);
        strip(&mut tokens);
        if flush {
            dedent(&mut tokens);
        }
        let mut rest = tokens.into_iter().peekable();
        write_back(&mut heredoc.template, &mut rest);
        visit_heredoc_template_mut(self, heredoc);
    }
}

/// A piece of a heredoc.
enum Token {
    /// At most one line of a literal, and whether it is the first of its literal.
    Line { text: String, first: bool },
    /// An interpolation or the head of a directive, and what it strips.
    Control(Strip),
}

fn flatten(template: &Template, source: &str, out: &mut Vec<Token>) {
    for element in template.iter() {
        match element {
            Element::Literal(literal) => {
                let raw = literal.span().and_then(|span| source.get(span)).unwrap_or_default();
                let text = raw.replace("$${", "${").replace("%%{", "%{");
                let lines = text.split_inclusive('\n').enumerate();
                out.extend(lines.map(|(index, line)| Token::Line { text: line.to_owned(), first: index == 0 }));
            }
            Element::Interpolation(interpolation) => out.push(Token::Control(interpolation.strip)),
            Element::Directive(directive) => match &**directive {
                Directive::If(directive) => {
                    out.push(Token::Control(directive.if_expr.strip));
                    flatten(&directive.if_expr.template, source, out);
                    if let Some(other) = &directive.else_expr {
                        out.push(Token::Control(other.strip));
                        flatten(&other.template, source, out);
                    }
                    out.push(Token::Control(directive.endif_expr.strip));
                }
                Directive::For(directive) => {
                    out.push(Token::Control(directive.for_expr.strip));
                    flatten(&directive.for_expr.template, source, out);
                    out.push(Token::Control(directive.endfor_expr.strip));
                }
            },
        }
    }
}

fn strip(tokens: &mut [Token]) {
    for index in 0..tokens.len() {
        let Some(Token::Control(strip)) = tokens.get(index) else { continue };
        let strip = *strip;
        if strip.strip_start()
            && let Some(Token::Line { text, .. }) = index.checked_sub(1).and_then(|before| tokens.get_mut(before))
        {
            text.truncate(text.trim_end().len());
        }
        if strip.strip_end()
            && let Some(Token::Line { text, .. }) = tokens.get_mut(index + 1)
        {
            *text = text.trim_start().to_owned();
        }
    }
}

/// Takes off what every line begins with; lines of white space alone do not count.
fn dedent(tokens: &mut [Token]) {
    let mut least = usize::MAX;
    let mut indented = Vec::new();
    let mut line_start = true;
    for (index, token) in tokens.iter().enumerate() {
        if std::mem::take(&mut line_start) {
            match token {
                Token::Line { text, .. } if text.ends_with('\n') && text.trim_start().is_empty() => {}
                Token::Line { text, .. } => {
                    least = least.min(text.chars().take_while(|c| c.is_whitespace()).count());
                    indented.push(index);
                }
                Token::Control(_) => least = 0,
            }
        }
        line_start = matches!(token, Token::Line { text, .. } if text.ends_with('\n'));
    }
    for index in indented {
        if let Some(Token::Line { text, .. }) = tokens.get_mut(index) {
            *text = text.chars().skip(least).collect();
        }
    }
}

fn write_back(template: &mut Template, tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) {
    for element in template.iter_mut() {
        match element {
            Element::Literal(literal) => {
                let mut whole = String::new();
                let mut begun = false;
                while let Some(Token::Line { text, .. }) =
                    tokens.next_if(|token| matches!(token, Token::Line { first, .. } if !*first || !begun))
                {
                    whole.push_str(&text);
                    begun = true;
                }
                *literal.as_mut() = whole;
            }
            Element::Interpolation(interpolation) => {
                tokens.next();
                interpolation.strip = Strip::None;
            }
            Element::Directive(directive) => match &mut **directive {
                Directive::If(directive) => {
                    tokens.next();
                    directive.if_expr.strip = Strip::None;
                    write_back(&mut directive.if_expr.template, tokens);
                    if let Some(other) = &mut directive.else_expr {
                        tokens.next();
                        other.strip = Strip::None;
                        write_back(&mut other.template, tokens);
                    }
                    tokens.next();
                    directive.endif_expr.strip = Strip::None;
                }
                Directive::For(directive) => {
                    tokens.next();
                    directive.for_expr.strip = Strip::None;
                    write_back(&mut directive.for_expr.template, tokens);
                    tokens.next();
                    directive.endfor_expr.strip = Strip::None;
                }
            },
        }
    }
}
