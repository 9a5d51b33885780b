//! The text of an object of secrets: a checksum over the body, and the body with every secret, its value sealed.

use std::collections::BTreeMap;

use cofferdam_model::{SecretName, StackName, StageName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::places::Places;
use crate::snapshot::checksum;
use crate::vault::{Kind, OpenError, Scope, Vault, plain_bytes};
use crate::{KeyError, Made, NewerFormat, SecretsError};

/// The format that is written.
const FORMAT: u64 = 1;
/// A value is filled up to a multiple of this, so that its ciphertext tells little of its length.
const PADDING: usize = 32;
/// What stands between a value and its filling, as in ISO/IEC 7816-4.
const END: u8 = 0x80;

/// Every secret of a stage.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    stack: StackName,
    stage: StageName,
    /// The number of the object.
    number: u64,
    pub secrets: BTreeMap<SecretName, SecretOut>,
}

/// One secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretOut {
    /// Random, new whenever the value is set: tells two changes of one secret apart.
    pub id: String,
    pub made: Made,
    /// As [`Vault::seal`] made it.
    pub value: String,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    sum: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl List {
    pub(super) fn empty(places: &Places) -> Self {
        let Places { stack, stage } = places.clone();
        Self { stack, stage, number: 0, secrets: BTreeMap::new() }
    }

    /// The text of the object of that number.
    pub(super) fn text(&mut self, number: u64) -> Vec<u8> {
        self.number = number;
        let body = serde_json::to_string(self).expect("names and texts are JSON");
        let sum = checksum(body.as_bytes());
        format!(r#"{{"v":{FORMAT},"sum":"{sum}","body":{body}}}"#).into_bytes()
    }

    /// Reads and checks an object.
    pub(super) fn read(place: &str, bytes: &[u8], places: &Places, number: u64) -> Result<Self, SecretsError> {
        let damaged = |what: String| SecretsError::damaged(place, what);
        if bytes.is_empty() {
            return Err(damaged("it is empty".to_owned()));
        }
        let no_list = |error| damaged(format!("it is no list of secrets ({error})"));
        let Version { v } = serde_json::from_slice(bytes).map_err(no_list)?;
        if v > FORMAT {
            return Err(NewerFormat { place: place.to_owned(), found: v, known: FORMAT }.into());
        }
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(no_list)?;
        if v != FORMAT || checksum(envelope.body.get().as_bytes()) != envelope.sum {
            return Err(damaged("the checksum does not match".to_owned()));
        }
        let list: Self = serde_json::from_str(envelope.body.get())
            .map_err(|error| damaged(format!("its body is not as it should be ({error})")))?;
        if (&list.stack, &list.stage, list.number) != (&places.stack, &places.stage, number) {
            let what = format!("it is list {} of stack `{}` in stage `{}`", list.number, list.stack, list.stage);
            return Err(damaged(what));
        }
        Ok(list)
    }

    /// All values together, bytes; each a little longer than it is.
    pub(super) fn bytes(&self) -> usize {
        self.secrets.values().map(SecretOut::bytes_at_most).sum()
    }
}

impl SecretOut {
    /// Seals a value.
    pub(super) fn seal(
        vault: &Vault,
        places: &Places,
        name: &SecretName,
        value: &str,
        id: String,
        made: Made,
    ) -> Result<Self, KeyError> {
        let mut plain = Zeroizing::new(Vec::with_capacity((value.len() + 1).next_multiple_of(PADDING)));
        plain.extend_from_slice(value.as_bytes());
        plain.push(END);
        let filled = plain.len().next_multiple_of(PADDING);
        plain.resize(filled, 0);
        let value = vault.seal(&scope(places, name), "", &plain)?;
        Ok(Self { id, made, value })
    }

    /// The value.
    pub(super) fn open(
        &self,
        vault: &Vault,
        places: &Places,
        name: &SecretName,
    ) -> Result<Zeroizing<String>, OpenError> {
        let plain = vault.open(&scope(places, name), "", &self.value)?;
        let end = plain.iter().rposition(|byte| *byte != 0).filter(|at| plain.get(*at) == Some(&END));
        let text = end.and_then(|end| std::str::from_utf8(plain.get(..end)?).ok());
        let text = text.ok_or_else(|| OpenError::Damaged(format!("the secret `{name}` is not what was written")))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// The longest value that the ciphertext may hold.
    pub(super) fn bytes_at_most(&self) -> usize {
        plain_bytes(&self.value).saturating_sub(1)
    }
}

fn scope<'a>(places: &'a Places, name: &'a SecretName) -> Scope<'a> {
    let (stack, stage) = (places.stack.as_str(), places.stage.as_str());
    Scope { stack, stage, kind: Kind::Secrets, class: "secret", subject: name.as_str() }
}
