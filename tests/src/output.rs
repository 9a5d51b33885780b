//! What a run said, and expectations on it that show all of it when they fail.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use serde_json::Value;

use crate::shown::shown;

/// What a run said, and how it ended.
#[derive(Debug, Default)]
pub struct Output {
    line: String,
    hidden: PathBuf,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// The exit code; 128 and the signal's number where one ended it.
    pub exit: i32,
    /// Whether the system wrote its memory into a core file, or handed it to a program that keeps those.
    pub dumped: bool,
}

impl Output {
    pub(crate) fn new(line: String, hidden: PathBuf) -> Self {
        Self { line, hidden, ..Self::default() }
    }

    pub(crate) fn ended(&mut self, status: ExitStatus) {
        self.dumped = status.core_dumped();
        self.exit = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    }

    /// Expects an exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "the exit code of `{}`\n{}", self.line, self.raw());
        self
    }

    /// Expects a text on stdout or stderr.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(said, "`{}` does not say {text:?}\n{}", self.line, self.raw());
        self
    }

    /// Expects that a text is nowhere.
    #[track_caller]
    pub fn never_says(&self, text: &str) -> &Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!said, "`{}` says {text:?}\n{}", self.line, self.raw());
        self
    }

    /// Stdout as JSON Lines: every line parses and has a `type`.
    #[track_caller]
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            let event: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("`{}` writes a line that is not JSON ({error}): {line}", self.line));
            assert!(event["type"].is_string(), "`{}` writes an event without a type: {line}", self.line);
            event
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The events of one type.
    #[track_caller]
    #[must_use]
    pub fn events_of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// Everything as it was, for messages; of a flood the beginning and the end.
    #[must_use]
    pub fn raw(&self) -> String {
        format!("exit: {}\n--- stdout\n{}\n--- stderr\n{}", self.exit, excerpt(&self.stdout), excerpt(&self.stderr))
    }

    /// Everything in one text without what differs from run to run, for snapshots.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut text = format!("$ {}\nexit: {}\n", self.line, self.exit);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text += &format!("--- {name}\n{stream}");
                if !stream.ends_with('\n') {
                    text += "⏎\n";
                }
            }
        }
        shown(&text, &self.hidden)
    }

    /// A part of it in the same way.
    #[must_use]
    pub fn shown_of(&self, part: &str) -> String {
        shown(part, &self.hidden)
    }
}

fn excerpt(text: &str) -> String {
    const LINES: usize = 200;
    let lines: Vec<_> = text.lines().collect();
    let Some(left_out) = lines.len().checked_sub(LINES) else { return text.to_owned() };
    let (first, last) = (&lines[..LINES / 2], &lines[lines.len() - LINES / 2..]);
    format!("{}\n[{left_out} more lines]\n{}", first.join("\n"), last.join("\n"))
}
