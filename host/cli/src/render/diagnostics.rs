//! Findings, drawn with the source they point into.

use std::fmt::Write as _;

use cofferdam_model::{Diagnostic, Severity, SourceSpan};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use super::style::{ERROR, HINT, WARNING, paint};
use super::value::printable;

const WIDTH: usize = 100;

/// The text of a file, by the name that spans use.
pub trait SourceText {
    /// The text.
    fn text(&self, file: &str) -> Option<&str>;
}

impl SourceText for cofferdam_stack::SourceTexts {
    fn text(&self, file: &str) -> Option<&str> {
        cofferdam_stack::SourceTexts::text(self, file)
    }
}

/// One finding as text.
pub fn render(diagnostic: &Diagnostic, sources: &dyn SourceText) -> String {
    let (word, style) = match diagnostic.severity {
        Severity::Error => ("error", ERROR),
        Severity::Warning => ("warning", WARNING),
    };
    let mut out = format!("{} {}\n", paint(style, format!("{word}:")), printable(&diagnostic.summary));
    if let Some(snippet) = diagnostic.span.as_ref().and_then(|span| snippet(span, sources)) {
        out.push_str(&snippet);
    } else if let Some(address) = &diagnostic.address {
        let at =
            diagnostic.at.as_ref().filter(|at| !at.is_root()).map(|at| format!(", at `{}`", super::plan::place(at)));
        let _ = writeln!(out, "  in `{address}`{}", at.unwrap_or_default());
    }
    if let Some(detail) = &diagnostic.detail {
        for line in detail.lines() {
            let _ = writeln!(out, "  {}", printable(line));
        }
    }
    if let Some(hint) = &diagnostic.hint {
        let _ = writeln!(out, "{} {}", paint(HINT, "hint:"), printable(hint).replace('\n', "\n      "));
    }
    out
}

/// The lines that a span points at, underlined.
fn snippet(span: &SourceSpan, sources: &dyn SourceText) -> Option<String> {
    let text = sources.text(&span.file)?;
    let start = span.range.start.min(text.len());
    let end = span.range.end.clamp(start, text.len());
    // A span over many lines is shown by its first.
    let end = text.get(start..end)?.find('\n').map_or(end, |newline| start + newline).max(start);
    let diagnostic = MietteDiagnostic::new("").with_label(LabeledSpan::new_with_span(None, (start, end - start)));
    let report = Report::new(diagnostic).with_source_code(NamedSource::new(&span.file, text.to_owned()));
    let mut theme = GraphicalTheme::unicode_nocolor();
    theme.characters.error = String::new();
    let mut drawn = String::new();
    GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_context_lines(1)
        .render_report(&mut drawn, report.as_ref())
        .ok()?;
    // The handler's first line is the empty message.
    let body: Vec<&str> = drawn.lines().skip_while(|line| !line.contains('╭')).collect();
    Some(format!("{}\n", body.join("\n").trim_end()))
}
