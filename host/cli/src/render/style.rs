//! Colours. They never carry a meaning alone; `anstream` takes them out where they do not belong.

use anstyle::{AnsiColor, Style};

/// Creations.
pub const CREATE: Style = AnsiColor::Green.on_default();
/// Changes in place.
pub const UPDATE: Style = AnsiColor::Yellow.on_default();
/// Removals.
pub const DELETE: Style = AnsiColor::Red.on_default();
/// Replacements.
pub const REPLACE: Style = AnsiColor::Magenta.on_default();
/// What stands back.
pub const DIM: Style = Style::new().dimmed();
/// What stands out.
pub const BOLD: Style = Style::new().bold();
/// Errors.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Warnings.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Hints.
pub const HINT: Style = AnsiColor::Cyan.on_default();

/// A text in a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
