//! Looks for many texts in all their forms at once.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::forms::forms;

/// Texts with their names.
#[derive(Default)]
pub struct Search {
    names: Vec<String>,
    forms: Vec<Vec<u8>>,
    /// Of every form: whose it is, and what it is called.
    of: Vec<(usize, &'static str)>,
    machine: Option<AhoCorasick>,
}

/// A text that was found: its name and the form.
pub type Hit = (String, &'static str);

impl Search {
    /// Looks for a text from now on.
    pub fn add(&mut self, name: &str, text: &str) {
        assert!(text.trim().len() >= 6, "`{name}` is too short to be told from other texts");
        self.names.push(name.to_owned());
        for (form, bytes) in forms(text) {
            self.forms.push(bytes);
            self.of.push((self.names.len() - 1, form));
        }
        self.machine = None;
    }

    /// How many texts it looks for.
    pub fn texts(&self) -> usize {
        self.names.len()
    }

    /// How many forms of them.
    pub fn forms(&self) -> usize {
        self.forms.len()
    }

    /// Every text that the bytes hold, in whatever form.
    pub fn hits(&mut self, bytes: &[u8]) -> BTreeSet<Hit> {
        let build = || AhoCorasick::builder().match_kind(MatchKind::Standard).build(&self.forms).expect("few patterns");
        let machine = self.machine.get_or_insert_with(build);
        let found = machine.find_overlapping_iter(bytes).map(|found| self.of[found.pattern().as_usize()]);
        found.map(|(text, form)| (self.names[text].clone(), form)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_nothing_else() {
        let mut search = Search::default();
        search.add("one", "correct-horse");
        search.add("two", "battery\\staple");
        let found: Vec<Hit> = search.hits(br#"{"a":"correct-horse","b":"battery\\staple"}"#).into_iter().collect();
        assert_eq!(found, [("one".to_owned(), "plain"), ("two".to_owned(), "json")]);
        assert!(search.hits(b"correct horse, battery/staple").is_empty());
    }
}
