//! Where state lives. A home holds, for each stack and stage, snapshots of the state, the journal of what happened
//! since the last one, and a lease; and the keys that encrypt every secret in them. It lies in a directory or in a
//! bucket. Knows nothing of plans and providers; takes time, randomness, identities and paths from its caller.
//!
//! `host/docs/design/home.md` says what lies where, and why nothing of it can be lost.

mod aws;
mod bootstrap;
mod clock;
mod document;
mod durable;
mod entropy;
mod entry;
mod error;
mod form;
mod history;
mod home;
mod journal;
mod keyring;
mod keys;
mod lease;
mod marks;
mod mend;
mod mentions;
mod migrate;
mod moved;
mod places;
mod record;
mod replay;
mod rotation;
mod sealed;
mod secrets;
mod snapshot;
mod spare;
mod stage;
pub mod store;
mod vault;
mod written;

pub use aws::{AwsAccess, AwsKeys, AwsRole};
pub use bootstrap::aws::{
    AssetOwner, AssetReference, AssetStock, AwsBootstrap, AwsBootstrapSettings, AwsIdentity, BootstrapCtx, Collected,
    Collection, HOME_PREFIX, Permissions, Published, StoredAsset, Uploading, partition_of,
};
pub use bootstrap::{Bootstrap, BootstrapRecord, BootstrapStatus, MAX_RECORD_BYTES, Prepared, StepRecord, Watch};
pub use clock::Clock;
pub use document::{DocumentError, DocumentSecrets, MAX_DOCUMENT_BYTES, StateDocument};
pub use entropy::Entropy;
pub use error::{
    BootstrapError, Damage, FileError, KeyError, LoadError, NewerFormat, OpenHomeError, OpenStageError, SealError,
    SecretsError, UnlockError, WriteError,
};
pub use form::Form;
pub use history::Version;
pub use home::{Home, HomeCtx};
pub use journal::{JournalStats, MAX_BATCH_BYTES};
pub use keyring::{DataKeyInfo, KeyChange, Member, Public as KeyringInfo, Role};
pub use keys::{
    Encryption, Keys, KmsSettings, KmsSettingsError, KmsWrapper, Passphrase, Recipient, RecipientError, Recovery,
    RecoveryKey, WrapError, Wrapper,
};
pub use lease::{Held, Holder, LeaseLost, TIME_TO_LIVE};
pub use mend::{Finding, Health, Lost, ObjectKind, Repair, RepairError, Repaired, Start};
pub use mentions::Mentioned;
pub use migrate::{MigrateError, Migrated, Migration, give_up, migrate};
pub use moved::Moved;
pub use replay::Loaded;
pub use rotation::{ReencryptError, Reencrypted, SettingsOf};
pub use sealed::{OpenPlanError, PlanScope, SealPlanError};
pub use secrets::{MAX_ALL_SECRETS_BYTES, MAX_SECRET_BYTES, Overwrite, SecretInfo, SecretSet, Secrets};
pub use snapshot::Made;
pub use stage::{Access, Compaction, Stage};
