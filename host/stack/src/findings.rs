//! Collects diagnostics, so that one run reports everything it can find, each thing once.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use cofferdam_model::{Diagnostic, Severity, SourceSpan};

/// The most errors that one run reports.
const MAX_REPORTED: usize = 100;
/// The farthest name that is still suggested, as a share of its length.
const SIMILAR: f64 = 0.75;

/// Diagnostics in the order of their discovery.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Diagnostic>);

impl Findings {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds an error at a place.
    pub(crate) fn error(&mut self, at: SourceSpan, summary: impl Into<String>) {
        self.push(Diagnostic::error(summary).with_span(Some(at)));
    }

    /// Adds an error at a place, with what to do.
    pub(crate) fn error_with_hint(&mut self, at: SourceSpan, summary: impl Into<String>, hint: impl Into<String>) {
        self.push(Diagnostic::error(summary).with_hint(hint).with_span(Some(at)));
    }

    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(diagnostics);
    }

    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// Every finding once, in the order of the files and of the places in them; errors beyond the most that are
    /// reported become one line.
    pub(crate) fn into_sorted(self, files: &[&str]) -> Vec<Diagnostic> {
        let mut seen = HashSet::new();
        let mut list: Vec<Diagnostic> = self.0;
        list.retain(|diagnostic| {
            let place = diagnostic.span.as_ref().map(|span| (Arc::clone(&span.file), span.range.clone()));
            seen.insert((place, diagnostic.summary.clone()))
        });
        list.sort_by_key(|diagnostic| {
            let place = diagnostic.span.as_ref();
            let file = place.and_then(|span| files.iter().position(|file| **file == *span.file));
            (file.unwrap_or(usize::MAX), place.map_or(0, |span| span.range.start))
        });
        if list.len() > MAX_REPORTED {
            let rest = list.len() - MAX_REPORTED;
            let span = list[MAX_REPORTED].span.clone();
            let worst = list[MAX_REPORTED..].iter().map(|diagnostic| diagnostic.severity).max();
            list.truncate(MAX_REPORTED);
            let mut more = Diagnostic::error(format!("{rest} more findings are not shown")).with_span(span);
            more.severity = worst.unwrap_or(Severity::Error);
            list.push(more);
        }
        list
    }
}

/// The known name that is most like `name`, where one is like it at all.
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer names are no typing mistakes, and comparing them costs their product.
    if name.len() > 128 {
        return None;
    }
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= 128)
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", where some known name is like it; otherwise all names where they are few.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(found) = similar(name, known.clone()) {
        return Some(format!("did you mean `{}`?", quoted(found)));
    }
    let all: Vec<&str> = known.into_iter().take(9).collect();
    (1..=8).contains(&all.len()).then(|| {
        let names: Vec<String> = all.iter().map(|name| format!("`{}`", quoted(name))).collect();
        format!("there is {}", names.join(", "))
    })
}

/// A text for use inside a message: without control characters, and not too long.
pub(crate) fn quoted(text: &str) -> String {
    let mut out: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

/// The whole range from the start of one to the end of another.
pub(crate) fn between(from: &Range<usize>, to: &Range<usize>) -> Range<usize> {
    from.start..to.end.max(from.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near() {
        assert_eq!(suggestion("regoin", ["region", "zone"]).as_deref(), Some("did you mean `region`?"));
        assert_eq!(suggestion("x", ["alpha"]).as_deref(), Some("there is `alpha`"));
        assert_eq!(suggestion("x", (0..9).map(|_| "alpha")), None);
    }

    #[test]
    fn reports_each_thing_once_and_in_order() {
        let file: Arc<str> = "a".into();
        let mut findings = Findings::default();
        for start in [5, 1, 5] {
            findings.error(crate::source::span(&file, start..start + 1), "x");
        }
        let starts: Vec<_> =
            findings.into_sorted(&["a"]).iter().map(|d| d.span.clone().map(|s| s.range.start)).collect();
        assert_eq!(starts, [Some(1), Some(5)]);
    }
}
