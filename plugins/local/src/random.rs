//! `random_*`: values drawn once and kept in the state.

use std::collections::BTreeMap;

pub(crate) mod id;
pub(crate) mod password;
pub(crate) mod uuid;

/// Values whose change draws anew.
pub(crate) type Keepers = Option<BTreeMap<String, String>>;
