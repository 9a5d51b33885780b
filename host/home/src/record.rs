//! The stored form of the journal's records.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_model::journal::{Record, WriteKind};
use cofferdam_model::state::PluginIdentity;
use cofferdam_model::{Address, Digest, OperationId, ProviderKey, StackName, StageName};
use serde::{Deserialize, Serialize};

use crate::SealError;
use crate::entry::{EntryIn, EntryOut, StateIn, StateOut};
use crate::marks::{Marks, Opener, Sealer};
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
pub(crate) enum StoredRecord {
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

fn scope<'a>(stack: &'a StackName, stage: &'a StageName, class: &'static str, subject: &'a str) -> Scope<'a> {
    Scope { stack: stack.as_str(), stage: stage.as_str(), kind: Kind::Journal, class, subject }
}

/// Whether a record changes what a reader of the journal makes of it.
pub(crate) fn changes_state(record: &Record) -> bool {
    !matches!(record, Record::RunStarted { .. } | Record::RunFinished { .. })
}

/// The text of a record, its secrets encrypted.
pub(crate) fn encode(
    record: &Record,
    stack: &StackName,
    stage: &StageName,
    vault: &Vault,
) -> Result<String, SealError> {
    let out = match record {
        Record::RunStarted { command, at_ms } => RecordOut::RunStarted { command, at_ms: *at_ms },
        Record::RunFinished { at_ms } => RecordOut::RunFinished { at_ms: *at_ms },
        Record::Intent { operation, address, kind, provider, plugin, inputs } => {
            RecordOut::Intent { operation, address, kind: *kind, provider, plugin, inputs }
        }
        Record::Checkpoint { operation, checkpoint, partial } => {
            let mut sealer = Sealer::new(vault, scope(stack, stage, "operation", operation.as_str()));
            sealer.bytes("/checkpoint", checkpoint)?;
            let partial = partial.as_ref().map(|state| StateOut::new(state, "/partial", &mut sealer)).transpose()?;
            RecordOut::Checkpoint { operation, partial, marks: sealer.finish() }
        }
        Record::Result { operation, address, entry } => {
            let subject = address.to_string();
            let sealer = Sealer::new(vault, scope(stack, stage, "resource", &subject));
            let entry = entry.as_ref().map(|entry| EntryOut::new(entry, &entry.plugin, sealer)).transpose()?;
            RecordOut::Result { operation: operation.as_ref(), address, entry }
        }
        Record::Outputs { outputs } => {
            let mut sealer = Sealer::new(vault, scope(stack, stage, "outputs", ""));
            let outputs = outputs_out(outputs, &mut sealer)?;
            RecordOut::Outputs { outputs, marks: sealer.finish() }
        }
    };
    Ok(serde_json::to_string(&out).expect("names and values are JSON"))
}

impl StoredRecord {
    /// The record, decrypted.
    pub(crate) fn restore(self, stack: &StackName, stage: &StageName, vault: &Vault) -> Result<Record, OpenError> {
        Ok(match self {
            Self::RunStarted { command, at_ms } => Record::RunStarted { command, at_ms },
            Self::RunFinished { at_ms } => Record::RunFinished { at_ms },
            Self::Intent { operation, address, kind, provider, plugin, inputs } => {
                Record::Intent { operation, address, kind, provider, plugin, inputs }
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
