//! Plays the records that are left on a state, and remembers what is not left.

use std::collections::HashMap;
use std::sync::Arc;

use cofferdam_model::OperationId;
use cofferdam_model::journal::Record;
use cofferdam_model::state::StackState;

use super::lines::{Check, ReadPiece};
use super::stock::GAP;
use super::{Lost, words};
use crate::LoadError;
use crate::journal::OpenStep;
use crate::places::Places;
use crate::record::StoredRecord;
use crate::replay::Replay;
use crate::store::Store;
use crate::vault::{OpenError, Vault};

/// Records as they are played on a state.
pub(super) struct Played {
    pub replay: Replay,
    pub steps: HashMap<OperationId, OpenStep>,
    pub records: usize,
    pub unchecked: Vec<Lost>,
    pub lost: Vec<Lost>,
}

impl Played {
    pub(super) fn new(state: StackState) -> Self {
        let (steps, unchecked, lost) = (HashMap::new(), Vec::new(), Vec::new());
        Self { replay: Replay::new(state), steps, records: 0, unchecked, lost }
    }

    pub(super) fn piece(
        &mut self,
        store: &Arc<dyn Store>,
        places: &Places,
        vault: &Vault,
        piece: &ReadPiece,
    ) -> Result<(), LoadError> {
        let place = store.place(&piece.key);
        for line in &piece.lines {
            if line.check != Check::Damaged && line.framing.is_some() {
                continue;
            }
            let stored: Option<StoredRecord> =
                if line.check == Check::Damaged { None } else { serde_json::from_str(&line.body).ok() };
            let restored = stored.map(|stored| stored.restore(&places.stack, &places.stage, vault)).transpose();
            let record = match restored {
                Ok(record) => record,
                Err(OpenError::Key(error)) => return Err(error.into()),
                Err(OpenError::Damaged(_)) => None,
            };
            let Some(record) = record else {
                let said = if line.body.is_empty() { words::fragment(&line.rest) } else { None };
                self.lost.extend(said.or_else(|| words::record(&line.body, &place, line.line)));
                continue;
            };
            if line.check == Check::Unchecked {
                self.unchecked.extend(words::record(&line.body, &place, line.line));
            }
            self.records += 1;
            self.track(&record, &line.body);
            self.replay.play(record);
        }
        if piece.cut {
            let lines = piece.lines.len();
            let behind = if lines == 0 { String::new() } else { format!("behind line {lines} ") };
            self.lost.push(Lost::words(format!("whatever else stood {behind}in `{place}`")));
        }
        Ok(())
    }

    /// Keeps the texts of writes in flight.
    fn track(&mut self, record: &Record, text: &str) {
        match record {
            Record::Intent { operation, .. } => {
                let step = OpenStep { operation: operation.clone(), intent: text.to_owned(), checkpoint: None };
                let known = self.steps.entry(operation.clone());
                known.and_modify(|step| text.clone_into(&mut step.intent)).or_insert(step);
            }
            Record::Checkpoint { operation, .. } => {
                if let Some(step) = self.steps.get_mut(operation) {
                    step.checkpoint = Some(text.to_owned());
                }
            }
            Record::Result { operation: Some(operation), .. } => drop(self.steps.remove(operation)),
            _ => {}
        }
    }

    /// Names pieces that are not there.
    pub(super) fn gaps(&mut self, store: &Arc<dyn Store>, places: &Places, pieces: &[ReadPiece]) {
        for two in pieces.windows(2) {
            for number in (two[0].number + 1..two[1].number).take(GAP) {
                let place = store.place(&places.piece(number));
                self.lost.push(Lost::words(format!("every record of `{place}`")));
            }
        }
    }
}
