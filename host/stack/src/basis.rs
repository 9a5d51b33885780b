//! What a stack was made from, part by part: whoever keeps something that was worked out from a stack, such as a plan,
//! can tell later which part is another one now.

use std::collections::BTreeMap;
use std::fmt;

use cofferdam_model::program::Program as _;
use cofferdam_model::{Digest, Value, document};
use serde::{Deserialize, Serialize};

use crate::source::Sources;
use crate::stack::Stack;

/// The digests of everything that a stack was made from so far. Those of variables and files may tell of secrets: they
/// are kept as those are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The `*.hcl` files by name.
    sources: BTreeMap<String, Digest>,
    /// The values of the variables by name.
    variables: BTreeMap<String, Digest>,
    /// The files that functions asked for, by path; none where one could not be read.
    files: BTreeMap<String, Option<Digest>>,
}

/// One part that is another one now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// A file of the stack.
    Source(String, Way),
    /// A variable.
    Variable(String, Way),
    /// A file that a function reads.
    File(String),
}

/// How it is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = |way: &Way| match way {
            Way::Added => "is new",
            Way::Removed => "is gone",
            Way::Changed => "has changed",
        };
        match self {
            Self::Source(name, way) => write!(f, "`{name}` {}", verb(way)),
            Self::Variable(name, Way::Changed) => write!(f, "variable `{name}` has another value"),
            Self::Variable(name, way) => write!(f, "variable `{name}` {}", verb(way)),
            Self::File(path) => write!(f, "`{path}`, which the stack reads, has changed"),
        }
    }
}

impl Basis {
    /// The names of the variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// One digest of the `*.hcl` files, names included. It tells nothing of variables and other files.
    #[must_use]
    pub fn sources_digest(&self) -> Digest {
        Digest::of(serde_json::json!(self.sources).to_string().as_bytes())
    }

    /// Which of the `*.hcl` files are other ones. Asked before they are loaded: a file that says something else may
    /// also be wrong.
    #[must_use]
    pub fn moved_sources(&self, now: &Sources) -> Vec<Moved> {
        differences(&self.sources, &sources(now), Moved::Source)
    }
}

/// The digests of the `*.hcl` files.
pub(crate) fn sources(sources: &Sources) -> BTreeMap<String, Digest> {
    sources.files.iter().map(|(name, text)| (name.to_string(), Digest::of(text.as_bytes()))).collect()
}

fn differences(
    before: &BTreeMap<String, Digest>,
    now: &BTreeMap<String, Digest>,
    moved: fn(String, Way) -> Moved,
) -> Vec<Moved> {
    let gone = before.keys().filter(|name| !now.contains_key(*name)).map(|name| (name, Way::Removed));
    let other = now.iter().filter_map(|(name, digest)| match before.get(name) {
        None => Some((name, Way::Added)),
        Some(before) if before != digest => Some((name, Way::Changed)),
        Some(_) => None,
    });
    let mut found: Vec<(&String, Way)> = gone.chain(other).collect();
    found.sort_by_key(|(name, _)| *name);
    found.into_iter().map(|(name, way)| moved(name.clone(), way)).collect()
}

impl Stack {
    /// What the stack was made from, with every file that its functions have asked for so far: what is evaluated later
    /// may ask for more.
    #[must_use]
    pub fn basis(&self) -> Basis {
        Basis {
            sources: self.source_digests.clone(),
            variables: self.variable_digests(),
            files: self.scope.files.digests().into_iter().collect(),
        }
    }

    /// What is not as it was, of what a stack was made from. Files are read for it, and are the same for every
    /// evaluation afterwards.
    #[must_use]
    pub fn moved(&self, before: &Basis) -> Vec<Moved> {
        let mut moved = differences(&before.sources, &self.source_digests, Moved::Source);
        moved.extend(differences(&before.variables, &self.variable_digests(), Moved::Variable));
        let other = before.files.iter().filter(|(path, digest)| self.scope.files.digest(path) != **digest);
        moved.extend(other.map(|(path, _)| Moved::File(path.clone())));
        moved
    }

    fn variable_digests(&self) -> BTreeMap<String, Digest> {
        let stack = self.stack();
        let digest = |name: &str, value: &Option<Value>| {
            let document = document::Document::from_value(value.as_ref().unwrap_or(&Value::null()));
            let text = serde_json::json!([stack.as_str(), name, document.json, document.secret]);
            Digest::of(text.to_string().as_bytes())
        };
        self.scope.variables.iter().map(|(name, value)| (name.clone(), digest(name, value))).collect()
    }
}
