//! Preparations that plugins do themselves: the record lies in the home of the stack, the steps are calls of the plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cofferdam_home::store::Store;
use cofferdam_home::{Bootstrap, BootstrapError, Holder, TIME_TO_LIVE, Watch};
use cofferdam_model::bootstrap::{
    BootstrapScope, BootstrapStep, Looked, OpenBootstrap, PluginSteps, Preparer, StepCall, StepDone, StepFault,
};
use cofferdam_model::error::ProviderError;
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use crate::bootstraps::{Preparing, Progress, blocking};
use crate::environment::SystemEntropy;

/// One preparation of a plugin.
pub struct PluginBootstrap {
    records: Arc<Bootstrap>,
    steps: Arc<dyn PluginSteps>,
    preparing: Preparing,
}

impl PluginBootstrap {
    /// The preparation of a scope with its record in a store. Reads nothing yet.
    ///
    /// # Errors
    /// When a part of the scope is not what it should be.
    pub fn new(
        store: Arc<dyn Store>,
        scope: &BootstrapScope,
        steps: Arc<dyn PluginSteps>,
        preparing: &Preparing,
    ) -> Result<Self, BootstrapError> {
        let records = records(store, scope, preparing)?;
        Ok(Self { records: Arc::new(records), steps, preparing: preparing.clone() })
    }

    /// Does something with the record and the steps on a thread that may wait.
    pub async fn with<T: Send + 'static>(
        &self,
        steps: Vec<BootstrapStep>,
        work: impl FnOnce(&Bootstrap, &Calls, &Holder, &dyn Watch) -> Result<T, BootstrapError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let (records, holder) = (Arc::clone(&self.records), self.preparing.holder.clone());
        let given_up = GivenUp::default();
        let watch = Following { progress: self.preparing.progress(records.scope()), given_up: Arc::clone(&given_up.0) };
        let calls = Calls { calls: Arc::clone(&self.steps), steps, handle: Handle::current() };
        // Nobody waits any more where this future is dropped: the work ends at its next step.
        let ended =
            blocking(move || work(&records, &calls, &holder, &watch).map_err(|error| error.to_provider_error())).await;
        drop(given_up);
        ended
    }

    /// The steps, as the plugin says.
    ///
    /// # Errors
    /// When it fails, or answers what is no list of steps.
    pub async fn steps(&self) -> Result<Vec<BootstrapStep>, ProviderError> {
        self.steps.steps().await
    }
}

/// The record of a scope in a store.
///
/// # Errors
/// When a part of the scope is not what it should be.
pub fn records(
    store: Arc<dyn Store>,
    scope: &BootstrapScope,
    preparing: &Preparing,
) -> Result<Bootstrap, BootstrapError> {
    let clock = Arc::clone(&preparing.clock);
    Bootstrap::new(store, clock, Arc::new(SystemEntropy), scope.clone(), TIME_TO_LIVE)
}

#[async_trait]
impl OpenBootstrap for PluginBootstrap {
    fn scope(&self) -> &BootstrapScope {
        self.records.scope()
    }

    async fn look(&self) -> Result<Looked, ProviderError> {
        let steps = self.steps().await?;
        self.with(steps, |records, calls, _, _| records.look(calls.steps())).await
    }

    async fn prepare(&self) -> Result<Map<String, Value>, ProviderError> {
        let steps = self.steps().await?;
        let prepared = self.with(steps, |records, calls, holder, watch| records.prepare(calls, holder, watch));
        prepared.await.map(|prepared| prepared.record.output())
    }
}

/// Set when it is dropped.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Follows a preparation until nobody waits for it.
struct Following {
    progress: Progress,
    given_up: Arc<AtomicBool>,
}

impl Watch for Following {
    fn is_stopped(&self) -> bool {
        self.given_up.load(Ordering::Relaxed) || self.progress.is_stopped()
    }

    fn sleep(&self, time: Duration) {
        self.progress.sleep_until(time, &|| self.is_stopped());
    }

    fn waits(&self, holder: Option<&Holder>) {
        self.progress.waits(holder);
    }

    fn would(&self, steps: &[BootstrapStep]) {
        self.progress.would(steps);
    }

    fn begins(&self, step: &BootstrapStep) {
        self.progress.begins(step);
    }

    fn done(&self, step: &BootstrapStep) {
        self.progress.done(step);
    }
}

/// The plugin's steps for a thread that waits.
pub struct Calls {
    calls: Arc<dyn PluginSteps>,
    steps: Vec<BootstrapStep>,
    handle: Handle,
}

impl Preparer for Calls {
    fn steps(&self) -> &[BootstrapStep] {
        &self.steps
    }

    fn perform(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
        self.handle.block_on(self.calls.perform(call))
    }

    fn verify(&self, record: &Map<String, Value>) -> Result<Vec<StepFault>, ProviderError> {
        let lines = self.handle.block_on(self.calls.verify(record))?;
        // A plugin says what is wrong, and not of which step.
        Ok(lines.into_iter().map(|what| StepFault { step: None, what }).collect())
    }

    fn undo(&self, call: &StepCall<'_>) -> Result<StepDone, ProviderError> {
        self.handle.block_on(self.calls.undo(call))
    }
}
