//! The stored form of the journal's records.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_model::journal::{Record, WriteKind};
use cofferdam_model::state::PluginIdentity;
use cofferdam_model::{Address, Digest, OperationId, ProviderKey, StackName, StageName};
use serde::{Deserialize, Deserializer, Serialize};

use crate::SealError;
use crate::entry::{EntryIn, EntryOut, StateIn, StateOut};
use crate::journal::sealed::RecordText;
use crate::marks::{Marks, Opener, Sealing};
use crate::places::Places;
use crate::snapshot::{outputs_in, outputs_out};
use crate::vault::{Kind, OpenError, Scope, Vault};
use crate::written::{Plain, Written};

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RecordOut<'a> {
    RunStarted {
        command: &'a str,
        at_ms: u64,
    },
    Intent {
        operation: &'a OperationId,
        address: &'a Address,
        kind: WriteKind,
        provider: &'a ProviderKey,
        plugin: &'a PluginIdentity,
        inputs: &'a Digest,
        #[serde(skip_serializing_if = "Option::is_none")]
        desired: Option<Written<'a>>,
        #[serde(skip_serializing_if = "Marks::is_empty")]
        marks: Marks,
    },
    Checkpoint {
        operation: &'a OperationId,
        #[serde(skip_serializing_if = "Option::is_none")]
        partial: Option<StateOut<'a>>,
        marks: Marks,
    },
    Result {
        #[serde(skip_serializing_if = "Option::is_none")]
        operation: Option<&'a OperationId>,
        address: &'a Address,
        #[serde(skip_serializing_if = "Option::is_none")]
        entry: Option<EntryOut<'a, &'a PluginIdentity>>,
    },
    Outputs {
        outputs: BTreeMap<&'a str, Written<'a>>,
        #[serde(skip_serializing_if = "Marks::is_empty")]
        marks: Marks,
    },
    RunFinished {
        at_ms: u64,
    },
}

/// A record as it was read: not yet decrypted.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredRecord {
    RunStarted {
        command: String,
        at_ms: u64,
    },
    Intent {
        operation: OperationId,
        address: Address,
        kind: WriteKind,
        provider: ProviderKey,
        plugin: PluginIdentity,
        inputs: Digest,
        // What is secret as a whole is written as a null, which is not the same as nothing.
        #[serde(default, deserialize_with = "present")]
        desired: Option<Plain>,
        #[serde(default)]
        marks: Marks,
    },
    Checkpoint {
        operation: OperationId,
        partial: Option<StateIn>,
        marks: Marks,
    },
    Result {
        operation: Option<OperationId>,
        address: Address,
        entry: Option<Box<EntryIn<PluginIdentity>>>,
    },
    Outputs {
        outputs: BTreeMap<String, Plain>,
        #[serde(default)]
        marks: Marks,
    },
    RunFinished {
        at_ms: u64,
    },
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Plain>, D::Error> {
    Plain::deserialize(deserializer).map(Some)
}

fn scope<'a>(stack: &'a StackName, stage: &'a StageName, class: &'static str, subject: &'a str) -> Scope<'a> {
    Scope { stack: stack.as_str(), stage: stage.as_str(), kind: Kind::Journal, class, subject }
}

/// Whether a record changes what a reader of the journal makes of it.
pub(crate) fn changes_state(record: &Record) -> bool {
    !matches!(record, Record::RunStarted { .. } | Record::RunFinished { .. })
}

/// The text of a record, its secrets encrypted or for a text that will be.
pub(crate) fn encode(record: &Record, places: &Places, sealing: Sealing<'_>) -> Result<String, SealError> {
    let Places { stack, stage } = places;
    let out = match record {
        Record::RunStarted { command, at_ms } => RecordOut::RunStarted { command, at_ms: *at_ms },
        Record::RunFinished { at_ms } => RecordOut::RunFinished { at_ms: *at_ms },
        Record::Intent { operation, address, kind, provider, plugin, inputs, desired } => {
            let mut sealer = sealing.sealer(scope(stack, stage, "operation", operation.as_str()));
            let desired = desired.as_deref().map(|value| sealer.value("/desired", value)).transpose()?;
            let marks = sealer.finish();
            RecordOut::Intent { operation, address, kind: *kind, provider, plugin, inputs, desired, marks }
        }
        Record::Checkpoint { operation, checkpoint, partial } => {
            let mut sealer = sealing.sealer(scope(stack, stage, "operation", operation.as_str()));
            sealer.bytes("/checkpoint", checkpoint)?;
            let partial = partial.as_ref().map(|state| StateOut::new(state, "/partial", &mut sealer)).transpose()?;
            RecordOut::Checkpoint { operation, partial, marks: sealer.finish() }
        }
        Record::Result { operation, address, entry } => {
            let subject = address.to_string();
            let sealer = sealing.sealer(scope(stack, stage, "resource", &subject));
            let entry = entry.as_ref().map(|entry| EntryOut::new(entry, &entry.plugin, sealer)).transpose()?;
            RecordOut::Result { operation: operation.as_ref(), address, entry }
        }
        Record::Outputs { outputs } => {
            let mut sealer = sealing.sealer(scope(stack, stage, "outputs", ""));
            let outputs = outputs_out(outputs, &mut sealer)?;
            RecordOut::Outputs { outputs, marks: sealer.finish() }
        }
    };
    Ok(serde_json::to_string(&out).expect("names and values are JSON"))
}

/// The record in a text, decrypted.
pub(crate) fn decode(text: &RecordText<'_>, places: &Places, vault: &Vault) -> Result<Record, OpenError> {
    let stored: StoredRecord = serde_json::from_str(text.as_str()).map_err(|error| {
        OpenError::Damaged(match text {
            RecordText::Clear(_) => format!("the record is not as it should be ({error})"),
            // The parser's words would quote what was encrypted.
            RecordText::Sealed(_) => "the record is not as it should be".to_owned(),
        })
    })?;
    stored.restore(places, vault)
}

impl StoredRecord {
    fn restore(self, places: &Places, vault: &Vault) -> Result<Record, OpenError> {
        let Places { stack, stage } = places;
        Ok(match self {
            Self::RunStarted { command, at_ms } => Record::RunStarted { command, at_ms },
            Self::RunFinished { at_ms } => Record::RunFinished { at_ms },
            Self::Intent { operation, address, kind, provider, plugin, inputs, desired, marks } => {
                let mut opener = Opener::new(vault, scope(stack, stage, "operation", operation.as_str()), marks);
                let desired = desired.map(|value| opener.value("/desired", value).map(Arc::new)).transpose()?;
                opener.finish()?;
                Record::Intent { operation, address, kind, provider, plugin, inputs, desired }
            }
            Self::Checkpoint { operation, partial, marks } => {
                let mut opener = Opener::new(vault, scope(stack, stage, "operation", operation.as_str()), marks);
                let checkpoint = opener.bytes("/checkpoint")?;
                let checkpoint =
                    checkpoint.ok_or_else(|| OpenError::Damaged("its checkpoint is missing".to_owned()))?;
                let partial = partial.map(|state| state.restore("/partial", &mut opener)).transpose()?;
                opener.finish()?;
                Record::Checkpoint { operation, checkpoint: checkpoint.to_vec(), partial }
            }
            Self::Result { operation, address, entry: None } => Record::Result { operation, address, entry: None },
            Self::Result { operation, address, entry: Some(mut entry) } => {
                let subject = address.to_string();
                let marks = std::mem::take(&mut entry.marks);
                let opener = Opener::new(vault, scope(stack, stage, "resource", &subject), marks);
                let plugin = entry.plugin.clone();
                let entry = Some(Arc::new(entry.restore(plugin, opener)?));
                Record::Result { operation, address, entry }
            }
            Self::Outputs { outputs, marks } => {
                let opener = Opener::new(vault, scope(stack, stage, "outputs", ""), marks);
                Record::Outputs { outputs: outputs_in(outputs, opener)? }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use cofferdam_model::Value;

    use crate::written::Secrets;

    /// As hosts wrote it before an intent held its inputs.
    const OLDER: &str = r#"{"intent":{"operation":"op-00000000000000000000000000000000","address":"t_x.a","kind":"create","provider":"t","plugin":{"name":"t","version":"1.0.0","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"inputs":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}"#;

    #[test]
    fn an_intent_of_an_older_host_has_no_inputs() {
        let root = tempfile::tempdir().expect("temporary directory");
        let vault = Vault::of_tests(root.path());
        let (stack, stage) = (StackName::new("shop").expect("valid"), StageName::new("dev").expect("valid"));
        let places = Places { stack, stage };
        let restore = |text: &str| decode(&RecordText::Clear(text), &places, &vault).expect("opens");
        let sealing = Sealing { vault: &vault, secrets: Secrets::Left };
        let Record::Intent { operation, address, kind, provider, plugin, inputs, desired } = restore(OLDER) else {
            panic!("an intent");
        };
        assert_eq!(desired, None);
        let desired = Some(Arc::new(Value::null()));
        let older = Record::Intent { operation, address, kind, provider, plugin, inputs, desired: None };
        assert_eq!(encode(&older, &places, sealing).expect("writes"), OLDER);
        let mut newer = older;
        if let Record::Intent { desired: inputs, .. } = &mut newer {
            *inputs = desired;
        }
        assert!(restore(&encode(&newer, &places, sealing).expect("writes")) == newer, "null is not nothing");
    }
}
