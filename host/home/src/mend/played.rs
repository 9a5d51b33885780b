//! Plays the records that are left on a state, and remembers what is not left.

use std::sync::Arc;

use cofferdam_model::state::StackState;

use super::lines::{Check, ReadLine, ReadPiece};
use super::stock::GAP;
use super::{Lost, words};
use crate::journal::Steps;
use crate::journal::sealed::RecordText;
use crate::places::Places;
use crate::record::decode;
use crate::replay::Replay;
use crate::store::Store;
use crate::vault::{OpenError, Vault};
use crate::{Damage, LoadError};

/// Records as they are played on a state.
pub(super) struct Played {
    pub replay: Replay,
    pub steps: Steps,
    pub records: usize,
    pub unchecked: Vec<Lost>,
    pub lost: Vec<Lost>,
    /// Records whose checksum is right and that do not open.
    pub forged: Vec<Damage>,
}

impl Played {
    pub(super) fn new(state: StackState) -> Self {
        let (unchecked, lost, forged) = (Vec::new(), Vec::new(), Vec::new());
        Self { replay: Replay::new(state), steps: Steps::default(), records: 0, unchecked, lost, forged }
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
            let opened = match open(line, places, vault) {
                Err(OpenError::Key(error)) => return Err(error.into()),
                opened => opened,
            };
            let decoded = opened.as_ref().map(|text| decode(text, places, vault));
            let record = match decoded {
                Ok(Err(OpenError::Key(error))) => return Err(error.into()),
                Ok(decoded) => decoded.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            // What can be read of it for people: nothing of what was encrypted and does not open.
            let text = opened.as_ref().map_or(line.body.as_str(), RecordText::as_str);
            let record = match record {
                Ok(record) => record,
                Err(what) => {
                    let said = if line.body.is_empty() { words::fragment(&line.rest) } else { None };
                    self.lost.extend(said.or_else(|| words::record(text, &place, line.line)));
                    if line.check == Check::Whole {
                        self.forged.push(Damage { place: place.clone(), line: Some(line.line), what });
                    }
                    continue;
                }
            };
            if line.check == Check::Unchecked {
                self.unchecked.extend(words::record(text, &place, line.line));
            }
            self.records += 1;
            self.steps.note(&record);
            self.replay.play(record);
        }
        if piece.cut {
            let lines = piece.lines.len();
            let behind = if lines == 0 { String::new() } else { format!("behind line {lines} ") };
            self.lost.push(Lost::words(format!("whatever else stood {behind}in `{place}`")));
        }
        Ok(())
    }

    /// Names pieces that are not there.
    pub(super) fn gaps(&mut self, store: &Arc<dyn Store>, places: &Places, pieces: &[ReadPiece]) {
        for two in pieces.windows(2) {
            for number in (two[0].number + 1..two[1].number).take(GAP) {
                self.gone(store, places, number);
            }
        }
    }

    /// Names a piece that is not there.
    pub(super) fn gone(&mut self, store: &Arc<dyn Store>, places: &Places, number: u64) {
        let place = store.place(&places.piece(number));
        self.lost.push(Lost::words(format!("every record of `{place}`")));
    }
}

/// The text of a line that may be relied on.
fn open<'a>(line: &'a ReadLine, places: &Places, vault: &Vault) -> Result<RecordText<'a>, OpenError> {
    match line.check {
        Check::Damaged => Err(OpenError::Damaged("the checksum does not match".to_owned())),
        Check::Whole | Check::Unchecked => RecordText::open(&line.body, line.number, places, vault),
    }
}
