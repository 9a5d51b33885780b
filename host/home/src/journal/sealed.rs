//! Records that are encrypted as a whole. Each is bound to its journal and to its line: changed, moved to another line
//! or taken from another journal, it does not open. Which journal it is stands beside it, so that a record can be read
//! where the header of its journal is lost.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::line::Chain;
use crate::KeyError;
use crate::form::as_whole;
use crate::places::Places;
use crate::vault::{Kind, OpenError, Scope, Vault};

/// What the body of such a line begins with.
const BEGINNING: &str = r#"{"sealed":"#;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<'a> {
    sealed: &'a str,
    journal: &'a str,
}

fn scope<'a>(places: &'a Places, journal: &'a str) -> Scope<'a> {
    let Places { stack, stage } = places;
    Scope { stack: stack.as_str(), stage: stage.as_str(), kind: Kind::Journal, class: "record", subject: journal }
}

/// Whether the body of a line is encrypted as a whole.
pub(crate) fn is_sealed(body: &str) -> bool {
    body.starts_with(BEGINNING)
}

/// The journal that a sealed body says it belongs to; none where it is not as it should be.
pub(super) fn journal_of(body: &str) -> Option<&str> {
    serde_json::from_str(body).ok().map(|Sealed { journal, .. }| journal)
}

/// The body of the next line of a chain.
pub(crate) fn seal(plain: &str, chain: &Chain, places: &Places, vault: &Vault) -> Result<String, KeyError> {
    let scope = scope(places, &chain.journal);
    let sealed = vault.seal(&scope, &chain.next.to_string(), plain.as_bytes())?;
    let body = Sealed { sealed: &sealed, journal: &chain.journal };
    Ok(serde_json::to_string(&body).expect("texts are JSON"))
}

/// The text of a record.
pub(crate) enum RecordText<'a> {
    Clear(&'a str),
    Sealed(Zeroizing<String>),
}

impl<'a> RecordText<'a> {
    /// Decrypts the body of a line of that number, where it is encrypted as a whole.
    pub(crate) fn open(body: &'a str, line: u64, places: &Places, vault: &Vault) -> Result<Self, OpenError> {
        if !is_sealed(body) {
            return Ok(Self::Clear(body));
        }
        let wrong = || OpenError::Damaged("the record is not as it should be".to_owned());
        let Sealed { sealed, journal } = serde_json::from_str(body).map_err(|_| wrong())?;
        let plain = vault.open(&scope(places, journal), &line.to_string(), sealed).map_err(as_whole)?;
        let plain = std::str::from_utf8(&plain).map_err(|_| wrong())?;
        Ok(Self::Sealed(Zeroizing::new(plain.to_owned())))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Clear(text) => text,
            Self::Sealed(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_model::{StackName, StageName};

    use super::*;

    fn places(stage: &str) -> Places {
        Places { stack: StackName::new("shop").expect("valid"), stage: StageName::new(stage).expect("valid") }
    }

    fn chain(journal: &str, next: u64) -> Chain {
        Chain { next, journal: journal.to_owned(), ..Chain::default() }
    }

    #[test]
    fn a_record_opens_in_its_line_alone() {
        let root = tempfile::tempdir().expect("temporary directory");
        let vault = Vault::of_tests(root.path());
        let body = seal("text", &chain("ab", 7), &places("dev"), &vault).expect("sealed");
        assert!(is_sealed(&body) && !body.contains("text"), "{body}");
        assert_eq!(journal_of(&body), Some("ab"));
        let open = |body: &str, line, stage| {
            RecordText::open(body, line, &places(stage), &vault).map(|text| text.as_str().to_owned())
        };
        assert_eq!(open(&body, 7, "dev").expect("opens"), "text");
        let elsewhere = body.replace(r#""journal":"ab""#, r#""journal":"cd""#);
        for (body, line, stage) in [(&body, 8, "dev"), (&body, 7, "prod"), (&elsewhere, 7, "dev")] {
            assert!(matches!(open(body, line, stage), Err(OpenError::Damaged(_))), "{body} {line} {stage}");
        }
        assert!(matches!(open(r#"{"sealed":1}"#, 7, "dev"), Err(OpenError::Damaged(_))));
        assert_eq!(open(r#"{"outputs":{}}"#, 7, "dev").expect("is no secret"), r#"{"outputs":{}}"#);
    }
}
