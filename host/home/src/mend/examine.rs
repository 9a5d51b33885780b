//! Works out what of a damaged stage can be kept: the newest whole snapshot, and every whole record that belongs behind
//! it. Changes nothing.

use std::sync::Arc;

use cofferdam_model::Address;
use cofferdam_model::journal::InFlight;
use cofferdam_model::state::StackState;

use super::played::Played;
use super::stock::{Kept, Stock, damaged_log, hidden_base, newest_of};
use super::words;
use crate::journal::{OpenStep, SnapshotRef};
use crate::places::Places;
use crate::store::Store;
use crate::vault::Vault;
use crate::{Damage, LoadError, Loaded};

/// Something that was recorded and is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// What it said, as far as that can still be read.
    pub words: String,
    /// The resource that it was about.
    pub address: Option<Address>,
    /// What names the object: property and value.
    pub identity: Vec<(String, String)>,
}

impl Lost {
    pub(super) fn words(words: String) -> Self {
        Self { words, address: None, identity: Vec::new() }
    }
}

/// What a repair goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Neither damaged nor missing: the state itself is whole.
    Current(u64),
    /// A snapshot, which is the newest that is whole.
    Snapshot(u64),
    /// No snapshot is whole, or none was ever made.
    Nothing,
}

/// What a repair will do.
pub struct Repair {
    /// What is damaged or missing.
    pub damaged: Vec<Damage>,
    /// What it goes on from.
    pub start: Start,
    /// Records of the journal that are taken over.
    pub records: usize,
    /// Records that are taken over although what their checksum covers is gone in part.
    pub unchecked: Vec<Lost>,
    /// What is gone.
    pub lost: Vec<Lost>,
    /// The state afterwards, with the lineage it has and without its new serial.
    pub state: StackState,
    /// Writes whose end is not known.
    pub in_flight: Vec<InFlight>,
    pub(super) plan: Plan,
}

/// The objects that it touches.
pub(super) struct Plan {
    /// Copied aside, then removed.
    pub aside: Vec<String>,
    /// The number of the next piece.
    pub next: u64,
    /// The serial of the next snapshot.
    pub serial: u64,
    /// The writes in flight.
    pub steps: Vec<OpenStep>,
    /// The highest lease that wrote.
    pub token: u64,
}

/// What of a stage belongs together.
struct Shape<'a> {
    stock: &'a Stock,
    /// The newest base that can be read.
    base: Option<usize>,
    /// The snapshot that it names.
    named: Option<&'a SnapshotRef>,
    /// The same, where it is there and whole.
    of_base: Option<&'a Kept>,
    /// The newest snapshot that is whole.
    newest: Option<&'a Kept>,
    /// Where another base may have been lost.
    hidden: Option<usize>,
    /// Whether the state can be told without any loss, and written on.
    whole: bool,
}

fn serial(kept: Option<&Kept>) -> u64 {
    kept.map_or(0, |kept| kept.serial)
}

impl<'a> Shape<'a> {
    fn of(stock: &'a Stock) -> Self {
        let Stock { pieces, snapshots, .. } = stock;
        let base = pieces.iter().rposition(|piece| piece.header().is_some());
        let named = base.and_then(|at| pieces[at].header()).and_then(|header| header.base.as_ref());
        let is_named =
            |kept: &Kept| named.is_some_and(|named| kept.name == named.name && kept.sum.as_ref() == Some(&named.sum));
        // The copy in the spare is as good, and better than any other snapshot.
        let spare = || stock.spare.iter().map(|spare| &spare.snapshot);
        let of_base = newest_of(spare().chain(snapshots), is_named);
        let is_there = newest_of(snapshots, is_named).is_some();
        let hidden = hidden_base(pieces, base);
        let whole_log = base.is_some()
            && hidden.is_none()
            && stock.replaced.is_none()
            && !damaged_log(pieces, base)
            && !stock.lost_tokens();
        let never_written = pieces.is_empty() && snapshots.is_empty();
        let whole = never_written || (whole_log && (named.is_none() || is_there));
        // Of two with one serial the later one counts: the snapshot itself before its copy.
        let newest = newest_of(spare().chain(snapshots), |_| true);
        Self { stock, base, named, of_base, newest, hidden, whole }
    }

    /// The snapshot to go on from, and the first piece whose records belong behind it.
    fn start(&self) -> (Option<&'a Kept>, usize) {
        let named = self.named.map_or(0, |named| named.serial);
        match (self.base, self.hidden) {
            _ if self.whole => (self.of_base, self.base.unwrap_or(0)),
            // A base may have been where something is gone now, and a newer snapshot says that it was.
            (Some(_), Some(hidden)) if serial(self.newest) > named => (self.newest, hidden),
            (Some(base), _) if self.of_base.is_some() || self.named.is_none() => (self.of_base, base),
            (Some(base), _) => (self.newest, self.stock.base_of(self.newest, base)),
            (None, _) => (self.newest, self.stock.last_run()),
        }
    }

    /// What snapshots that are gone said, beside the state that is left.
    fn lost_snapshots(&self, from: u64, left: &StackState) -> Vec<Lost> {
        let between = |to| Lost::words(format!("every change between serial {from} and serial {to}"));
        let mut lost = Vec::new();
        for kept in self.stock.snapshots.iter().filter(|kept| kept.state.is_err() && kept.serial > from) {
            lost.push(between(kept.serial));
            let gone = |lost: &Lost| lost.address.as_ref().is_none_or(|a| !left.resources.contains_key(a));
            lost.extend(words::snapshot(&kept.bytes).into_iter().filter(gone));
        }
        let is_there = |named: &SnapshotRef| self.stock.snapshots.iter().any(|kept| kept.name == named.name);
        let gone = self.named.filter(|named| !is_there(named) && named.serial > from);
        lost.extend(gone.map(|named| between(named.serial)));
        lost
    }

    fn lineage(&self) -> String {
        let kept = self.stock.snapshots.iter().filter_map(|kept| kept.state.as_ref().ok());
        let named = self.named.map(|named| named.lineage.clone());
        named.or_else(|| kept.map(|state| state.lineage.clone()).next_back()).unwrap_or_default()
    }

    fn highest_serial(&self) -> u64 {
        let named = self.named.map(|named| named.serial);
        self.stock.snapshots.iter().map(|kept| kept.serial).chain(named).max().unwrap_or(0)
    }
}

/// Looks at a stage; none where it is whole.
pub(super) fn examine(store: &Arc<dyn Store>, places: &Places, vault: &Vault) -> Result<Option<Repair>, LoadError> {
    let stock = Stock::read(store, places, vault)?;
    let shape = Shape::of(&stock);
    let mut damaged = stock.damage(store, places, shape.base, shape.named);
    let (from, first) = shape.start();
    let empty = StackState::empty(places.stack.clone(), places.stage.clone());
    let mut played = Played::new(from.and_then(|kept| kept.state.as_ref().ok()).cloned().unwrap_or(empty));
    let pieces = &stock.pieces[first.min(stock.pieces.len())..];
    for piece in pieces {
        played.piece(store, places, vault, piece)?;
    }
    damaged.append(&mut played.forged);
    let whole = shape.whole && played.lost.is_empty();
    if whole && damaged.is_empty() {
        return Ok(None);
    }
    if let (None, Some(number)) = (shape.base, stock.before_first()) {
        played.gone(store, places, number);
    }
    played.gaps(store, places, pieces);
    let Played { replay, mut steps, records, unchecked, mut lost, .. } = played;
    let Loaded { mut state, in_flight, .. } = replay.finish();
    if !whole {
        lost.extend(shape.lost_snapshots(serial(from), &state));
    }
    lost.extend(stock.lost_secrets());
    if state.lineage.is_empty() {
        state.lineage = shape.lineage();
    }
    let plan = Plan {
        aside: stock.aside(whole, shape.base),
        next: stock.pieces.last().map_or(0, |piece| piece.number) + 1,
        serial: shape.highest_serial() + 1,
        steps: in_flight.iter().filter_map(|step| steps.take(&step.operation)).collect(),
        token: stock.token(),
    };
    let start = match from {
        _ if whole => Start::Current(serial(shape.of_base)),
        Some(kept) => Start::Snapshot(kept.serial),
        None => Start::Nothing,
    };
    Ok(Some(Repair { damaged, start, records, unchecked, lost, state, in_flight, plan }))
}
