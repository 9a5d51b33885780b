//! Reads the pieces of a log. Where the newest base is damaged or gone, the copy of it in the spare stands in for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lines::{ReadPiece, Reader};
use crate::journal::line::FORMAT;
use crate::places::{Places, number_of};
use crate::spare::Spare;
use crate::store::Store;
use crate::{Damage, LoadError, NewerFormat};

/// The pieces, in the order of their numbers.
pub(super) struct Pieces {
    pub read: Vec<ReadPiece>,
    /// What is wrong with the base that the spare stands in for.
    pub replaced: Option<Damage>,
    /// The key of that base where there is no such object.
    pub absent: Option<String>,
}

impl Pieces {
    pub(super) fn read(store: &Arc<dyn Store>, places: &Places, spare: Option<&Spare>) -> Result<Self, LoadError> {
        let listed = store.list(&places.journal())?;
        let numbers: Vec<u64> = listed.iter().filter_map(|object| number_of(&object.key, "jsonl")).collect();
        let keys: Vec<String> = numbers.iter().map(|number| places.piece(*number)).collect();
        let found = numbers.into_iter().zip(store.get_many(&keys)?);
        let mut contents: BTreeMap<u64, Vec<u8>> = found.filter_map(|(number, bytes)| Some((number, bytes?))).collect();
        let read = lines(places, &contents);
        for piece in &read {
            if let Some(found) = piece.newer {
                return Err(NewerFormat { place: store.place(&piece.key), found, known: FORMAT }.into());
            }
        }
        let Some((number, base)) = spare.and_then(|spare| Some((spare.number, spare.base.as_ref()?))) else {
            return Ok(Self { read, replaced: None, absent: None });
        };
        if read.iter().any(|piece| piece.number >= number && piece.header().is_some()) {
            return Ok(Self { read, replaced: None, absent: None });
        }
        let there = read.iter().find(|piece| piece.number == number);
        let (line, what) = match there.map(|piece| piece.trouble) {
            None => (None, "it is missing"),
            Some(trouble) => trouble.unwrap_or((None, "it is another piece than the one that was written")),
        };
        let key = places.piece(number);
        let replaced = Some(Damage { place: store.place(&key), line, what: what.to_owned() });
        let absent = there.is_none().then_some(key);
        contents.insert(number, base.clone());
        Ok(Self { read: lines(places, &contents), replaced, absent })
    }
}

fn lines(places: &Places, contents: &BTreeMap<u64, Vec<u8>>) -> Vec<ReadPiece> {
    let mut reader = Reader::new();
    for (number, bytes) in contents {
        reader.piece(*number, places.piece(*number), bytes);
    }
    reader.pieces
}
