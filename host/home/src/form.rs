//! In which form the text of a state is kept: with its secret values encrypted, each in its place, or encrypted as a
//! whole. Either is read, whatever is written.

use crate::vault::OpenError;
use crate::written::Secrets;

/// What of snapshots and journals is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Secret values. Names, types and all other values can be read by whoever reads the store.
    #[default]
    Values,
    /// Everything but which stack and stage it is, lineage, serial and leases.
    Whole,
}

impl Form {
    /// What stands in the text, before it is encrypted or not.
    pub(crate) fn secrets(self) -> Secrets {
        match self {
            Self::Values => Secrets::Left,
            Self::Whole => Secrets::Included,
        }
    }
}

/// Says of a text that is encrypted as a whole what [`crate::vault::Vault::open`] says of a secret in it.
pub(crate) fn as_whole(error: OpenError) -> OpenError {
    match error {
        OpenError::Damaged(_) => OpenError::Damaged("it was changed, or does not belong there".to_owned()),
        error @ OpenError::Key(_) => error,
    }
}
