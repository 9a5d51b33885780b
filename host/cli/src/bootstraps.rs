//! Preparations of accounts, as the stack's settings say: for homes, for plugins that ask, and for `bootstrap …`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cofferdam_engine::Cancel;
use cofferdam_home::store::Store;
use cofferdam_home::{AssetOwner, AwsAccess, AwsBootstrap, AwsBootstrapSettings, AwsRole, BootstrapCtx, Holder, Watch};
use cofferdam_model::assets::{Asset, AssetLocation};
use cofferdam_model::bootstrap::{
    BootstrapRequest, BootstrapScope, BootstrapStep, Bootstraps, Looked, OpenBootstrap, PluginSteps,
};
use cofferdam_model::capabilities::AwsSource;
use cofferdam_model::error::{ErrorKind, ProviderError};
use cofferdam_stack::{AwsPlace, BootstrapSetting};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::assets::publish;
use crate::environment::{SystemClock, SystemEntropy};
use crate::plugin_bootstraps::PluginBootstrap;
use crate::render::events::Reporter;
use crate::stores::aws_role;

/// How long one who waits sleeps before it looks whether the run is stopped.
const SLICE: Duration = Duration::from_millis(50);
/// The longest time that one preparation may take where the stack sets none.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What preparations need of a session.
#[derive(Clone)]
pub struct Preparing {
    /// The settings of the stack.
    pub setting: BootstrapSetting,
    /// Who prepares.
    pub holder: Holder,
    /// Draws what happens.
    pub reporter: Arc<Reporter>,
    /// Stops it.
    pub cancel: Cancel,
    /// Time.
    pub clock: Arc<SystemClock>,
    /// Whether the command says what a deploy would do.
    pub only_plans: bool,
    /// The home that the command has opened last: where records of plugins lie.
    // Guards memory alone.
    pub home: Arc<Mutex<Option<Arc<dyn Store>>>>,
    /// The stage that the command writes, once it does.
    pub owner: Arc<Mutex<Option<AssetOwner>>>,
}

impl Preparing {
    /// The bootstrap of an account and region. Blocks its thread.
    pub fn open(&self, settings: AwsBootstrapSettings) -> Result<AwsBootstrap, ProviderError> {
        let clock = Arc::clone(&self.clock);
        AwsBootstrap::open(settings, BootstrapCtx { clock, entropy: Arc::new(SystemEntropy) })
    }

    /// The settings for an account, reached in a way.
    pub fn settings(&self, access: AwsAccess, path_style: bool, namespace: Option<&str>) -> AwsBootstrapSettings {
        let usual = AwsBootstrapSettings::default();
        let BootstrapSetting {
            namespace: set,
            prefix,
            tags,
            kms_key,
            state_bucket,
            asset_bucket,
            provisioned,
            timeout: _,
        } = self.setting.clone();
        AwsBootstrapSettings {
            access,
            path_style,
            namespace: namespace.map(str::to_owned).or(set).unwrap_or(usual.namespace),
            prefix: prefix.unwrap_or(usual.prefix),
            tags,
            kms_key,
            state_bucket,
            asset_bucket,
            provisioned,
            expected_account: None,
        }
    }

    /// The settings for the account and region of a home.
    pub fn settings_of(&self, place: &AwsPlace) -> AwsBootstrapSettings {
        let AwsPlace { region, profile, endpoint, path_style, role, expected_account, bootstrap: _ } = place.clone();
        let access = AwsAccess { region, profile, keys: None, role: role.map(aws_role), endpoint };
        AwsBootstrapSettings { expected_account, ..self.settings(access, path_style, None) }
    }

    /// The settings for the account of a credential.
    pub fn settings_for(
        &self,
        source: &AwsSource,
        region: Option<String>,
        namespace: Option<&str>,
    ) -> AwsBootstrapSettings {
        let AwsSource { profile, expected_account, role, endpoint, path_style } = source.clone();
        let role = role.map(|role| AwsRole {
            arn: role.arn,
            external_id: role.external_id,
            session_name: role.session_name,
            endpoint: None,
        });
        let access = AwsAccess { region, profile, keys: None, role, endpoint };
        AwsBootstrapSettings { expected_account, ..self.settings(access, path_style, namespace) }
    }

    /// Who follows the preparation of a scope.
    pub fn progress(&self, scope: &BootstrapScope) -> Progress {
        Progress {
            scope: scope.clone(),
            reporter: Arc::clone(&self.reporter),
            cancel: self.cancel.clone(),
            waited_for: Mutex::default(),
            is_told: AtomicBool::new(!self.only_plans),
        }
    }
}

/// Draws a preparation.
pub struct Progress {
    scope: BootstrapScope,
    reporter: Arc<Reporter>,
    cancel: Cancel,
    /// Whom the user was told of last.
    waited_for: Mutex<Option<String>>,
    /// Whether nothing is to be said of what would be made, any more or at all.
    is_told: AtomicBool,
}

impl Progress {
    /// Waits, or less where it is stopped.
    pub fn sleep_until(&self, time: Duration, is_stopped: &dyn Fn() -> bool) {
        let mut left = time;
        while !left.is_zero() && !is_stopped() {
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
    }

    fn event(&self, status: &str, step: Option<&BootstrapStep>, holder: Option<&str>) {
        let scope = &self.scope;
        self.reporter.json(&json!({
            "type": "bootstrap", "scope": scope, "status": status, "step": step.map(|step| &step.name), "holder": holder,
        }));
    }
}

impl Watch for Progress {
    fn is_stopped(&self) -> bool {
        self.cancel.level().is_some()
    }

    fn sleep(&self, time: Duration) {
        self.sleep_until(time, &|| self.is_stopped());
    }

    fn waits(&self, holder: Option<&Holder>) {
        let holder = holder.map_or_else(|| "another run".to_owned(), ToString::to_string);
        let mut told = self.waited_for.lock();
        if told.as_ref() != Some(&holder) {
            *told = Some(holder.clone());
            drop(told);
            self.event("waiting", None, Some(&holder));
            self.reporter.say(&format!("bootstrap of {}: waiting for {holder}", self.scope));
        }
    }

    fn would(&self, steps: &[BootstrapStep]) {
        if self.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let titles: Vec<&str> = steps.iter().map(|step| step.title.as_str()).collect();
        self.reporter.json(&json!({ "type": "bootstrap", "scope": self.scope, "status": "missing", "steps": titles }));
        self.reporter.say(&format!(
            "{} is not prepared; a deploy would bootstrap it: {}",
            self.scope,
            titles.join(", ")
        ));
    }

    fn begins(&self, step: &BootstrapStep) {
        self.event("begun", Some(step), None);
        self.reporter.say(&format!("bootstrap of {}: {}", self.scope, step.title));
    }

    fn done(&self, step: &BootstrapStep) {
        self.event("done", Some(step), None);
    }
}

/// The preparations that plugins may ask for.
pub struct PluginBootstraps(pub Preparing);

#[async_trait]
impl Bootstraps for PluginBootstraps {
    async fn open(&self, request: &BootstrapRequest) -> Result<Arc<dyn OpenBootstrap>, ProviderError> {
        let settings = self.0.settings_for(&request.source, request.region.clone(), request.namespace.as_deref());
        let preparing = self.0.clone();
        let bootstrap = blocking(move || preparing.open(settings)).await?;
        Ok(Arc::new(AccountBootstrap { bootstrap: Arc::new(bootstrap), preparing: self.0.clone() }))
    }

    async fn own(
        &self,
        scope: &BootstrapScope,
        steps: Arc<dyn PluginSteps>,
    ) -> Result<Arc<dyn OpenBootstrap>, ProviderError> {
        let Some(store) = self.0.home.lock().clone() else {
            let text = "this command opens no home, in which the record of a bootstrap would lie";
            return Err(ProviderError::new(ErrorKind::Unsupported, text));
        };
        let bootstrap = PluginBootstrap::new(store, scope, steps, &self.0);
        Ok(Arc::new(bootstrap.map_err(|error| error.to_provider_error())?))
    }

    fn longest(&self) -> Duration {
        self.0.setting.timeout.unwrap_or(LONGEST)
    }
}

struct AccountBootstrap {
    bootstrap: Arc<AwsBootstrap>,
    preparing: Preparing,
}

#[async_trait]
impl OpenBootstrap for AccountBootstrap {
    fn scope(&self) -> &BootstrapScope {
        self.bootstrap.scope()
    }

    async fn look(&self) -> Result<Looked, ProviderError> {
        let bootstrap = Arc::clone(&self.bootstrap);
        blocking(move || bootstrap.look().map_err(|error| error.to_provider_error())).await
    }

    async fn prepare(&self) -> Result<Map<String, Value>, ProviderError> {
        let (bootstrap, holder) = (Arc::clone(&self.bootstrap), self.preparing.holder.clone());
        let progress = self.preparing.progress(self.bootstrap.scope());
        let prepared = move || bootstrap.prepare(&holder, &progress).map_err(|error| error.to_provider_error());
        blocking(prepared).await.map(|prepared| prepared.record.output())
    }

    async fn publish(&self, asset: Asset) -> Result<AssetLocation, ProviderError> {
        publish(Arc::clone(&self.bootstrap), self.preparing.clone(), asset).await
    }
}

/// Does work on a thread that may wait.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(ProviderError::new(ErrorKind::Internal, format!("the bootstrap ended: {error}"))))
}
