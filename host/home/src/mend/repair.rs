//! Keeps what is whole: what is damaged is copied aside and compared with its copy; a new snapshot and a new base of
//! the log say what is left; then what was damaged goes.

use super::examine::{Repair, examine};
use crate::entropy::random_hex;
use crate::journal::{Chain, Header, LeaseLine, SnapshotRef, finish};
use crate::lease::Lease;
use crate::places::{number_of, snapshot_name};
use crate::snapshot::{Body, Made};
use crate::spare;
use crate::store::{Created, Store, StoreError};
use crate::{LeaseLost, LoadError, SealError, Stage, Start};

/// Why a stage was not repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The stage was opened to read.
    #[error("the stage was opened to read, and a repair needs write access")]
    ReadOnly,
    /// It cannot be told what is whole: a key is missing, a format is newer.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A copy differs from what it was made of. Nothing was removed.
    #[error("the copy `{0}` is not what was copied")]
    Copy(String),
    /// Somebody has written since the stage was examined. Nothing was removed.
    #[error("`{0}` was made since the stage was examined")]
    Changed(String),
    /// A value could not be stored.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Another run writes now.
    #[error(transparent)]
    Lost(#[from] LeaseLost),
}

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The serial that the state has now.
    pub serial: u64,
    /// Where the damaged objects are now; none where nothing was moved.
    pub aside: Option<String>,
    /// How many were moved.
    pub moved: usize,
}

impl Stage {
    /// What is damaged, and what a repair would keep; none where everything is whole. Works where [`Stage::load`] does
    /// not.
    ///
    /// # Errors
    /// When the store cannot be read, a key is missing, or an object is of a newer format.
    pub fn examine(&self) -> Result<Option<Repair>, LoadError> {
        let (store, places) = self.store();
        examine(&store, &places, self.vault())
    }

    /// Does what [`Stage::examine`] found. Nothing is removed before its copy was read back, and before what is whole
    /// is durable. A run that was cut off is shut out by it.
    ///
    /// # Errors
    /// Without write access, when the lease is lost, when somebody wrote meanwhile, or the store fails. What was whole
    /// is whole then, and another repair can be made.
    pub fn repair(&mut self, repair: &Repair) -> Result<Repaired, RepairError> {
        let (store, places) = self.store();
        let lease = self.lease().ok_or(RepairError::ReadOnly)?;
        lease.standing.check()?;
        if repair.plan.token > lease.token && self.is_outrun(lease.token)? {
            return Err(lease.standing.lose().into());
        }
        let aside = match &repair.plan.aside[..] {
            [] => None,
            keys => Some(set_aside(&*store, &places, keys)?),
        };
        let serial = match repair.start {
            Start::Current(serial) => serial,
            Start::Snapshot(_) | Start::Nothing => {
                self.rebase(repair, lease)?;
                lease.standing.suspect(false);
                repair.plan.serial
            }
        };
        lease.standing.check()?;
        store.delete(&repair.plan.aside)?;
        let aside = aside.map(|prefix| store.place(prefix.trim_end_matches('/')));
        self.forget();
        Ok(Repaired { serial, aside, moved: repair.plan.aside.len() })
    }

    /// Makes the snapshot of what is left, and the base that names it.
    fn rebase(&self, repair: &Repair, lease: &Lease) -> Result<(), RepairError> {
        let (store, places) = self.store();
        let (state, plan) = (&repair.state, &repair.plan);
        let lineage = match state.lineage.as_str() {
            "" => random_hex::<16>(self.vault().entropy()),
            lineage => lineage.to_owned(),
        };
        let made = Made { at_ms: self.clock().now_ms(), by: lease.holder.clone() };
        let scribe = self.scribe(&places);
        let (text, sum) = Body::new(state, &lineage, plan.serial, &made, (self.vault(), scribe.form))?.text();
        let name = snapshot_name(plan.serial, &random_hex::<4>(self.vault().entropy()));
        let state_object = places.state(&name);
        let base = SnapshotRef { lineage, serial: plan.serial, name, sum };
        let (stack, stage) = (places.stack.clone(), places.stage.clone());
        let journal = random_hex::<8>(self.vault().entropy());
        let mut lines = Vec::new();
        let mut chain =
            Chain::begin(Header { journal, stack, stage, token: lease.token, base: Some(base.clone()) }, &mut lines);
        // Whoever was paused tries this very number next: it stays taken.
        chain.push_lease(LeaseLine { token: lease.token, fence: true, holder: lease.holder.clone() }, &mut lines);
        scribe.push_steps(&plan.steps, &mut chain, &mut lines)?;
        finish(&mut lines);
        create(&*store, &state_object, &text)?;
        lease.standing.check()?;
        create(&*store, &places.piece(plan.next), &lines)?;
        // Without it the repair is one all the same.
        let _ = spare::make(&*store, &places, (&base.name, &text), (plan.next, &lines));
        Ok(())
    }

    /// Whether another run has a higher lease.
    fn is_outrun(&self, token: u64) -> Result<bool, StoreError> {
        let (store, places) = self.store();
        let listed = store.list(&places.leases())?;
        Ok(listed.iter().filter_map(|object| number_of(&object.key, "json")).any(|other| other > token))
    }
}

fn create(store: &dyn Store, key: &str, bytes: &[u8]) -> Result<(), RepairError> {
    match store.create(key, bytes)? {
        Created::Made => Ok(()),
        Created::Taken => Err(RepairError::Changed(store.place(key))),
    }
}

/// Copies objects below a new prefix, and reads every copy back; the prefix.
fn set_aside(store: &dyn Store, places: &crate::places::Places, keys: &[String]) -> Result<String, RepairError> {
    let (root, base) = (places.damaged(), places.base());
    let used = store.list(&root)?;
    let number = |key: &str| key.strip_prefix(&root)?.split('/').next()?.parse::<u64>().ok();
    let next = used.iter().filter_map(|object| number(&object.key)).max().unwrap_or(0) + 1;
    let prefix = format!("{root}{next:010}/");
    for key in keys {
        // Gone since it was examined.
        let Some(bytes) = store.get(key)? else { return Err(RepairError::Changed(store.place(key))) };
        let copy = format!("{prefix}{}", key.strip_prefix(&base).unwrap_or(key));
        create(store, &copy, &bytes)?;
        if store.get(&copy)?.as_ref() != Some(&bytes) {
            return Err(RepairError::Copy(store.place(&copy)));
        }
    }
    Ok(prefix)
}
