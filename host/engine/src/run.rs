//! The engine of one run: what it was given, and what it learns once and keeps.

use std::sync::Arc;

use cofferdam_model::error::ErrorKind;
use cofferdam_model::journal::{InFlight, Journal};
use cofferdam_model::program::Program;
use cofferdam_model::state::{ResourceEntry, StackState};
use cofferdam_model::{Address, Diagnostic, ProviderKey};
use tokio::sync::Semaphore;

use crate::calls::Subject;
use crate::configured::Configured;
use crate::kinds::{Kind, Kinds};
use crate::{
    ApprovedPlan, Consent, EngineCtx, Event, ImportError, ImportRequest, Outcome, Plan, PlanError, PlanOptions,
    PlanPurpose, Recovery, RefreshOutcome, SettleError, Settlement, StepError, Task, deploy, import, planner, recover,
    refresh, settle,
};

/// Plans and deploys one stack. Made once a run; schemas, validators and configured providers are kept from the plan
/// to the deploy.
pub struct Engine {
    run: Arc<Run>,
}

impl Engine {
    /// An engine for one run.
    #[must_use]
    pub fn new(ctx: EngineCtx) -> Self {
        let permits = Semaphore::new(ctx.parallelism.get().min(Semaphore::MAX_PERMITS));
        Self { run: Arc::new(Run { ctx, permits, kinds: Kinds::default(), configured: Configured::default() }) }
    }

    /// Compares the stack with the state and, as far as the options say, with the remote objects. Changes nothing.
    ///
    /// # Errors
    /// When the stack is wrong, a call fails, or the run is stopped.
    pub async fn plan(&self, state: &StackState, options: PlanOptions) -> Result<Plan, PlanError> {
        planner::plan(&self.run, state, options, PlanPurpose::Deploy).await
    }

    /// Plans the removal of everything that the state holds. Changes nothing.
    ///
    /// # Errors
    /// When a call fails or the run is stopped.
    pub async fn plan_destroy(&self, state: &StackState, options: PlanOptions) -> Result<Plan, PlanError> {
        planner::plan(&self.run, state, options, PlanPurpose::Destroy).await
    }

    /// Does what an approved plan says; also for a destroy. Never fails as a whole: what went wrong stands in the
    /// outcome. `command` names the run in the journal.
    pub async fn deploy(&self, approved: ApprovedPlan, journal: Arc<dyn Journal>, command: &str) -> Outcome {
        deploy::deploy(&self.run, approved, journal, command).await
    }

    /// Reads every object of the state that can be read, and returns the state as it should be. Changes nothing and
    /// writes nothing: the caller stores the state, or only shows the drift. `in_flight` is what [`Engine::recover`]
    /// could not settle: each is told in a warning.
    ///
    /// # Errors
    /// When a call fails or the run is stopped.
    pub async fn refresh(&self, state: &StackState, in_flight: Vec<InFlight>) -> Result<RefreshOutcome, PlanError> {
        refresh::refresh(&self.run, state, in_flight).await
    }

    /// Settles the writes of former runs whose end no record tells. Called before the plan, by commands that write;
    /// reads alone are made without the user's consent. What it cannot settle it hands back for
    /// [`PlanOptions::in_flight`].
    pub async fn recover(
        &self,
        state: StackState,
        in_flight: Vec<InFlight>,
        journal: Arc<dyn Journal>,
        consent: Consent,
    ) -> Recovery {
        recover::recover(&self.run, state, in_flight, journal, consent).await
    }

    /// Settles one write of a former run as the user says it ended, and brings the state up to date with that. The
    /// caller makes the state the next snapshot.
    ///
    /// # Errors
    /// When there is no such object or it cannot be read, and when the journal cannot be written. The state and the
    /// write are then as before.
    pub async fn settle(
        &self,
        state: &mut StackState,
        write: &InFlight,
        how: Settlement,
        journal: Arc<dyn Journal>,
    ) -> Result<(), SettleError> {
        settle::settle(&self.run, state, write, how, &journal).await
    }

    /// Reads an object that a person names, as a resource of the stack. Changes nothing and writes nothing: the caller
    /// stores the entry.
    ///
    /// # Errors
    /// When the stack has no such resource, there is no such object, or a call fails.
    pub async fn import(&self, state: &StackState, request: &ImportRequest) -> Result<ResourceEntry, ImportError> {
        import::import(&self.run, state, request).await
    }
}

/// What the parts of a run share.
pub(crate) struct Run {
    pub ctx: EngineCtx,
    /// Bounds the calls of a plan; a deploy bounds its steps instead.
    pub permits: Semaphore,
    pub kinds: Kinds,
    pub configured: Configured,
}

impl Run {
    pub(crate) fn program(&self) -> &dyn Program {
        &*self.ctx.program
    }

    pub(crate) fn emit(&self, event: Event) {
        self.ctx.events.emit(event);
    }

    /// A resource's type.
    pub(crate) async fn kind(&self, subject: &Subject) -> Result<Arc<Kind>, Box<StepError>> {
        let ty = subject.address.resource_type();
        let slot = self.kinds.slot(&subject.provider, ty);
        let found = slot
            .get_or_init(|| async {
                let schema = self.ctx.providers.schema(&subject.provider, ty).await?;
                Ok(Arc::new(Kind::new(schema)))
            })
            .await;
        found.clone().map_err(|error| subject.error(self, Task::Describe, error))
    }

    /// What served an object so far, with its type; none where the stack has no such provider any more, or it has no
    /// such type.
    pub(crate) async fn former(
        &self,
        address: &Address,
        provider: &ProviderKey,
    ) -> Result<Option<(Subject, Arc<Kind>)>, Box<StepError>> {
        let subject = Subject::new(address, provider);
        match self.kind(&subject).await {
            Ok(kind) => Ok(Some((subject, kind))),
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A finding about a resource, redacted, with its place in the user's file.
    pub(crate) fn located(&self, address: &Address, finding: Diagnostic) -> Diagnostic {
        let mut finding = self.redacted(finding);
        if finding.address.is_none() {
            finding.address = Some(address.clone());
        }
        if finding.span.is_none() {
            finding.span = self.program().locate(address, finding.at.as_ref());
        }
        finding
    }

    /// A finding without secrets.
    pub(crate) fn redacted(&self, finding: Diagnostic) -> Diagnostic {
        self.ctx.redactor.redact_diagnostic(finding)
    }
}
