//! What a journal makes of a snapshot: the state after its last record, and the writes that were in flight.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cofferdam_model::OperationId;
use cofferdam_model::journal::{InFlight, Record};
use cofferdam_model::state::StackState;

use crate::record::changes_state;

/// A stage as it was left.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The snapshot with everything that the journal says. Lineage and serial are the snapshot's.
    pub state: StackState,
    /// Writes that were begun and whose end is not known, in the order in which they began.
    pub in_flight: Vec<InFlight>,
    /// Whether the last run was cut off before it made its snapshot.
    pub recovered: bool,
}

/// A state on which records are played, one by one.
pub(crate) struct Replay {
    state: StackState,
    // By the order in which they began.
    in_flight: BTreeMap<usize, InFlight>,
    order: HashMap<OperationId, usize>,
    // Of the run whose records are being played.
    command: Option<String>,
    records: usize,
    changed: bool,
}

impl Replay {
    pub(crate) fn new(state: StackState) -> Self {
        Self { state, in_flight: BTreeMap::new(), order: HashMap::new(), command: None, records: 0, changed: false }
    }

    /// Plays one record. An intent that is told again, by a run that settles it, keeps its checkpoint and the command
    /// that began it; a checkpoint that tells no object keeps what an earlier one told.
    pub(crate) fn play(&mut self, record: Record) {
        self.records += 1;
        self.changed |= changes_state(&record);
        match record {
            Record::RunStarted { command, .. } => self.command = Some(command),
            Record::RunFinished { .. } => self.command = None,
            Record::Intent { operation, address, kind, provider, plugin, inputs, desired } => {
                let order = *self.order.entry(operation.clone()).or_insert(self.records);
                let (command, checkpoint, partial, known) = match self.in_flight.remove(&order) {
                    Some(before) => (before.command, before.checkpoint, before.partial, before.desired),
                    None => (self.command.clone(), None, None, None),
                };
                let desired = desired.or(known);
                let step = InFlight {
                    operation,
                    address,
                    kind,
                    provider,
                    plugin,
                    inputs,
                    desired,
                    command,
                    checkpoint,
                    partial,
                };
                self.in_flight.insert(order, step);
            }
            Record::Checkpoint { operation, checkpoint, partial } => {
                if let Some(step) = self.order.get(&operation).and_then(|order| self.in_flight.get_mut(order)) {
                    step.checkpoint = Some(checkpoint);
                    step.partial = partial.or(step.partial.take());
                }
            }
            Record::Result { operation, address, entry } => {
                if let Some(order) = operation.and_then(|operation| self.order.remove(&operation)) {
                    self.in_flight.remove(&order);
                }
                match entry {
                    Some(entry) => self.state.resources.insert(address, Arc::unwrap_or_clone(entry)),
                    None => self.state.resources.remove(&address),
                };
            }
            Record::Outputs { outputs } => self.state.outputs = outputs,
        }
    }

    /// Whether a record changed anything.
    pub(crate) fn changed(&self) -> bool {
        self.changed
    }

    pub(crate) fn finish(self) -> Loaded {
        Loaded { state: self.state, in_flight: self.in_flight.into_values().collect(), recovered: self.changed }
    }
}
