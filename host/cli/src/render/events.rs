//! The run as it goes on, drawn from the engine's events alone: a live display on a terminal, plain lines elsewhere,
//! JSON Lines for programs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::Style;
use cofferdam_engine::{Action, Event, EventSink, Stop, Task};
use cofferdam_model::Address;
use cofferdam_model::redact::Redactor;
use cofferdam_runtime::{LogLevel, LogLine, PluginLog};
use serde::Serialize;

use super::live::Live;
use super::style::{CREATE, DELETE, DIM, ERROR, REPLACE, UPDATE, WARNING, paint};
use super::value::printable;
use crate::talk;

/// The version of the JSON Lines, told in the first of them.
const JSON_VERSION: u32 = 1;

/// Draws what happens. Shared by the engine and the plugins.
pub struct Reporter {
    output: Output,
    least: LogLevel,
    redactor: Arc<Redactor>,
    /// Whether stdout takes events: not where all of it is one value.
    begun: AtomicBool,
}

enum Output {
    Json,
    Plain,
    Live(Arc<Live>),
}

/// Which display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// JSON Lines on stdout.
    Json,
    /// One line per change of state on stderr.
    Plain,
    /// A live display on stderr.
    Live,
}

impl Reporter {
    /// A reporter. `verbose` counts the `-v`.
    pub fn new(display: Display, verbose: u8, redactor: Arc<Redactor>) -> Self {
        let output = match display {
            Display::Json => Output::Json,
            Display::Plain => Output::Plain,
            Display::Live => Output::Live(Live::start()),
        };
        let least = match verbose {
            0 => LogLevel::Warn,
            1 => LogLevel::Info,
            _ => LogLevel::Debug,
        };
        Self { output, least, redactor, begun: AtomicBool::new(false) }
    }

    /// Writes the first JSON line, where JSON was asked for: what writes the others, and in which form.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
        self.json(&serde_json::json!({
            "type": "cofferdam", "format": JSON_VERSION, "version": env!("CARGO_PKG_VERSION"),
        }));
    }

    /// Writes one JSON line, where that is what was asked for. Redacted as a whole: no event may leak.
    pub fn json<T: Serialize>(&self, line: &T) {
        if matches!(self.output, Output::Json)
            && let Ok(json) = serde_json::to_value(line)
        {
            talk::data(&format!("{}\n", self.redactor.redact_json(json)));
        }
    }

    /// Writes a line for people, redacted; nothing where the output is for programs.
    pub fn say(&self, text: &str) {
        match &self.output {
            Output::Json => {}
            Output::Plain => talk::say(&self.redactor.redact(text)),
            Output::Live(live) => {
                let text = self.redactor.redact(text);
                live.above(|| talk::say(&text));
            }
        }
    }

    /// Writes what happens beside the command itself, for programs or for people.
    pub fn news<T: Serialize>(&self, line: &T, text: &str) {
        match &self.output {
            Output::Json if self.begun.load(Ordering::Relaxed) => self.json(line),
            Output::Json => talk::say(&self.redactor.redact(text)),
            _ => self.say(text),
        }
    }

    /// Writes a line to stderr whatever the output is, past the redactor: for what people have to see themselves.
    pub fn announce(&self, text: &str) {
        match &self.output {
            Output::Json | Output::Plain => talk::say(text),
            Output::Live(live) => live.above(|| talk::say(text)),
        }
    }

    fn start(&self, address: &Address, doing: &str) {
        match &self.output {
            Output::Json => {}
            Output::Plain => self.say(&format!("  {address}: {doing}")),
            Output::Live(live) => live.step(address, &self.redactor.redact(doing)),
        }
    }

    fn note(&self, address: &Address, note: &str) {
        match &self.output {
            Output::Json => {}
            Output::Plain => self.say(&format!("  {address}: {note}")),
            Output::Live(live) => live.note(address, &self.redactor.redact(note)),
        }
    }

    fn end(&self, address: &Address, text: &str) {
        if let Output::Live(live) = &self.output {
            live.end(address);
        }
        self.say(text);
    }
}

/// How an action is called while it goes on and after it.
fn words(action: Action) -> (&'static str, &'static str, Style, &'static str) {
    match action {
        Action::NoOp => ("checking", "unchanged", DIM, " "),
        Action::Create => ("creating", "created", CREATE, "+"),
        Action::Update => ("changing", "changed", UPDATE, "~"),
        Action::Replace { .. } => ("replacing", "replaced", REPLACE, "±"),
        Action::Delete => ("deleting", "deleted", DELETE, "-"),
    }
}

/// A duration as people say it.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

#[derive(Serialize)]
struct Log<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    line: &'a LogLine,
}

impl EventSink for Reporter {
    fn emit(&self, event: Event) {
        if matches!(self.output, Output::Json) {
            return self.json(&event);
        }
        match event {
            Event::StepStarted { address, task: Task::Read, .. } => {
                self.start(&address, "looking up how a former run's write ended");
            }
            Event::StepStarted { address, action, .. } => self.start(&address, words(action).0),
            Event::StepWaiting { address, note, attempt, wait_ms, .. } => {
                let why = note.map(|note| printable(&note)).unwrap_or_else(|| "waiting".into());
                let text = match attempt {
                    Some(attempt) => format!("{why}; attempt {attempt} in {}", duration(wait_ms)),
                    None => why,
                };
                self.note(&address, &text);
            }
            Event::StepFinished { address, action, unchanged, duration_ms } => {
                let (_, done, style, sign) = words(if unchanged { Action::NoOp } else { action });
                let time = paint(DIM, format!("in {}", duration(duration_ms)));
                self.end(&address, &format!("{} {address}: {done} {time}", paint(style, sign)));
            }
            Event::StepFailed { address, message, .. } => {
                self.end(&address, &format!("{} {address}: {}", paint(ERROR, "✗"), printable(&message)));
            }
            Event::StepSkipped { address, reason, .. } => {
                self.end(&address, &format!("{} {address}: {}", paint(WARNING, "·"), printable(&reason)));
            }
            Event::ProviderUnknown { provider } => {
                self.say(&format!("provider `{provider}` is configured by values known after deploy; its resources are planned from their schemas"));
            }
            Event::Stopping { stop: Stop::Soft } => {
                self.say(&format!(
                    "{} starting nothing new; waiting for running calls (Ctrl-C again to stop now)",
                    paint(WARNING, "stopping:")
                ));
            }
            Event::Stopping { stop: Stop::Hard } => self.say(&format!("{} now", paint(WARNING, "stopping:"))),
            _ => {}
        }
    }
}

impl PluginLog for Reporter {
    fn line(&self, line: LogLine) {
        if line.level < self.least {
            return;
        }
        self.json(&Log { r#type: "log", line: &line });
        let about = line.address.as_ref().map(|address| format!(" {address}")).unwrap_or_default();
        let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let text = format!("  {}{about}: {}{fields}", line.provider, line.message);
        let text = printable(&self.redactor.redact(&text)).replace('\n', " ");
        self.say(&paint(if line.level >= LogLevel::Warn { WARNING } else { DIM }, text));
    }

    fn progress(&self, address: Option<&Address>, note: String) {
        self.json(&serde_json::json!({ "type": "progress", "address": address, "note": note }));
        if let Some(address) = address {
            self.note(address, &note);
        }
    }
}
