//! Redaction by taint: every secret that the host has seen is taken out of every text that leaves it.
//!
//! A secret is looked for as it is and line by line, in the text as it stands and as the usual decoders read it:
//! JSON and other backslash escapes, percent escapes, HTML, quotes of shells, base64 with either alphabet at any
//! offset, hexadecimal. To decode the text, which is short, finds more than to look for every encoding of every
//! secret, and costs no memory for any of them.
//!
//! It is a guard against accidents. A plugin that wants to tell a secret finds a form that nobody looks for.
//!
//! # Cost
//!
//! A secret is held once. Beside it, each of its lines and each 128 bytes of it take about 100 bytes: 10,000 private
//! keys of 2 KB take 65 MB in all, and four times that for a moment while they are built, which takes two seconds. They
//! are built when a text is next searched; secrets that come one by one cost about a millisecond a key. A search is
//! linear in the text whatever the secrets are, at 20 to 60 MB a second, and holds no lock.

mod decode;
mod hide;
mod known;
mod layer;
mod pieces;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::{Data, Diagnostic, Value};

use decode::{packed, views};
use hide::hide;
use known::{Known, Layers};
pub use pieces::MIN_BYTES;

/// What stands in place of a secret.
pub const SHOWN: &str = "(secret)";
/// The least of a secret that is looked for in base64 and hexadecimal.
const MIN_PACKED_BYTES: usize = 6;
/// A text that still changes after so many rounds is hidden as a whole.
const ROUNDS: usize = 16;

/// The secrets of a run. Shared by everything that writes.
#[derive(Default)]
pub struct Redactor {
    known: Known,
}

impl Redactor {
    /// Learns every secret text in a value.
    pub fn learn(&self, value: &Value) {
        value.visit_secrets(&mut |secret| self.learn_all(secret));
    }

    /// Learns one secret text.
    pub fn learn_text(&self, text: &str) {
        if pieces::is_sought(text) {
            self.known.learn(text);
        }
    }

    fn learn_all(&self, value: &Value) {
        match value.data() {
            Data::String(text) => self.learn_text(text),
            Data::Number(number) => self.learn_text(&number.to_string()),
            Data::List(items) => items.iter().for_each(|item| self.learn_all(item)),
            Data::Object(entries) => entries.values().for_each(|entry| self.learn_all(entry)),
            Data::Null | Data::Unknown | Data::Bool(_) => {}
        }
    }

    /// The text without any secret in it. To redact it again changes nothing.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        redact(&self.known.layers(), text, 0..text.len())
    }

    /// What stands in a part of a text, without any secret of the whole text in it.
    ///
    /// `part` lies between characters.
    #[must_use]
    pub fn redact_part(&self, text: &str, part: Range<usize>) -> String {
        redact(&self.known.layers(), text, part)
    }

    /// At most the first `most` bytes of a text, without any secret in them, and nothing of one that goes on after
    /// them. It looks at no more of the text than it has to.
    #[must_use]
    pub fn redact_start(&self, text: &str, most: usize) -> String {
        let layers = self.known.layers();
        let shown = text.floor_char_boundary(most.min(text.len()));
        let seen = text.floor_char_boundary((shown + longest(&layers)).min(text.len()));
        redact(&layers, &text[..seen], 0..shown)
    }

    /// The bytes of the longest form that a piece of a secret may have in a text. Whoever shows a part of a text has
    /// to know so much of what stands around it.
    #[must_use]
    pub fn longest(&self) -> usize {
        longest(&self.known.layers())
    }

    /// How much of a text is certain whatever comes after it: what follows may be the start of a secret. Forms that
    /// have to be decoded are not considered.
    #[must_use]
    pub fn certain(&self, text: &str) -> usize {
        let layers = self.known.layers();
        layers.iter().map(|layer| layer.open_end(text.as_bytes())).min().unwrap_or(text.len())
    }

    /// A JSON value without any secret in it. Text by text, keys too, so that it stays JSON; a number is a secret as a
    /// whole.
    #[must_use]
    pub fn redact_json(&self, json: serde_json::Value) -> serde_json::Value {
        redact_json(&self.known.layers(), json)
    }

    /// A value whose texts hold no secret, for what shows only a part of it.
    #[must_use]
    pub fn redact_value(&self, value: &Value) -> Value {
        let redacted = match value.data() {
            Data::String(text) => Value::string(self.redact(text)),
            Data::List(items) => Value::list(items.iter().map(|item| self.redact_value(item)).collect()),
            Data::Object(entries) => {
                Value::object(entries.iter().map(|(key, value)| (key.clone(), self.redact_value(value))).collect())
            }
            Data::Null | Data::Unknown | Data::Bool(_) | Data::Number(_) => value.clone(),
        };
        redacted.with_secret(value.is_secret())
    }

    /// A finding without any secret in its texts.
    #[must_use]
    pub fn redact_diagnostic(&self, mut finding: Diagnostic) -> Diagnostic {
        let redact = |text: &mut String| *text = self.redact(text);
        redact(&mut finding.summary);
        finding.detail.iter_mut().for_each(redact);
        finding.hint.iter_mut().for_each(redact);
        finding
    }
}

fn longest(layers: &Layers) -> usize {
    decode::EXPANSION * layers.iter().map(|layer| layer.longest).max().unwrap_or(0)
}

/// Repeats until nothing is found: what remains beside a marker may be a secret of its own.
fn redact(layers: &Layers, text: &str, part: Range<usize>) -> String {
    let mut shown = match hide(text, search(layers, text), part.clone()) {
        Some(shown) => shown,
        None => return text[part].to_owned(),
    };
    for _ in 0..ROUNDS {
        match hide(&shown, search(layers, &shown), 0..shown.len()) {
            Some(next) => shown = next,
            None => return shown,
        }
    }
    SHOWN.to_owned()
}

/// Every place of a text that holds a piece of a secret, in whatever form.
fn search(layers: &Layers, text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if layers.is_empty() || text.len() < MIN_BYTES {
        return found;
    }
    views(text, |view| {
        for layer in layers.iter() {
            layer.find(&view.bytes, |place| found.push(view.source(place)));
        }
        packed(&view.bytes, MIN_PACKED_BYTES, |run| {
            for layer in layers.iter() {
                layer.find(run.bytes, |place| {
                    if place.len() >= MIN_PACKED_BYTES {
                        found.push(view.source(run.source(&place)));
                    }
                });
            }
        });
    });
    found
}

fn redact_json(layers: &Layers, json: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    let text = |text: &str| redact(layers, text, 0..text.len());
    match json {
        Json::String(found) => text(&found).into(),
        Json::Number(number) if text(&number.to_string()) == SHOWN => SHOWN.into(),
        Json::Array(items) => items.into_iter().map(|item| redact_json(layers, item)).collect(),
        Json::Object(entries) => {
            let mut out = serde_json::Map::new();
            for (key, value) in entries {
                let key = text(&key);
                let numbered = (out.len() + 1..).map(|n| format!("{key} {n}"));
                let free = std::iter::once(key.clone()).chain(numbered).find(|key| !out.contains_key(key));
                out.insert(free.unwrap_or(key), redact_json(layers, value));
            }
            Json::Object(out)
        }
        other => other,
    }
}
