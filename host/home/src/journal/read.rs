//! Finds the log of a stage and the snapshot that it goes on from, beside a writer that may replace both.

use std::sync::Arc;

use super::line::{FORMAT, Framing, Line, is_base, newer};
use super::scan::{CUT, EMPTY, Log, Piece};
use crate::places::{Places, number_of, serial_of};
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::{Damage, LoadError, NewerFormat};

/// How often a reader looks again when a writer removes what it was about to read.
const READS: usize = 16;
/// Pieces that are read at one time, while their base is looked for.
const AT_ONCE: usize = 256;

/// What a stage holds.
pub(crate) struct Found {
    /// None before the first run that wrote.
    pub log: Option<Log>,
    /// None before the first snapshot.
    pub snapshot: Option<Snapshot>,
    /// Pieces below the base: fences, and what a writer did not come to remove.
    pub below: Vec<u64>,
}

impl Found {
    /// The number of the next piece.
    pub(crate) fn next(&self) -> u64 {
        self.log.as_ref().map_or(0, Log::last) + 1
    }
}

/// Reads a stage. Takes no lease: pieces and snapshots never change, they only come and go.
pub(crate) fn read(store: &Arc<dyn Store>, places: &Places) -> Result<Found, LoadError> {
    let mut reads = 1;
    loop {
        match attempt(store, places)? {
            Ok(found) => return Ok(found),
            // A writer has made a new base and removed what lay below it, or something is gone for good.
            Err(_) if reads < READS => reads += 1,
            Err(damage) => return Err(damage.into()),
        }
    }
}

/// One look; the inner error tells what was not there.
fn attempt(store: &Arc<dyn Store>, places: &Places) -> Result<Result<Found, Damage>, LoadError> {
    let listed = store.list(&places.journal())?;
    let mut numbers: Vec<u64> = listed.iter().filter_map(|object| number_of(&object.key, "jsonl")).collect();
    numbers.sort_unstable();
    // A stage with snapshots has a journal; a listing that misses it is one of a directory that changes meanwhile.
    let nothing = numbers.is_empty() && !store.list(&places.states())?.is_empty();
    let missing = |key: &str| Damage { place: store.place(key), line: None, what: "it is missing".to_owned() };
    if nothing {
        return Ok(Err(missing(&places.journal())));
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at_once = 1;
    let mut based = false;
    while !based && !numbers.is_empty() {
        let batch = numbers.split_off(numbers.len().saturating_sub(at_once));
        at_once = AT_ONCE;
        let keys: Vec<String> = batch.iter().map(|number| places.piece(*number)).collect();
        let mut read = Vec::with_capacity(batch.len() + pieces.len());
        for ((number, key), bytes) in batch.into_iter().zip(&keys).zip(store.get_many(&keys)?) {
            let Some(bytes) = bytes else { return Ok(Err(missing(key))) };
            if is_base(&bytes) {
                based = true;
                numbers.extend(read.drain(..).map(|piece: Piece| piece.number));
            }
            read.push(Piece { number, place: store.place(key), bytes });
        }
        read.append(&mut pieces);
        pieces = read;
    }
    if pieces.is_empty() {
        // A stage that never wrote has no snapshots either; one that lost its journal must not look like it.
        if store.list(&places.states())?.iter().any(|object| serial_of(&object.key).is_some()) {
            let place = store.place(&places.journal());
            return Ok(Err(Damage { place, line: None, what: "the whole journal is missing".to_owned() }));
        }
        return Ok(Ok(Found { log: None, snapshot: None, below: numbers }));
    }
    if !based {
        // Nothing to go on from; unless it is of a format in which bases look different.
        for piece in &pieces {
            if let Some(found) = piece.bytes.split(|byte| *byte == b'\n').next().and_then(newer) {
                return Err(NewerFormat { place: piece.place.clone(), found, known: FORMAT }.into());
            }
        }
        // A base that cannot be read looks like none.
        let unreadable = pieces.iter().find_map(|piece| Some((piece, unreadable(&piece.bytes)?)));
        return Ok(Err(match unreadable {
            Some((piece, what)) => Damage { place: piece.place.clone(), line: None, what: what.to_owned() },
            None => missing(&places.piece(pieces[0].number.saturating_sub(1))),
        }));
    }
    if let Some(pair) = pieces.windows(2).find(|pair| pair[0].number + 1 != pair[1].number) {
        return Ok(Err(missing(&places.piece(pair[0].number + 1))));
    }
    // The base is looked at last: as long as it is there, nothing behind it was removed, passed over by the listing, or
    // made anew by a request that was under way since long ago.
    if pieces.len() > 1 {
        let base = places.piece(pieces[0].number);
        if store.get(&base)?.is_none() {
            return Ok(Err(missing(&base)));
        }
    }
    let log = Log::scan(places, pieces)?;
    let Some(base) = &log.header.base else { return Ok(Ok(Found { log: Some(log), snapshot: None, below: numbers })) };
    let key = places.state(&base.name);
    let Some(bytes) = store.get(&key)? else { return Ok(Err(missing(&key))) };
    let snapshot = Snapshot::read(&store.place(&key), &bytes, base.serial, Some(base))?;
    Ok(Ok(Found { log: Some(log), snapshot: Some(snapshot), below: numbers }))
}

/// Whether a piece is a base, and whole.
pub(crate) fn is_whole_base(places: &Places, number: u64, bytes: &[u8]) -> bool {
    let piece = Piece { number, place: String::new(), bytes: bytes.to_vec() };
    is_base(bytes) && Log::scan(places, vec![piece]).is_ok()
}

/// What is wrong with a piece whose first line cannot be read; none where it can.
fn unreadable(piece: &[u8]) -> Option<&'static str> {
    let line = piece.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let line: Result<Line<'_>, _> = serde_json::from_slice(line);
    match line {
        _ if piece.is_empty() => Some(EMPTY),
        Ok(_) => None,
        Err(error) if error.is_eof() => Some(CUT),
        Err(_) => Some("its first line is no record"),
    }
}

/// Whether a piece is a fence, or cannot be told.
pub(crate) fn is_fence(store: &dyn Store, key: &str) -> bool {
    match store.get(key) {
        Ok(Some(bytes)) => bytes.split(|byte| *byte == b'\n').any(|line| {
            let line: Option<Line<'_>> = serde_json::from_slice(line).ok();
            let framing = line.and_then(|line| Framing::read(line.r.get()));
            matches!(framing, Some(Ok(Framing::Lease(lease))) if lease.fence)
        }),
        Ok(None) => false,
        Err(_) => true,
    }
}
