//! From texts to syntax trees, on a thread with a stack that the parser's deepest recursion fits into, whoever calls.

use std::sync::Arc;

use cofferdam_model::Diagnostic;
use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;

use crate::findings::Findings;
use crate::heredoc;
use crate::source::{MAX_FILE_BYTES, MAX_TOTAL_BYTES, SourceTexts, Sources, span};

/// The parser nests at most 64 levels; a level takes up to 32 KiB in a build without optimization.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Parses every file; a file that does not parse is one finding and is left out.
pub(crate) fn sources(sources: Sources, texts: &mut SourceTexts, findings: &mut Findings) -> Vec<(Arc<str>, Body)> {
    let total: usize = sources.files.iter().map(|(_, text)| text.len()).sum();
    let mut files = sources.files;
    for (_, text) in &mut files {
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
    }
    let fits = |text: &str| total <= MAX_TOTAL_BYTES && text.len() <= MAX_FILE_BYTES;
    let parsed = on_large_stack(|| files.iter().map(|(name, text)| fits(text).then(|| tree(name, text))).collect());
    let parsed: Vec<Option<Result<Body, Box<Diagnostic>>>> = parsed.unwrap_or_default();
    let mut bodies = Vec::with_capacity(files.len());
    let mut outcomes = parsed.into_iter();
    for (name, text) in files {
        match outcomes.next() {
            Some(Some(Ok(body))) => bodies.push((Arc::clone(&name), body)),
            Some(Some(Err(diagnostic))) => findings.push(*diagnostic),
            Some(None) => {
                let limit = if text.len() > MAX_FILE_BYTES { MAX_FILE_BYTES } else { MAX_TOTAL_BYTES };
                let summary = format!("the source files are too long: `{name}` goes beyond {limit} bytes");
                findings.error(span(&name, 0..0), summary);
            }
            None => findings.push(*unreadable(&name)),
        }
        texts.push(name, text);
    }
    bodies
}

/// Parses one file.
pub(crate) fn body(file: &Arc<str>, text: &str) -> Result<Body, Box<Diagnostic>> {
    on_large_stack(|| tree(file, text)).unwrap_or_else(|| Err(unreadable(file)))
}

/// Parses one expression.
pub(crate) fn expression(text: &str) -> Option<Expression> {
    let parsed = on_large_stack(|| {
        let mut parsed = hcl_edit::parser::parse_expr(text).ok()?;
        heredoc::normalize_expression(&mut parsed, text);
        Some(parsed)
    });
    parsed.flatten()
}

fn tree(file: &Arc<str>, text: &str) -> Result<Body, Box<Diagnostic>> {
    let mut body = hcl_edit::parser::parse_body(text).map_err(|error| explain(&error, file, text))?;
    heredoc::normalize(&mut body, text);
    Ok(body)
}

/// None where it panicked: a bug of the parser costs a finding, not the run.
fn on_large_stack<T: Send>(run: impl Fn() -> T + Send + Sync) -> Option<T> {
    std::thread::scope(|scope| {
        match std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, &run) {
            Ok(thread) => thread.join().ok(),
            // No thread to be had: the caller's stack has to do.
            Err(_) => Some(run()),
        }
    })
}

fn unreadable(file: &Arc<str>) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(format!("the parser fails on `{file}`")).with_span(Some(span(file, 0..0))))
}

/// A parse error as a finding, at the byte where the parser gave up.
fn explain(error: &hcl_edit::parser::Error, file: &Arc<str>, text: &str) -> Box<Diagnostic> {
    let mut start = error.location().offset().min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    let message = error.message();
    let diagnostic = if message.contains("found redefined attribute") {
        Diagnostic::error("this attribute is set twice in its block")
    } else if message.contains("found redefined object key") {
        Diagnostic::error("this key is set twice in its object")
    } else if message.contains("at most 64 nested levels") {
        Diagnostic::error("this is nested more than 64 levels deep")
    } else if message.contains("at most 128 chained binary operators") {
        Diagnostic::error("this expression chains more than 128 operators").with_hint("move parts of it into `locals`")
    } else {
        Diagnostic::error("the file is not valid HCL").with_detail(message.replace('\n', "\\n"))
    };
    Box::new(diagnostic.with_span(Some(span(file, start..end))))
}
