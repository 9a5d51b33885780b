//! Settles a write of a former run by what the user found out, where the host cannot find it out by itself.

use std::sync::Arc;

use cofferdam_model::journal::{InFlight, Journal, JournalError, Record, WriteKind};
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::state::{Identity, StackState};
use cofferdam_model::{Address, ResourceType};

use crate::StepError;
use crate::found::Reading;
use crate::recover::Before;
use crate::run::Run;
use crate::unsettled::identity_keys;

/// How a write ended, by the user's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The create made nothing; or the object of the update or delete is gone.
    Absent,
    /// The object is there, and this names it: each property of the type's `primaryIdentifier`, as `id`, `/id` or
    /// `/properties/id`, with its value, in any order. It is read, and becomes the resource's object.
    Identity(Identity),
}

/// Why a write could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The type has no read handler or no identifier.
    #[error("an object of type `{0}` cannot be read, so there is nothing to take over")]
    Unreadable(ResourceType),
    /// The identity is not one of the type.
    #[error("an object of type `{ty}` is named by {keys}, all of them and no others")]
    Identity {
        /// The type.
        ty: ResourceType,
        /// What names its objects, each in backticks.
        keys: String,
    },
    /// The identity names nothing that exists.
    #[error("there is no object with this identity for `{0}`")]
    NotThere(Address),
    /// The object could not be read.
    #[error(transparent)]
    Read(Box<StepError>),
    /// The journal could not be written; nothing is settled.
    #[error(transparent)]
    Journal(JournalError),
}

pub(crate) async fn settle(
    run: &Arc<Run>,
    state: &mut StackState,
    write: &InFlight,
    how: Settlement,
    journal: &Arc<dyn Journal>,
) -> Result<(), SettleError> {
    let before = state.resources.get(&write.address).cloned();
    let entry = match how {
        // No plugin is asked: the stack may have none for the resource any more.
        Settlement::Absent => before.filter(|_| write.kind == WriteKind::Create),
        Settlement::Identity(identity) => {
            let stack = Before::new(run, state);
            let (subject, kind) = stack.served(write).await.map_err(SettleError::Read)?;
            let identity = named(&kind.schema, &identity)?;
            let pending = stack.write(state, write, subject, kind, journal).map_err(SettleError::Read)?;
            let found = pending.read(Reading::Identity(identity)).await.map_err(SettleError::Read)?;
            Some(found.ok_or_else(|| SettleError::NotThere(write.address.clone()))?)
        }
    };
    let (operation, address) = (Some(write.operation.clone()), write.address.clone());
    let record = Record::Result { operation, address: address.clone(), entry: entry.clone().map(Arc::new) };
    journal.append(record).await.map_err(SettleError::Journal)?;
    match entry {
        Some(entry) => state.resources.insert(address, entry),
        None => state.resources.remove(&address),
    };
    Ok(())
}

/// The identity as providers write it: pointers of the schema, in its order.
fn named(schema: &ResourceSchema, given: &Identity) -> Result<Identity, SettleError> {
    if !schema.handlers.read || schema.primary_identifier.is_empty() {
        return Err(SettleError::Unreadable(schema.ty.clone()));
    }
    let plain = |name: &str| name.strip_prefix("/properties").unwrap_or(name).trim_start_matches('/').to_owned();
    let part = |pointer: String| {
        let mut values = given.0.iter().filter(|(name, _)| plain(name) == pointer).map(|(_, value)| value.clone());
        let value = values.next().filter(|_| values.next().is_none())?;
        Some((format!("/properties/{pointer}"), value))
    };
    let parts: Option<Vec<_>> = identity_keys(schema).map(part).collect();
    match parts.filter(|parts| parts.len() == given.0.len()) {
        Some(parts) => Ok(Identity(parts)),
        None => {
            let keys: Vec<String> = identity_keys(schema).map(|key| format!("`{key}`")).collect();
            Err(SettleError::Identity { ty: schema.ty.clone(), keys: keys.join(" and ") })
        }
    }
}
