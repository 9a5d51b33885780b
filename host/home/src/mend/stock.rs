//! What a stage holds, read with patience: every piece and every snapshot, whole or not.

use std::sync::Arc;

use cofferdam_model::state::StackState;

use super::lines::{Check, ReadPiece};
use super::pieces::Pieces;
use super::{Lost, words};
use crate::journal::SnapshotRef;
use crate::places::{Places, last, number_of, serial_of};
use crate::secrets;
use crate::snapshot::Snapshot;
use crate::spare::{self, Spare};
use crate::store::Store;
use crate::vault::Vault;
use crate::{Damage, LoadError, SecretsError};

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

/// A list of secrets that is there.
pub(super) struct KeptList {
    key: String,
    number: u64,
    damage: Option<Damage>,
    /// What it has secrets for, where it is damaged and that can still be read.
    names: Vec<String>,
}

/// The newest spare that is there.
pub(super) struct KeptSpare {
    /// Its copy of the snapshot.
    pub snapshot: Kept,
    /// What is wrong with it.
    damage: Option<Damage>,
}

/// What a stage holds, read with patience.
pub(super) struct Stock {
    pub pieces: Vec<ReadPiece>,
    /// What is wrong with the base that the spare stands in for.
    pub replaced: Option<Damage>,
    /// The key of that base where there is no such object.
    absent: Option<String>,
    pub snapshots: Vec<Kept>,
    pub spare: Option<KeptSpare>,
    pub secrets: Vec<KeptList>,
    /// The highest lease that there is, released or not.
    lease: u64,
}

impl Stock {
    pub(super) fn read(store: &Arc<dyn Store>, places: &Places, vault: &Vault) -> Result<Self, LoadError> {
        let newest = spare::all(&**store, places)?.pop();
        let Pieces { read: pieces, replaced, absent } = Pieces::read(store, places, newest.as_ref())?;
        let spare = newest.map(|spare| KeptSpare::read(store, places, vault, spare)).transpose()?;
        let listed = store.list(&places.states())?;
        let keys: Vec<String> =
            listed.into_iter().map(|object| object.key).filter(|key| serial_of(key).is_some()).collect();
        let mut snapshots = Vec::new();
        for (key, bytes) in keys.iter().zip(store.get_many(&keys)?) {
            if let Some(bytes) = bytes {
                snapshots.push(Kept::read(store, places, vault, (key, last(key)), bytes)?);
            }
        }
        let leases = store.list(&places.leases())?;
        let lease = leases.iter().filter_map(|object| number_of(&object.key, "json")).max().unwrap_or(0);
        let secrets = KeptList::all(store, places, vault)?;
        Ok(Self { pieces, replaced, absent, snapshots, spare, secrets, lease })
    }

    /// The highest lease that wrote.
    pub(super) fn token(&self) -> u64 {
        self.pieces.iter().map(ReadPiece::token).max().unwrap_or(0)
    }

    /// Whether the log is ahead of every lease, so that no run can write on.
    pub(super) fn lost_tokens(&self) -> bool {
        self.token() > self.lease
    }

    /// The piece before the first, where that one was not the first.
    pub(super) fn before_first(&self) -> Option<u64> {
        let first = self.pieces.first()?;
        // One that cannot be read may be what the journal goes on from.
        let unreadable = first.lines.first().is_none_or(|line| line.check == Check::Damaged);
        (!first.base && !unreadable).then(|| first.number.saturating_sub(1))
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
        if let (None, Some(number)) = (base, self.before_first()) {
            let what = "it is missing, and with it what the journal goes on from";
            found.push(missing(store, &places.piece(number), what));
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
        found.extend(self.replaced.clone());
        found.extend(self.snapshots.iter().filter_map(|kept| kept.state.as_ref().err().cloned()));
        found.extend(self.spare.iter().filter_map(|spare| spare.damage.clone()));
        found.extend(self.secrets.iter().filter_map(|list| list.damage.clone()));
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

    /// What people set and lose with the list that counts, where that is damaged.
    pub(super) fn lost_secrets(&self) -> Option<Lost> {
        let newest = self.secrets.iter().max_by_key(|list| list.number).filter(|list| list.damage.is_some())?;
        let whole = self.secrets.iter().filter(|list| list.damage.is_none()).max_by_key(|list| list.number);
        let names = match &newest.names[..] {
            [] => String::new(),
            names => format!(" (it had {})", names.join(", ")),
        };
        Some(Lost::words(match whole {
            Some(whole) => format!("what was done to the secrets since `{}`{names}", whole.key),
            None => format!("the secrets of the stage{names}: set them again"),
        }))
    }

    /// What a repair moves: damaged snapshots and lists of secrets, and where the log is not whole, all of it but fences below.
    pub(super) fn aside(&self, whole: bool, base: Option<usize>) -> Vec<String> {
        let snapshots = self.snapshots.iter().filter(|kept| kept.state.is_err()).map(|kept| kept.key.clone());
        let first = if base.is_some() { base.unwrap_or(0) } else { self.last_run() };
        let is_there = |piece: &&ReadPiece| self.absent.as_ref() != Some(&piece.key);
        let pieces = self.pieces.iter().skip(first).filter(|piece| !whole && !piece.is_fence()).filter(is_there);
        let lists = self.secrets.iter().filter(|list| list.damage.is_some()).map(|list| list.key.clone());
        let spare = self.spare.iter().filter(|spare| spare.damage.is_some()).map(|spare| spare.snapshot.key.clone());
        snapshots.chain(pieces.map(|piece| piece.key.clone())).chain(lists).chain(spare).collect()
    }
}

impl KeptSpare {
    fn read(store: &Arc<dyn Store>, places: &Places, vault: &Vault, spare: Spare) -> Result<Self, LoadError> {
        let Spare { key, name, snapshot, base, .. } = spare;
        let snapshot = Kept::read(store, places, vault, (&key, &name), snapshot)?;
        let no_base = || Damage { place: store.place(&key), line: Some(2), what: "it is no whole base".to_owned() };
        let damage = snapshot.state.as_ref().err().cloned().or_else(|| base.is_none().then(no_base));
        Ok(Self { snapshot, damage })
    }
}

impl KeptList {
    fn all(store: &Arc<dyn Store>, places: &Places, vault: &Vault) -> Result<Vec<Self>, LoadError> {
        let listed = store.list(&places.secrets())?;
        let numbered = |key: &String| number_of(key, "json").is_some();
        let keys: Vec<String> = listed.into_iter().map(|object| object.key).filter(numbered).collect();
        let mut lists = Vec::new();
        let contents = store.get_many(&keys)?;
        for (key, bytes) in keys.into_iter().zip(contents) {
            let Some(bytes) = bytes else { continue };
            let number = number_of(&key, "json").unwrap_or(0);
            let damage = match secrets::check(vault, places, &store.place(&key), &bytes, number) {
                Err(SecretsError::Damaged(damage)) => Some(damage),
                Err(SecretsError::Store(error)) => return Err(error.into()),
                // One that is locked or newer may be whole.
                Ok(_) | Err(_) => None,
            };
            let names = if damage.is_some() { words::secrets(&bytes) } else { Vec::new() };
            lists.push(Self { key, number, damage, names });
        }
        Ok(lists)
    }
}

impl Kept {
    pub(super) fn read(
        store: &Arc<dyn Store>,
        places: &Places,
        vault: &Vault,
        (key, name): (&str, &str),
        bytes: Vec<u8>,
    ) -> Result<Self, LoadError> {
        let place = store.place(key);
        let serial = serial_of(name).unwrap_or(0);
        let read = Snapshot::read(&place, &bytes, serial, None);
        let sum = read.as_ref().ok().map(|snapshot| snapshot.sum().to_owned());
        let state = read.and_then(|snapshot| snapshot.open(&place, places, vault)?.restore(&place, places, vault));
        let state = match state {
            Ok(state) => Ok(state),
            Err(LoadError::Damaged(damage)) => Err(damage),
            Err(other) => return Err(other),
        };
        let sum = sum.filter(|_| state.is_ok());
        Ok(Self { key: key.to_owned(), name: name.to_owned(), serial, bytes, state, sum })
    }
}

fn missing(store: &Arc<dyn Store>, key: &str, what: &str) -> Damage {
    Damage { place: store.place(key), line: None, what: what.to_owned() }
}

pub(super) fn newest_of<'a>(
    snapshots: impl IntoIterator<Item = &'a Kept>,
    is_it: impl Fn(&Kept) -> bool,
) -> Option<&'a Kept> {
    snapshots.into_iter().filter(|kept| kept.state.is_ok() && is_it(kept)).max_by_key(|kept| kept.serial)
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
