//! The spare of a stage: a second copy of the snapshot that counts and of the base that names it, in one object. A run
//! writes it when the base stands; a repair reads it where one of the two is damaged, and nobody else does.

use crate::journal::read::is_whole_base;
use crate::places::{Places, serial_of};
use crate::store::{Created, Store, StoreError};

/// A spare that is there.
pub(crate) struct Spare {
    pub key: String,
    /// The name of the snapshot.
    pub name: String,
    /// The serial of the snapshot.
    pub serial: u64,
    /// The text of the snapshot.
    pub snapshot: Vec<u8>,
    /// The number of the base.
    pub number: u64,
    /// The base; none where the copy is damaged.
    pub base: Option<Vec<u8>>,
}

/// Writes the spare. What cannot be written is no harm: then nothing is removed that it would stand for.
pub(crate) fn make(
    store: &dyn Store,
    places: &Places,
    (name, snapshot): (&str, &[u8]),
    (number, base): (u64, &[u8]),
) -> Result<Created, StoreError> {
    debug_assert_eq!(snapshot.iter().filter(|byte| **byte == b'\n').count(), 1, "a snapshot is one line");
    store.create(&places.spare(number, name), &[snapshot, base].concat())
}

/// The keys of the spares of bases below one.
pub(crate) fn older(store: &dyn Store, places: &Places, number: u64) -> Vec<String> {
    let listed = store.list(&places.spares()).unwrap_or_default();
    let keys = listed.into_iter().map(|object| object.key);
    keys.filter(|key| parts(key).is_some_and(|(of, _)| of < number)).collect()
}

/// Every spare, the one of the newest base last.
pub(crate) fn all(store: &dyn Store, places: &Places) -> Result<Vec<Spare>, StoreError> {
    let listed = store.list(&places.spares())?;
    let keys: Vec<String> = listed.into_iter().map(|object| object.key).filter(|key| parts(key).is_some()).collect();
    let contents = store.get_many(&keys)?;
    Ok(keys.into_iter().zip(contents).filter_map(|(key, bytes)| read(places, &key, &bytes?)).collect())
}

/// A spare by its name and its content; none where the name is none of a spare.
pub(crate) fn read(places: &Places, key: &str, bytes: &[u8]) -> Option<Spare> {
    let (number, name) = parts(key)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    let (snapshot, base) = bytes.split_at(end);
    let base = is_whole_base(places, number, base).then(|| base.to_vec());
    let (key, name) = (key.to_owned(), name.to_owned());
    Some(Spare { key, serial: serial_of(&name)?, name, snapshot: snapshot.to_vec(), number, base })
}

/// The number of the base, and the name of the snapshot.
fn parts(key: &str) -> Option<(u64, &str)> {
    let (number, name) = crate::places::last(key).split_once('-')?;
    serial_of(name)?;
    Some((crate::places::digits(number)?, name))
}
