//! The names of a stage's objects.

use cofferdam_model::{StackName, StageName};

use crate::lease::Leased;

/// Whose objects they are; makes their names.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub stack: StackName,
    pub stage: StageName,
}

impl Places {
    /// What the names of all its objects begin with.
    pub(crate) fn base(&self) -> String {
        format!("{STACKS}{}/{}/", self.stack, self.stage)
    }

    pub(crate) fn leases(&self) -> String {
        format!("{}lease/", self.base())
    }

    pub(crate) fn lease(&self, token: u64) -> String {
        format!("{}{token:010}.json", self.leases())
    }

    pub(crate) fn leased(&self) -> Leased {
        Leased { prefix: self.leases(), of: format!("stage `{}`", self.stage) }
    }

    pub(crate) fn journal(&self) -> String {
        format!("{}journal/", self.base())
    }

    pub(crate) fn piece(&self, number: u64) -> String {
        format!("{}{number:010}.jsonl", self.journal())
    }

    pub(crate) fn states(&self) -> String {
        format!("{}states/", self.base())
    }

    pub(crate) fn secrets(&self) -> String {
        format!("{}secrets/", self.base())
    }

    pub(crate) fn secret_list(&self, number: u64) -> String {
        format!("{}{number:010}.json", self.secrets())
    }

    /// A snapshot; `name` is what [`snapshot_name`] made.
    pub(crate) fn state(&self, name: &str) -> String {
        format!("{}{name}", self.states())
    }

    pub(crate) fn spares(&self) -> String {
        format!("{}spare/", self.base())
    }

    /// The spare of a base and of the snapshot that it names.
    pub(crate) fn spare(&self, number: u64, name: &str) -> String {
        format!("{}{number:010}-{name}", self.spares())
    }

    /// What repairs moved aside.
    pub(crate) fn damaged(&self) -> String {
        format!("{}damaged/", self.base())
    }
}

/// The stack and the stage that an object belongs to; none for one outside of all stages.
pub(crate) fn stage_of(key: &str) -> Option<Places> {
    let mut parts = key.strip_prefix(STACKS)?.split('/');
    let (stack, stage) = (parts.next()?, parts.next()?);
    parts.next()?;
    Some(Places { stack: StackName::new(stack).ok()?, stage: StageName::new(stage).ok()? })
}

/// What the names of all stages begin with.
pub(crate) const STACKS: &str = "stacks/";

/// The name of a snapshot within its stage.
pub(crate) fn snapshot_name(serial: u64, id: &str) -> String {
    format!("{serial:010}-{id}.json")
}

/// The serial in the name of a snapshot.
pub(crate) fn serial_of(key: &str) -> Option<u64> {
    let (serial, id) = last(key).strip_suffix(".json")?.split_once('-')?;
    id.bytes().all(|c| c.is_ascii_hexdigit()).then_some(())?;
    digits(serial)
}

/// The number that a name consists of, before its extension; none for anything else.
pub(crate) fn number_of(key: &str, extension: &str) -> Option<u64> {
    digits(last(key).strip_suffix(extension)?.strip_suffix('.')?)
}

/// The last part of a name.
pub(crate) fn last(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// A number of ten digits.
pub(crate) fn digits(text: &str) -> Option<u64> {
    (text.len() == 10 && text.bytes().all(|c| c.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
