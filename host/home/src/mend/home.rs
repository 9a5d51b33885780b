//! A home whose `home.json` is damaged: the file says only that this is a home, so that it can be written anew.

use super::RepairError;
use crate::home::{NAME, check, home_file};
use crate::store::{Created, Store};
use crate::{Damage, Home, HomeCtx, OpenHomeError};

/// What repairs of a home moved aside.
const ASIDE: &str = "damaged/";

impl Home {
    /// What is wrong with `home.json`; none where nothing is.
    ///
    /// # Errors
    /// When the store cannot be read, or the home is of a newer format.
    pub fn examine(store: &dyn Store) -> Result<Option<Damage>, OpenHomeError> {
        match check(store) {
            Ok(_) => Ok(None),
            Err(OpenHomeError::Damaged(damage)) => Ok(Some(damage)),
            Err(other) => Err(other),
        }
    }

    /// Writes a damaged `home.json` anew, with another id; the old one is copied aside first. Gives the place of the
    /// copy; none where it is missing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn mend(ctx: &HomeCtx) -> Result<Option<String>, RepairError> {
        let store = &*ctx.store;
        let Some(bytes) = store.get(NAME)? else {
            // Where somebody else has made it meanwhile, that one is as good.
            let _ = store.create(NAME, &home_file(&*ctx.entropy))?;
            return Ok(None);
        };
        let used = store.list(ASIDE)?;
        let number = |key: &str| key.strip_prefix(ASIDE)?.split('/').next()?.parse::<u64>().ok();
        let next = used.iter().filter_map(|object| number(&object.key)).max().unwrap_or(0) + 1;
        let copy = format!("{ASIDE}{next:010}/{NAME}");
        if store.create(&copy, &bytes)? == Created::Taken {
            return Err(RepairError::Changed(store.place(&copy)));
        }
        if store.get(&copy)?.as_ref() != Some(&bytes) {
            return Err(RepairError::Copy(store.place(&copy)));
        }
        store.replace(NAME, &home_file(&*ctx.entropy))?;
        Ok(Some(store.place(&copy)))
    }
}
