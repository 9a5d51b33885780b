//! Redaction by taint: every secret that the host has seen is taken out of every text that leaves it.

use std::collections::BTreeSet;

use parking_lot::RwLock;

use crate::{Data, Value};

const QUOTE: char = '"';

/// What stands in place of a secret.
pub const SHOWN: &str = "(secret)";
/// Shorter texts are not looked for: they would blank out half of every line and protect nothing.
pub const MIN_BYTES: usize = 4;
/// A line of a longer secret is looked for on its own from this length on.
const MIN_LINE_BYTES: usize = 8;

/// The secrets of a run. Shared by everything that writes.
#[derive(Default)]
pub struct Redactor {
    // The lock guards memory alone.
    secrets: RwLock<BTreeSet<String>>,
}

impl Redactor {
    /// Learns every secret text in a value: as it is, as JSON writes it, and line by line where it has lines.
    pub fn learn(&self, value: &Value) {
        value.visit_secrets(&mut |secret| self.learn_all(secret));
    }

    /// Learns one secret text.
    pub fn learn_text(&self, text: &str) {
        let escaped = serde_json::Value::from(text).to_string();
        let lines = text.lines().map(str::trim).filter(|line| text.len() != line.len() && line.len() >= MIN_LINE_BYTES);
        let forms = [text, text.trim(), escaped.trim_matches(QUOTE)].into_iter().chain(lines);
        let new: Vec<&str> = {
            let known = self.secrets.read();
            forms.filter(|form| form.len() >= MIN_BYTES && !known.contains(*form)).collect()
        };
        if !new.is_empty() {
            self.secrets.write().extend(new.into_iter().map(str::to_owned));
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

    /// A JSON value without any secret in it. Text by text, so that it stays JSON; a number is a secret as a whole.
    #[must_use]
    pub fn redact_json(&self, json: serde_json::Value) -> serde_json::Value {
        use serde_json::Value as Json;
        match json {
            Json::String(text) => self.redact(&text).into(),
            Json::Number(number) if self.secrets.read().contains(&number.to_string()) => SHOWN.into(),
            Json::Array(items) => items.into_iter().map(|item| self.redact_json(item)).collect(),
            Json::Object(entries) => {
                Json::Object(entries.into_iter().map(|(key, value)| (key, self.redact_json(value))).collect())
            }
            other => other,
        }
    }

    /// The text without any secret in it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let secrets = self.secrets.read();
        let mut found: Vec<&str> = secrets.iter().map(String::as_str).filter(|secret| text.contains(secret)).collect();
        // The longest first, so that a secret inside another leaves nothing of the longer one behind.
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        found.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, SHOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_out_every_form() {
        let redactor = Redactor::default();
        redactor.learn(&Value::from("pass\"word\nsecond line of the key").into_secret());
        assert_eq!(redactor.redact("a pass\"word\nsecond line of the key b"), "a (secret) b");
        assert_eq!(redactor.redact(r#"a pass\"word\nsecond line of the key b"#), "a (secret) b");
        assert_eq!(redactor.redact("| second line of the key"), "| (secret)");
    }

    #[test]
    fn json_stays_json() {
        let redactor = Redactor::default();
        redactor.learn(&Value::from(1000).into_secret());
        let json = serde_json::json!({ "a": 1000, "b": [51000, "x1000"] });
        assert_eq!(redactor.redact_json(json).to_string(), r#"{"a":"(secret)","b":[51000,"x(secret)"]}"#);
    }

    #[test]
    fn the_longest_goes_first() {
        let redactor = Redactor::default();
        redactor.learn_text("hunter");
        redactor.learn_text("hunter22");
        assert_eq!(redactor.redact("hunter22 hunter"), "(secret) (secret)");
    }
}
