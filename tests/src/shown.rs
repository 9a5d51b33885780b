//! Takes out of a text what differs from run to run or from build to build, so that the rest can be compared.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Patterns and what stands for them, in the order in which they are applied.
const PATTERNS: [(&str, &str); 13] = [
    (r"sha256:[0-9a-f]{64}", "sha256:[digest]"),
    (r"\b[0-9a-f]{64}\b", "[digest]"),
    (r"\bop-[0-9a-f]{32}\b", "op-[id]"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
    (r"\bin \d+ (?:ms|min \d+ s)\b", "in [time]"),
    (r"\bin \d+\.\d+ s\b", "in [time]"),
    (r"\b\d[\d.,]* (?:bytes|KiB|MiB) component\b", "[size] component"),
    (r"process \d+", "process [pid]"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\b", "[moment]"),
    (r"\btester on [^\s,]+", "tester on [host]"),
    (r"\.unfinished-\w{6}\b", ".unfinished-[id]"),
    (r"\.rs:\d+:\d+", ".rs:[line]"),
    (r"\b[0-9a-f]{16}\b", "[id]"),
];

/// A text with `folder` and everything else that is not the same in every run replaced.
#[must_use]
pub fn shown(text: &str, folder: &Path) -> String {
    static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let compile = |(pattern, word)| (Regex::new(pattern).expect("the patterns above are valid"), word);
        PATTERNS.into_iter().map(compile).collect()
    });
    let mut text = text.to_owned();
    if !folder.as_os_str().is_empty() {
        text = text.replace(&*folder.to_string_lossy(), "[sandbox]");
    }
    for (pattern, word) in &*COMPILED {
        text = pattern.replace_all(&text, *word).into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_replaced() {
        let text = "+ null_resource.a: created in 12 ms\nin 1.5 s, /tmp/x/stack at 127.0.0.1:40001, 12 ms";
        let shown = shown(text, Path::new("/tmp/x"));
        assert_eq!(
            shown,
            "+ null_resource.a: created in [time]\nin [time], [sandbox]/stack at 127.0.0.1:[port], 12 ms"
        );
    }
}
