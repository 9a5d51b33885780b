//! What a stage holds, read with patience: every piece and every snapshot, whole or not.

use std::sync::Arc;

use cofferdam_model::state::StackState;

use super::lines::{ReadPiece, Reader};
use crate::journal::SnapshotRef;
use crate::places::{Places, number_of, serial_of};
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::vault::Vault;
use crate::{Damage, LoadError, NewerFormat};

/// So many missing pieces are named one by one.
pub(super) const GAP: usize = 16;

/// A snapshot that is there.
pub(super) struct Kept {
    pub key: String,
    pub name: String,
    pub serial: u64,
    pub bytes: Vec<u8>,
    pub state: Result<StackState, Damage>,
    /// Its checksum, where it is whole.
    pub sum: Option<String>,
}

/// What a stage holds, read with patience.
pub(super) struct Stock {
    pub pieces: Vec<ReadPiece>,
    pub snapshots: Vec<Kept>,
    /// The highest lease that there is, released or not.
    lease: u64,
}

impl Stock {
    pub(super) fn read(store: &Arc<dyn Store>, places: &Places, vault: &Vault) -> Result<Self, LoadError> {
        let mut reader = Reader::new();
        let mut numbers: Vec<u64> =
            store.list(&places.journal())?.iter().filter_map(|object| number_of(&object.key, "jsonl")).collect();
        numbers.sort_unstable();
        let keys: Vec<String> = numbers.iter().map(|number| places.piece(*number)).collect();
        for ((number, key), bytes) in numbers.into_iter().zip(&keys).zip(store.get_many(&keys)?) {
            if let Some(bytes) = bytes {
                reader.piece(number, key.clone(), &bytes);
            }
        }
        for piece in &reader.pieces {
            if let Some(found) = piece.newer {
                let place = store.place(&piece.key);
                return Err(NewerFormat { place, found, known: crate::journal::line::FORMAT }.into());
            }
        }
        let listed = store.list(&places.states())?;
        let keys: Vec<String> =
            listed.into_iter().map(|object| object.key).filter(|key| serial_of(key).is_some()).collect();
        let mut snapshots = Vec::new();
        for (key, bytes) in keys.iter().zip(store.get_many(&keys)?) {
            if let Some(bytes) = bytes {
                snapshots.push(Kept::read(store, places, vault, key, bytes)?);
            }
        }
        let leases = store.list(&places.leases())?;
        let lease = leases.iter().filter_map(|object| number_of(&object.key, "json")).max().unwrap_or(0);
        Ok(Self { pieces: reader.pieces, snapshots, lease })
    }

    /// The highest lease that wrote.
    pub(super) fn token(&self) -> u64 {
        self.pieces.iter().map(ReadPiece::token).max().unwrap_or(0)
    }

    /// Whether the log is ahead of every lease, so that no run can write on.
    pub(super) fn lost_tokens(&self) -> bool {
        self.token() > self.lease
    }

    /// Everything that is not as it should be.
    pub(super) fn damage(
        &self,
        store: &Arc<dyn Store>,
        places: &Places,
        base: Option<usize>,
        named: Option<&SnapshotRef>,
    ) -> Vec<Damage> {
        let mut found: Vec<Damage> = Vec::new();
        let first = base.unwrap_or(0);
        if let (None, Some(piece)) = (base, self.pieces.first()) {
            let key = places.piece(piece.number.saturating_sub(1));
            if !piece.base {
                found.push(missing(store, &key, "it is missing, and with it what the journal goes on from"));
            }
        }
        for (i, piece) in self.pieces.iter().enumerate().skip(first) {
            if i > first {
                for number in (self.pieces[i - 1].number + 1..piece.number).take(GAP) {
                    found.push(missing(store, &places.piece(number), "it is missing"));
                }
            }
            if let Some((line, what)) = piece.trouble {
                found.push(Damage { place: store.place(&piece.key), line, what: what.to_owned() });
            }
        }
        if self.pieces.is_empty() && !self.snapshots.is_empty() {
            found.push(missing(store, &places.journal(), "the whole journal is missing"));
        }
        if self.lost_tokens() {
            let what = format!("a run wrote with token {}, which is missing: no other can write", self.token());
            found.push(missing(store, &places.leases(), &what));
        }
        found.extend(self.snapshots.iter().filter_map(|kept| kept.state.as_ref().err().cloned()));
        if let Some(named) = named {
            match self.snapshots.iter().find(|kept| kept.name == named.name) {
                None => found.push(missing(store, &places.state(&named.name), "it is missing")),
                Some(kept) if kept.state.is_ok() && kept.sum.as_ref() != Some(&named.sum) => {
                    found.push(missing(store, &kept.key, "it is another snapshot than the journal goes on from"));
                }
                Some(_) => {}
            }
        }
        found
    }

    /// Where to begin, where the snapshot of the base at `base` is gone: at the base of the snapshot that is there, if
    /// nothing between them is missing.
    pub(super) fn base_of(&self, kept: Option<&Kept>, base: usize) -> usize {
        let Some(kept) = kept else { return base };
        let names = |piece: &ReadPiece| {
            let named = piece.header().and_then(|header| header.base.as_ref());
            named.is_some_and(|named| named.name == kept.name)
        };
        let follows = |from: usize| self.pieces[from..=base].windows(2).all(|two| two[0].number + 1 == two[1].number);
        (0..base).rev().find(|&i| names(&self.pieces[i]) && follows(i)).unwrap_or(base)
    }

    /// The first piece behind the last gap.
    pub(super) fn last_run(&self) -> usize {
        let pieces = &self.pieces;
        (1..pieces.len()).rev().find(|&i| pieces[i - 1].number + 1 != pieces[i].number).unwrap_or(0)
    }

    /// What a repair moves: damaged snapshots, and where the log is not whole, all of it but fences below.
    pub(super) fn aside(&self, whole: bool, base: Option<usize>) -> Vec<String> {
        let snapshots = self.snapshots.iter().filter(|kept| kept.state.is_err()).map(|kept| kept.key.clone());
        let first = if base.is_some() { base.unwrap_or(0) } else { self.last_run() };
        let pieces = self.pieces.iter().skip(first).filter(|piece| !whole && !piece.is_fence());
        snapshots.chain(pieces.map(|piece| piece.key.clone())).collect()
    }
}

impl Kept {
    pub(super) fn read(
        store: &Arc<dyn Store>,
        places: &Places,
        vault: &Vault,
        key: &str,
        bytes: Vec<u8>,
    ) -> Result<Self, LoadError> {
        let place = store.place(key);
        let serial = serial_of(key).unwrap_or(0);
        let read = Snapshot::read(&place, &bytes, serial, None);
        let sum = read.as_ref().ok().map(|snapshot| snapshot.sum().to_owned());
        let state = read.and_then(|snapshot| snapshot.open(&place, places, vault)?.restore(&place, places, vault));
        let state = match state {
            Ok(state) => Ok(state),
            Err(LoadError::Damaged(damage)) => Err(damage),
            Err(other) => return Err(other),
        };
        let name = crate::places::last(key).to_owned();
        let sum = sum.filter(|_| state.is_ok());
        Ok(Self { key: key.to_owned(), name, serial, bytes, state, sum })
    }
}

fn missing(store: &Arc<dyn Store>, key: &str, what: &str) -> Damage {
    Damage { place: store.place(key), line: None, what: what.to_owned() }
}

pub(super) fn newest_of(snapshots: &[Kept], is_it: impl Fn(&Kept) -> bool) -> Option<&Kept> {
    snapshots.iter().filter(|kept| kept.state.is_ok() && is_it(kept)).max_by_key(|kept| kept.serial)
}

/// The first piece behind the base at which another base may have been lost: behind a gap, or where the first line of
/// one is damaged.
pub(super) fn hidden_base(pieces: &[ReadPiece], base: Option<usize>) -> Option<usize> {
    let base = base?;
    (base + 1..pieces.len()).find(|&i| pieces[i - 1].number + 1 != pieces[i].number || pieces[i].may_hide_base())
}

pub(super) fn damaged_log(pieces: &[ReadPiece], base: Option<usize>) -> bool {
    pieces[base.unwrap_or(0)..].iter().any(|piece| piece.trouble.is_some())
}
