//! The preparation of an AWS account and region: a bucket for states and one for assets, both encrypted, versioned,
//! closed to the public and to requests without TLS. Their names follow from the scope, so that whoever comes second, in
//! this process or another one, finds what the first has made. The record lies in the state bucket.

mod assets;
mod client;
mod names;
mod permissions;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cofferdam_model::bootstrap::{
    BootstrapScope, BootstrapStep, DEFAULT_NAMESPACE, Looked, Preparer, StepCall, StepDone, StepFault,
};
use cofferdam_model::error::{ErrorKind, ProviderError};
use serde_json::{Map, Value, json};

use super::prepare::looked;
use super::{Bootstrap, BootstrapRecord, Prepared, Watch};
use crate::aws::AwsAccess;
use crate::store::{S3Settings, S3Store, Store};
use crate::{BootstrapError, Clock, Entropy, Holder, TIME_TO_LIVE};

use client::{Line, Setting};
use names::{Bucket, PREFIX, prefix_fault};

pub use assets::{AssetOwner, AssetReference, AssetStock, Collected, Collection, Published, StoredAsset, Uploading};
pub use client::AwsIdentity;
pub use names::partition_of;
pub use permissions::Permissions;

/// What homes in a prepared bucket begin with: records lie beside them.
pub const HOME_PREFIX: &str = "home";

/// How an account is prepared.
#[derive(Clone, Debug)]
pub struct AwsBootstrapSettings {
    /// As whom and where.
    pub access: AwsAccess,
    /// Whether buckets are named in the path instead of the host.
    pub path_style: bool,
    /// Tells several preparations of one account and region apart.
    pub namespace: String,
    /// What names of buckets begin with.
    pub prefix: String,
    /// Tags of what is made.
    pub tags: BTreeMap<String, String>,
    /// The key that buckets are encrypted with; none for the one of S3.
    pub kms_key: Option<String>,
    /// A bucket of the user's for states: looked at, never made, changed or removed.
    pub state_bucket: Option<String>,
    /// The same for assets.
    pub asset_bucket: Option<String>,
    /// Everything is there already: nothing is made.
    pub provisioned: bool,
    /// The account that it has to be.
    pub expected_account: Option<String>,
}

impl Default for AwsBootstrapSettings {
    fn default() -> Self {
        Self {
            access: AwsAccess::default(),
            path_style: false,
            namespace: DEFAULT_NAMESPACE.to_owned(),
            prefix: PREFIX.to_owned(),
            tags: BTreeMap::new(),
            kms_key: None,
            state_bucket: None,
            asset_bucket: None,
            provisioned: false,
            expected_account: None,
        }
    }
}

impl AwsBootstrapSettings {
    fn own(&self, bucket: Bucket) -> Option<&String> {
        match bucket {
            Bucket::State => self.state_bucket.as_ref(),
            Bucket::Assets => self.asset_bucket.as_ref(),
        }
    }

    fn all_tags(&self) -> BTreeMap<String, String> {
        let ours = [("cofferdam:bootstrap".to_owned(), self.namespace.clone())];
        self.tags.clone().into_iter().chain(ours).collect()
    }

    fn check(&self) -> Result<(), ProviderError> {
        match prefix_fault(&self.prefix) {
            Some(fault) => Err(ProviderError::new(ErrorKind::InvalidInput, fault)),
            None => Ok(()),
        }
    }
}

/// What a preparation is made with.
#[derive(Clone)]
pub struct BootstrapCtx {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// The preparation of one account and region.
pub struct AwsBootstrap {
    settings: AwsBootstrapSettings,
    ctx: BootstrapCtx,
    line: Line,
    identity: AwsIdentity,
    scope: BootstrapScope,
    steps: Vec<BootstrapStep>,
    store: OnceLock<Arc<dyn Store>>,
}

impl AwsBootstrap {
    /// Finds out whose account it is. Changes nothing.
    ///
    /// # Errors
    /// When there are no credentials, they do not work, or they are of another account than the one that is expected.
    pub fn open(settings: AwsBootstrapSettings, ctx: BootstrapCtx) -> Result<Self, ProviderError> {
        settings.check()?;
        let line = Line::open(&settings)?;
        let identity = line.identity()?;
        if let Some(expected) = settings.expected_account.as_ref().filter(|expected| **expected != identity.account) {
            return Err(ProviderError::new(
                ErrorKind::BadCredentials,
                format!(
                    "the credentials are of account {}, and `expected_account` is {expected}; nothing was changed",
                    identity.account
                ),
            ));
        }
        let authority = match &settings.access.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => partition_of(&identity.region).to_owned(),
        };
        let scope = BootstrapScope {
            provider: "aws".to_owned(),
            authority,
            account: identity.account.clone(),
            region: identity.region.clone(),
            namespace: settings.namespace.clone(),
        };
        scope.check().map_err(|fault| ProviderError::new(ErrorKind::InvalidInput, fault))?;
        let steps = steps(&settings);
        Ok(Self { settings, ctx, line, identity, scope, steps, store: OnceLock::new() })
    }

    /// Whose account it is.
    #[must_use]
    pub fn identity(&self) -> &AwsIdentity {
        &self.identity
    }

    /// Which preparation it is.
    #[must_use]
    pub fn scope(&self) -> &BootstrapScope {
        &self.scope
    }

    /// The bucket for states.
    #[must_use]
    pub fn state_bucket(&self) -> String {
        self.bucket(Bucket::State)
    }

    /// The bucket for assets.
    #[must_use]
    pub fn asset_bucket(&self) -> String {
        self.bucket(Bucket::Assets)
    }

    /// Where homes lie in the state bucket.
    #[must_use]
    pub fn home(&self) -> S3Settings {
        S3Settings { prefix: HOME_PREFIX.to_owned(), ..self.root() }
    }

    /// The record; none where the account was never prepared. Reads alone.
    ///
    /// # Errors
    /// When the bucket or the record cannot be read.
    pub fn read(&self) -> Result<Option<BootstrapRecord>, BootstrapError> {
        if !self
            .line
            .exists(&self.state_bucket(), &self.identity.account)
            .map_err(|error| self.failed("look", error))?
        {
            return Ok(None);
        }
        self.records()?.read()
    }

    /// What is prepared, and what a preparation would do.
    ///
    /// # Errors
    /// As [`AwsBootstrap::read`].
    pub fn look(&self) -> Result<Looked, BootstrapError> {
        Ok(looked(self.read()?, &self.steps))
    }

    /// Prepares the account and region, or adopts what was prepared.
    ///
    /// # Errors
    /// As [`Bootstrap::prepare`].
    pub fn prepare(&self, holder: &Holder, watch: &dyn Watch) -> Result<Prepared, BootstrapError> {
        let bucket = self.state_bucket();
        let account = &self.identity.account;
        let exists = self.line.exists(&bucket, account).map_err(|error| self.failed("state-bucket", error))?;
        if !exists {
            // The record lies in it, so that it comes before the record. Of any number of processes that make it at
            // one time, each finds it made.
            self.make(Bucket::State).map_err(|error| self.failed("state-bucket", error))?;
        }
        let records = self.records()?;
        let prepared = records.prepare(self, holder, watch)?;
        if prepared.steps > 0 {
            return Ok(prepared);
        }
        // A record says what was made, not that it is still there.
        let assets = self.asset_bucket();
        if self.line.exists(&assets, account).map_err(|error| self.failed("asset-bucket", error))? {
            return Ok(prepared);
        }
        let repaired = records.repair(self, holder, watch)?;
        let record = records.read()?.unwrap_or(prepared.record);
        Ok(Prepared { record, steps: repaired.len() })
    }

    /// Looks whether everything that the record names is there and set up as it should be.
    ///
    /// # Errors
    /// As [`Bootstrap::verify`].
    pub fn verify(&self) -> Result<Vec<StepFault>, BootstrapError> {
        if self.read()?.is_none() {
            return Err(BootstrapError::NotPrepared(self.scope.to_string()));
        }
        self.records()?.verify(self)
    }

    /// Makes right what a verification finds wrong, or prepares what was never prepared.
    ///
    /// # Errors
    /// As [`Bootstrap::repair`].
    pub fn repair(&self, holder: &Holder, watch: &dyn Watch) -> Result<Vec<StepFault>, BootstrapError> {
        if self.read()?.is_none() {
            self.prepare(holder, watch)?;
        }
        self.records()?.repair(self, holder, watch)
    }

    /// Removes both buckets with everything in them.
    ///
    /// # Errors
    /// As [`Bootstrap::destroy`], and when the state bucket has states in it.
    pub fn destroy(&self, holder: &Holder, watch: &dyn Watch) -> Result<usize, BootstrapError> {
        if self.read()?.is_none() {
            return Err(BootstrapError::NotPrepared(self.scope.to_string()));
        }
        self.records()?.destroy(self, holder, watch)
    }

    /// The store of homes in the state bucket; none where there is no bucket.
    ///
    /// # Errors
    /// When the bucket cannot be reached.
    pub fn home_store(&self) -> Result<Option<Arc<dyn Store>>, BootstrapError> {
        let account = &self.identity.account;
        if !self.line.exists(&self.state_bucket(), account).map_err(|error| self.failed("look", error))? {
            return Ok(None);
        }
        Ok(Some(Arc::new(S3Store::open(&self.home())?)))
    }

    /// The steps of the preparation.
    #[must_use]
    pub fn steps(&self) -> &[BootstrapStep] {
        &self.steps
    }

    /// The IAM policy that allows no more than is needed.
    #[must_use]
    pub fn permissions(&self, permissions: Permissions) -> Value {
        let buckets = [self.state_bucket(), self.asset_bucket()];
        let partition = partition_of(&self.identity.region);
        permissions::document(permissions, partition, &buckets, self.settings.kms_key.as_deref())
    }

    fn bucket(&self, bucket: Bucket) -> String {
        let own = self.settings.own(bucket).cloned();
        own.unwrap_or_else(|| bucket.name(&self.settings.prefix, &self.scope))
    }

    /// The settings that buckets are to have. A server without TLS keeps its doors: else nobody would come in again.
    fn wanted(&self) -> impl Iterator<Item = Setting> + use<> {
        let has_tls = self.line.has_tls();
        Setting::ALL.into_iter().filter(move |setting| has_tls || *setting != Setting::TlsOnly)
    }

    fn root(&self) -> S3Settings {
        let access = AwsAccess { region: Some(self.identity.region.clone()), ..self.settings.access.clone() };
        S3Settings {
            bucket: self.state_bucket(),
            prefix: String::new(),
            access,
            path_style: self.settings.path_style,
            owner: Some(self.identity.account.clone()),
        }
    }

    fn records(&self) -> Result<Bootstrap, BootstrapError> {
        let store = match self.store.get() {
            Some(store) => Arc::clone(store),
            None => {
                let store: Arc<dyn Store> = Arc::new(S3Store::open(&self.root())?);
                Arc::clone(self.store.get_or_init(|| store))
            }
        };
        let BootstrapCtx { clock, entropy } = self.ctx.clone();
        let records = Bootstrap::new(store, clock, entropy, self.scope.clone(), TIME_TO_LIVE)?;
        // Amazon's own keeps its conditions; another server may not.
        Ok(if self.line.has_endpoint() { records.probed() } else { records })
    }

    fn failed(&self, step: &str, error: ProviderError) -> BootstrapError {
        BootstrapError::Step { scope: self.scope.to_string(), step: step.to_owned(), source: Box::new(error) }
    }

    /// Makes a bucket, where it is ours to make.
    fn make(&self, kind: Bucket) -> Result<(), ProviderError> {
        let (bucket, account) = (self.bucket(kind), &self.identity.account);
        if !self.settings.provisioned && self.settings.own(kind).is_none() {
            return self.line.create(&bucket, account);
        }
        if self.line.exists(&bucket, account)? {
            return Ok(());
        }
        let whose = if self.settings.provisioned { "the bootstrap is `provisioned`" } else { "it is yours" };
        Err(ProviderError::new(
            ErrorKind::NotFound,
            format!(
                "there is no bucket `{bucket}`, and {whose}, so that it is not made here: make it, or name another"
            ),
        ))
    }
}

fn steps(settings: &AwsBootstrapSettings) -> Vec<BootstrapStep> {
    let step = |name: &str, title: String| BootstrapStep { name: name.to_owned(), title, revision: 1 };
    let of = |kind: Bucket| {
        let made = settings.own(kind).is_none() && !settings.provisioned;
        let verb = if made { "create" } else { "find" };
        let word = match kind {
            Bucket::State => "states",
            Bucket::Assets => "assets",
        };
        let bucket = step(&format!("{}-bucket", kind.word()), format!("{verb} the bucket for {word}"));
        let set_up =
            step(&format!("{}-settings", kind.word()), format!("encrypt, version and close the bucket for {word}"));
        if made { vec![bucket, set_up] } else { vec![bucket] }
    };
    [of(Bucket::State), of(Bucket::Assets)].concat()
}

/// What a step is about.
fn part(step: &str) -> Option<(Bucket, bool)> {
    let kind = if step.starts_with(Bucket::State.word()) { Bucket::State } else { Bucket::Assets };
    match step.strip_prefix(kind.word())? {
        "-bucket" => Some((kind, false)),
        "-settings" => Some((kind, true)),
        _ => None,
    }
}

impl Preparer for AwsBootstrap {
    fn steps(&self) -> &[BootstrapStep] {
        &self.steps
    }

    fn perform(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
        let account = &self.identity.account;
        let mut output = Map::new();
        match part(call.step) {
            Some((kind, false)) => {
                self.make(kind)?;
                output.insert(format!("{}_bucket", kind.key()), json!(self.bucket(kind)));
                output.insert("region".to_owned(), json!(self.identity.region));
                output.insert("account".to_owned(), json!(account));
            }
            Some((kind, true)) => {
                let (bucket, partition) = (self.bucket(kind), partition_of(&self.identity.region));
                for setting in self.wanted() {
                    self.line.set(setting, kind, &bucket, account, &self.settings, partition)?;
                }
            }
            None => {
                return Err(ProviderError::new(ErrorKind::Unsupported, format!("there is no step `{}`", call.step)));
            }
        }
        Ok(StepDone::Done(output))
    }

    fn verify(&self, _: &Map<String, Value>) -> Result<Vec<StepFault>, ProviderError> {
        let (account, partition) = (&self.identity.account, partition_of(&self.identity.region));
        let mut faults = Vec::new();
        for kind in [Bucket::State, Bucket::Assets] {
            let (bucket, step) = (self.bucket(kind), |name: &str| format!("{}-{name}", kind.word()));
            if !self.line.exists(&bucket, account)? {
                faults.push(StepFault { step: Some(step("bucket")), what: format!("bucket `{bucket}` is gone") });
                faults.push(StepFault { step: Some(step("settings")), what: "and its settings with it".to_owned() });
                continue;
            }
            if self.settings.provisioned || self.settings.own(kind).is_some() {
                continue;
            }
            for setting in self.wanted() {
                if let Some(what) = self.line.check(setting, &bucket, account, &self.settings, partition)? {
                    faults.push(StepFault { step: Some(step("settings")), what });
                }
            }
        }
        Ok(faults)
    }

    fn undo(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
        if let Some((kind, false)) = part(call.step)
            && !self.settings.provisioned
            && self.settings.own(kind).is_none()
        {
            self.line.destroy(&self.bucket(kind), &self.identity.account)?;
        }
        Ok(StepDone::Done(Map::new()))
    }
}
