//! A state as one JSON document: for people who look at it or carry it elsewhere, and back. Its form is that of a
//! snapshot without the checksum; `host/docs/state.md` describes it. What comes in is checked as a whole.

use std::fmt;

use cofferdam_model::pointer::MAX_DEPTH;
use cofferdam_model::state::StackState;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::marks::Sealing;
use crate::snapshot::{BodyIn, body_text};
use crate::vault::OpenError;
use crate::written::Secrets;
use crate::{KeyError, NewerFormat, SealError, Stage};

/// The format that is written.
const FORMAT: u64 = 1;
const TYPE: &str = "state";
/// The longest document that is read, bytes.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024 * 1024;
/// Levels of the document around the values, which have [`MAX_DEPTH`] of their own.
const LEVELS_AROUND: usize = 8;

/// What a document holds in place of a secret value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentSecrets {
    /// Its ciphertext, which opens in this stage of this home alone.
    Encrypted,
    /// The value itself.
    Clear,
}

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is longer than [`MAX_DOCUMENT_BYTES`].
    #[error("the document is {0} bytes long, more than the {MAX_DOCUMENT_BYTES} allowed")]
    TooLarge(usize),
    /// It is no document of a state, or not one of this stage.
    #[error("the document is not valid: {0}")]
    Invalid(String),
    /// A newer program wrote it.
    #[error(transparent)]
    Newer(#[from] NewerFormat),
    /// A secret could not be decrypted.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A value could not be stored.
    #[error(transparent)]
    Seal(#[from] SealError),
}

#[derive(Serialize)]
struct DocumentOut<'a> {
    r#type: &'static str,
    format: u64,
    state: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentIn<'a> {
    r#type: String,
    format: u64,
    #[serde(borrow)]
    state: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl Stage {
    /// A state of this stage as a document, in one line.
    ///
    /// # Errors
    /// When a value has too many levels, or there is no key to encrypt secrets with.
    pub fn to_document(&self, state: &StackState, secrets: DocumentSecrets) -> Result<String, SealError> {
        let secrets = match secrets {
            DocumentSecrets::Encrypted => Secrets::Left,
            DocumentSecrets::Clear => Secrets::Included,
        };
        let sealing = Sealing { vault: self.vault(), secrets };
        let body = body_text(state, &state.lineage, state.serial, None, sealing)?;
        let body = RawValue::from_string(body).expect("it was just written as JSON");
        let document = DocumentOut { r#type: TYPE, format: FORMAT, state: &body };
        Ok(serde_json::to_string(&document).expect("names and values are JSON"))
    }

    /// Refuses a document of another stack or stage.
    ///
    /// # Errors
    /// When it is one.
    pub fn check_document(&self, document: &StateDocument) -> Result<(), DocumentError> {
        let (_, places) = self.store();
        document.body.check_owner(&places.stack, &places.stage).map_err(DocumentError::Invalid)
    }

    /// The state in a document of this stage, with the lineage and the serial that it names.
    ///
    /// # Errors
    /// When it is of another stack or stage, or holds secrets that do not open or could not be stored again.
    pub fn read_document(&self, document: StateDocument) -> Result<StackState, DocumentError> {
        let (_, places) = self.store();
        let state = document.body.restore(&places.stack, &places.stage, self.vault()).map_err(|error| match error {
            OpenError::Key(error) => DocumentError::Key(error),
            OpenError::Damaged(what) => DocumentError::Invalid(what),
        })?;
        for (address, entry) in &state.resources {
            if entry.inputs.as_object().is_none() || entry.state.properties.as_object().is_none() {
                return Err(DocumentError::Invalid(format!("inputs or properties of `{address}` are no object")));
            }
        }
        // What cannot be stored is refused now, before anybody is asked about it.
        let sealing = Sealing { vault: self.vault(), secrets: Secrets::Included };
        body_text(&state, &state.lineage, state.serial, None, sealing)?;
        Ok(state)
    }
}

/// A document that was read, its secrets not yet decrypted: those of another lineage or serial would not open.
pub struct StateDocument {
    body: BodyIn,
}

impl StateDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is too long, too deep, or no such document.
    pub fn parse(text: &[u8]) -> Result<Self, DocumentError> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(DocumentError::TooLarge(text.len()));
        }
        let invalid = |error: serde_json::Error| DocumentError::Invalid(error.to_string());
        let mut reader = serde_json::Deserializer::from_slice(text);
        Strict { depth: 0 }.deserialize(&mut reader).and_then(|()| reader.end()).map_err(invalid)?;
        if let Ok(Version { format }) = serde_json::from_slice(text)
            && format > FORMAT
        {
            let place = "the document".to_owned();
            return Err(NewerFormat { place, found: format, known: FORMAT }.into());
        }
        let document: DocumentIn<'_> = serde_json::from_slice(text).map_err(invalid)?;
        if document.r#type != TYPE || document.format != FORMAT {
            return Err(DocumentError::Invalid(format!("it begins with no `\"type\":\"{TYPE}\",\"format\":{FORMAT}`")));
        }
        Ok(Self { body: serde_json::from_str(document.state.get()).map_err(invalid)? })
    }

    /// The lineage that it names.
    #[must_use]
    pub fn lineage(&self) -> &str {
        self.body.lineage()
    }

    /// The serial that it names.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.body.serial()
    }
}

/// Any JSON whose objects have no key twice, and that is not deeper than a state can be.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH + LEVELS_AROUND {
            return Err(E::custom("it has too many levels"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.deeper()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = std::collections::HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value_seed(self.deeper()?)?;
            if let Some(twice) = keys.replace(key) {
                let shown: String = twice.chars().filter(|c| !c.is_control()).take(80).collect();
                return Err(A::Error::custom(format!("the key `{shown}` stands twice in an object")));
            }
        }
        Ok(())
    }
}
