//! The writes that a log has in flight, as they are written into the next base.

use std::collections::HashMap;

use cofferdam_model::OperationId;
use cofferdam_model::journal::Record;

/// A write in flight, as the journal tells of it.
pub(crate) struct OpenStep {
    pub operation: OperationId,
    /// What began it.
    pub intent: Record,
    /// How far it is known to have come.
    pub checkpoint: Option<Record>,
}

impl OpenStep {
    /// The step that an intent begins; none for any other record.
    pub(super) fn begun(intent: &Record) -> Option<Self> {
        let Record::Intent { operation, .. } = intent else { return None };
        Some(Self { operation: operation.clone(), intent: intent.clone(), checkpoint: None })
    }

    /// Takes up what a later record of the same operation tells. An intent that is told again keeps the checkpoint, and
    /// either keeps what only an earlier one told: as [`crate::replay::Replay`] reads them.
    pub(super) fn note(&mut self, record: &Record) {
        let mut record = record.clone();
        match (&mut record, &self.intent, &self.checkpoint) {
            (Record::Intent { desired, .. }, Record::Intent { desired: known, .. }, _) => {
                *desired = desired.take().or_else(|| known.clone());
                self.intent = record;
            }
            (Record::Checkpoint { partial, .. }, _, known) => {
                if let (None, Some(Record::Checkpoint { partial: known, .. })) = (&partial, known) {
                    partial.clone_from(known);
                }
                self.checkpoint = Some(record);
            }
            _ => {}
        }
    }
}

/// The operation whose end a record tells.
pub(super) fn ended(record: &Record) -> Option<&OperationId> {
    match record {
        Record::Result { operation, .. } => operation.as_ref(),
        _ => None,
    }
}

/// The operation that a record begins or goes on with.
pub(super) fn open(record: &Record) -> Option<&OperationId> {
    match record {
        Record::Intent { operation, .. } | Record::Checkpoint { operation, .. } => Some(operation),
        _ => None,
    }
}

/// Steps by their operation, as records are played.
#[derive(Default)]
pub(crate) struct Steps(HashMap<OperationId, OpenStep>);

impl Steps {
    /// Takes up a record.
    pub(crate) fn note(&mut self, record: &Record) {
        if let Some(operation) = ended(record) {
            self.0.remove(operation);
        }
        let Some(operation) = open(record) else { return };
        match self.0.get_mut(operation) {
            Some(step) => step.note(record),
            None => {
                if let Some(step) = OpenStep::begun(record) {
                    self.0.insert(operation.clone(), step);
                }
            }
        }
    }

    /// Takes out what is known of an operation.
    pub(crate) fn take(&mut self, operation: &OperationId) -> Option<OpenStep> {
        self.0.remove(operation)
    }
}
