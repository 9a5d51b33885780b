//! Which digests a stage's states name: the present one, and those of its history that a rollback can bring back.

use std::collections::BTreeSet;

use cofferdam_model::document;
use cofferdam_model::state::StackState;

use crate::{LoadError, Stage};

/// The hexadecimal digits of a digest.
const DIGITS: usize = 64;

/// What a stage needs of some digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mentioned {
    /// Writes are in flight, and nobody knows what they name.
    Unknown,
    /// These alone.
    These(BTreeSet<String>),
}

impl Stage {
    /// Which of the known digests, hexadecimal, a state of this stage names anywhere: in inputs, properties, outputs, or
    /// what a provider keeps for itself.
    ///
    /// # Errors
    /// When a state is damaged, or encrypted for another key.
    pub fn mentions(&mut self, known: &BTreeSet<String>) -> Result<Mentioned, LoadError> {
        let loaded = self.load()?;
        if !loaded.in_flight.is_empty() {
            return Ok(Mentioned::Unknown);
        }
        let mut found = BTreeSet::new();
        search(&loaded.state, known, &mut found);
        for version in self.history()? {
            search(&self.at(version.serial)?, known, &mut found);
        }
        Ok(Mentioned::These(found))
    }
}

fn search(state: &StackState, known: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    for entry in state.resources.values() {
        for value in [&entry.inputs, &entry.state.properties] {
            digests(document::to_json(value).to_string().as_bytes(), known, found);
        }
        for (_, part) in &entry.state.identity.0 {
            digests(part.as_bytes(), known, found);
        }
        digests(&entry.state.hidden, known, found);
    }
    for output in state.outputs.values() {
        digests(document::to_json(output).to_string().as_bytes(), known, found);
    }
}

/// Digests anywhere in a text, also inside of longer runs of digits.
fn digests(text: &[u8], known: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    for run in text.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() >= DIGITS) {
        for window in run.windows(DIGITS) {
            let Ok(window) = std::str::from_utf8(window) else { continue };
            let window = window.to_ascii_lowercase();
            if known.contains(&window) {
                found.insert(window);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_found_wherever_they_stand() {
        let known: BTreeSet<String> = ["a".repeat(64), "b".repeat(64)].into();
        let found = |text: &str| {
            let mut found = BTreeSet::new();
            digests(text.as_bytes(), &known, &mut found);
            found.len()
        };
        let a = "a".repeat(64);
        for text in [format!("assets/sha256/{a}"), format!("sha256:{a}\""), format!("00{a}ff"), a.to_uppercase()] {
            assert_eq!(found(&text), 1, "{text}");
        }
        assert_eq!(found(&"a".repeat(63)), 0);
        assert_eq!(found(&"c".repeat(64)), 0);
        assert_eq!(found(&format!("{a} {}", "b".repeat(64))), 2);
    }
}
