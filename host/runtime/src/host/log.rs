//! `log`, and the guest's stdout and stderr: redacted, stripped of control characters, bounded a line and a call.

use std::collections::VecDeque;
use std::sync::Arc;

use cofferdam_model::Address;
use cofferdam_model::limits::Limits;
use cofferdam_model::redact::Redactor;
use parking_lot::Mutex;
use serde::Serialize;

use super::{Caller, Guest};
use crate::contract::v0_1::imports::log;

const MAX_FIELDS: usize = 32;
const KEPT_LINES: usize = 4;
/// What a line counts beside its text, so that empty ones are bounded too.
const LINE_COST: usize = 64;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// For the curious.
    Info,
    /// Something is off.
    Warn,
    /// Something failed.
    Error,
}

/// One line of a plugin, safe to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// The provider in the stack.
    pub provider: String,
    /// The resource that the call was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// How much it matters.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// More, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// Where the lines go.
pub trait PluginLog: Send + Sync {
    /// Takes one line.
    fn line(&self, line: LogLine);
    /// Takes the line beside a resource in the progress display.
    fn progress(&self, address: Option<&Address>, note: String);
}

/// The log of one call.
pub(crate) struct CallLog {
    caller: Caller,
    line_bytes: usize,
    sink: Arc<dyn PluginLog>,
    redactor: Arc<Redactor>,
    // Guards memory alone: taken for counting, released before the sink is called.
    budget: Mutex<Budget>,
}

struct Budget {
    left: u64,
    cut: bool,
    /// The last lines of stderr, for the message of a crash.
    last: VecDeque<String>,
}

impl CallLog {
    pub fn new(caller: Caller, limits: &Limits, sink: Arc<dyn PluginLog>, redactor: Arc<Redactor>) -> Self {
        let budget = Budget { left: limits.log_bytes, cut: false, last: VecDeque::new() };
        Self { caller, line_bytes: limits.log_line_bytes as usize, sink, redactor, budget: Mutex::new(budget) }
    }

    pub fn write(&self, level: LogLevel, message: &str, fields: Vec<(String, String)>) {
        // Once it is said that lines are dropped, none comes any more, and none costs anything.
        if self.budget.lock().cut {
            return;
        }
        let message = self.clean(message);
        let fields: Vec<_> =
            fields.into_iter().take(MAX_FIELDS).map(|(name, value)| (self.clean(&name), self.clean(&value))).collect();
        let bytes =
            LINE_COST + message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let verdict = {
            let mut budget = self.budget.lock();
            let fits = budget.left >= bytes as u64;
            if fits {
                budget.left -= bytes as u64;
            }
            let first_cut = !fits && !budget.cut;
            budget.cut |= !fits;
            (fits, first_cut)
        };
        match verdict {
            (true, _) => self.emit(level, message, fields),
            (false, true) => self.emit(LogLevel::Warn, "further log lines of this call are dropped".into(), Vec::new()),
            (false, false) => {}
        }
    }

    /// The secrets of the run.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// A line of the guest's stdout or stderr.
    pub fn stream_line(&self, level: LogLevel, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        // What Rust adds to every panic says nothing about this one.
        if level == LogLevel::Warn && !line.starts_with("note: run with `RUST_BACKTRACE") {
            let line = self.clean(line);
            let mut budget = self.budget.lock();
            budget.last.push_back(line);
            if budget.last.len() > KEPT_LINES {
                budget.last.pop_front();
            }
        }
        self.write(level, line, Vec::new());
    }

    /// What the guest last said on stderr.
    pub fn last_words(&self) -> Option<String> {
        let budget = self.budget.lock();
        (!budget.last.is_empty()).then(|| budget.last.iter().cloned().collect::<Vec<_>>().join(" "))
    }

    pub fn progress(&self, note: &str) {
        if self.budget.lock().left < LINE_COST as u64 {
            return;
        }
        let note = self.clean(note);
        let fits = {
            let mut budget = self.budget.lock();
            let bytes = (LINE_COST + note.len()) as u64;
            let fits = budget.left >= bytes;
            budget.left = budget.left.saturating_sub(bytes);
            fits
        };
        if fits {
            self.sink.progress(self.caller.address.as_ref(), note);
        }
    }

    /// The start of a text on one line. Redacted on more of the text than is shown, so that nothing of a secret at
    /// the cut stays, and once more where what was left out may have stood between the parts of one.
    fn clean(&self, text: &str) -> String {
        let start = self.redactor.redact_start(text, self.line_bytes);
        if !start.contains(char::is_control) {
            return cut(&start, self.line_bytes).to_owned();
        }
        let folded = start.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !c.is_control());
        let redacted = self.redactor.redact(&folded.collect::<String>());
        cut(&redacted, self.line_bytes).to_owned()
    }

    fn emit(&self, level: LogLevel, message: String, fields: Vec<(String, String)>) {
        let Caller { provider, address, .. } = self.caller.clone();
        self.sink.line(LogLine { provider, address, level, message, fields });
    }
}

/// At most so many bytes of a text.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most.min(text.len()))]
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.count()?;
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.log.write(level, &message, fields);
        Ok(())
    }

    fn progress(&mut self, note: String) -> wasmtime::Result<()> {
        self.count()?;
        self.log.progress(&note);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<LogLine>>);

    impl PluginLog for Kept {
        fn line(&self, line: LogLine) {
            self.0.lock().push(line);
        }
        fn progress(&self, _address: Option<&Address>, _note: String) {}
    }

    fn log() -> (CallLog, Arc<Kept>) {
        let kept = Arc::new(Kept::default());
        let redactor = Arc::new(Redactor::default());
        redactor.learn_text("hunter22");
        let caller = Caller { provider: "p".into(), plugin: "p 0.1.0".into(), address: None };
        (CallLog::new(caller, &Limits::default(), kept.clone(), redactor), kept)
    }

    #[test]
    fn lines_are_redacted_and_stripped() {
        let (log, kept) = log();
        log.write(LogLevel::Info, "the \u{1b}[31mpassword\nis hunter22", vec![]);
        assert_eq!(kept.0.lock()[0].message, "the [31mpassword is (secret)");
    }

    #[test]
    fn a_secret_at_the_cut_is_not_shown_in_part() {
        let (log, kept) = log();
        let secret = "correct-horse-battery-staple";
        log.redactor.learn_text(secret);
        let line = Limits::default().log_line_bytes as usize;
        // Everything before the cut shrinks, and the cut goes through a secret.
        for lead in 0..secret.len() {
            log.write(LogLevel::Info, &format!("{}{}", "x".repeat(lead), format!("{secret} ").repeat(line)), vec![]);
            log.write(LogLevel::Info, &format!("{}{secret}", "x".repeat(line - lead)), vec![]);
        }
        for line in kept.0.lock().iter() {
            let shown = line.message.replace("(secret)", "");
            assert!(shown.chars().all(|c| "x (secret".contains(c)), "{shown}");
        }
    }

    #[test]
    fn a_secret_with_control_characters_inside_is_not_put_together() {
        let (log, kept) = log();
        log.write(LogLevel::Info, "hun\u{1b}ter\u{0}22", vec![]);
        assert_eq!(kept.0.lock()[0].message, "(secret)");
    }

    #[test]
    fn a_flood_is_cut_once_and_said_once() {
        let (log, kept) = log();
        for _ in 0..1000 {
            log.write(LogLevel::Info, &"x".repeat(100_000), vec![]);
        }
        let lines = kept.0.lock();
        assert_eq!(lines.len(), 128, "127 lines of 8 KiB and what a line costs, then one that says so");
        assert!(lines[127].message.contains("dropped"));
    }
}
