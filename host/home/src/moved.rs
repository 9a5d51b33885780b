//! Homes on the move: the marks that keep others from writing into one while it is copied, and after it is gone.

use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError};
use crate::{Damage, Holder, OpenHomeError};

/// The mark of a home that has moved.
pub(crate) const MOVED: &str = "moved.json";
/// The mark of a home that is being copied elsewhere.
pub(crate) const MOVING: &str = "moving.json";
/// The mark of a store that a home is being copied to.
pub(crate) const ARRIVING: &str = "arriving.json";

/// Where a home goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Its new place, as `home migrate` was told: `s3://bucket/prefix`.
    pub to: String,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// By whom.
    pub by: Holder,
}

/// Where a home comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arriving {
    /// The place that it leaves.
    pub from: String,
    /// The bytes of its `home.json`: the id is in there.
    pub home: String,
}

/// Reads a mark.
pub(crate) fn mark<T: for<'de> Deserialize<'de>>(store: &dyn Store, key: &str) -> Result<Option<T>, OpenHomeError> {
    let Some(bytes) = store.get(key)? else { return Ok(None) };
    let damaged = |error: serde_json::Error| Damage {
        place: store.place(key),
        line: None,
        what: format!("it does not say where the home went ({error})"),
    };
    Ok(Some(serde_json::from_slice(&bytes).map_err(damaged)?))
}

/// Refuses to write into a home that has moved, that is being copied, or that is still arriving. Asked with the lease in
/// hand: who sets a mark afterwards finds that lease.
pub(crate) fn check(store: &dyn Store) -> Result<(), OpenHomeError> {
    let marks = store.get_many(&[MOVED, MOVING, ARRIVING].map(str::to_owned))?;
    if marks.iter().all(Option::is_none) {
        return Ok(());
    }
    let place = store.place("");
    if let Some(moved) = mark(store, MOVED)? {
        return Err(OpenHomeError::Moved { place, moved: Box::new(moved) });
    }
    if let Some(moved) = mark(store, MOVING)? {
        return Err(OpenHomeError::Moving { place, moved: Box::new(moved) });
    }
    match mark::<Arriving>(store, ARRIVING)? {
        Some(Arriving { from, .. }) => Err(OpenHomeError::Arriving { place, from }),
        None => Ok(()),
    }
}

/// Writes a mark over what was there.
pub(crate) fn set<T: Serialize>(store: &dyn Store, key: &str, mark: &T) -> Result<(), StoreError> {
    store.replace(key, &serde_json::to_vec(mark).expect("names and numbers are JSON"))
}
