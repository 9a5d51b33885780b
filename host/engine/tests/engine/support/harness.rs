//! Runs the engine on a stack and a cloud, keeping the state and the journal from run to run.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cofferdam_engine::{
    Cancel, Clock, Consent, Engine, EngineCtx, Entropy, Event, EventSink, Outcome, Plan, PlanError, PlanOptions,
    Recovery, Refresh, StepResult,
};
use cofferdam_model::journal::InFlight;
use cofferdam_model::redact::Redactor;
use cofferdam_model::state::StackState;
use cofferdam_model::{StackName, StageName};
use parking_lot::Mutex;

use super::{Cloud, MemoryJournal, Stack};

#[derive(Default)]
pub struct Events(pub Mutex<Vec<Event>>);

impl EventSink for Events {
    fn emit(&self, event: Event) {
        self.0.lock().push(event);
    }
}

/// The clock of tokio, which tests pause.
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000 + self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Numbers that look random and are not.
pub struct Counter(pub AtomicU64);

impl Entropy for Counter {
    fn bytes(&self) -> [u8; 16] {
        let n = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        u128::from(n).wrapping_mul(0x1_0000_0000_0001).rotate_left(29).to_le_bytes()
    }
}

pub struct Harness {
    pub cloud: Cloud,
    pub state: StackState,
    pub journal: Arc<MemoryJournal>,
    pub events: Arc<Events>,
    pub redactor: Arc<Redactor>,
    pub cancel: Cancel,
    pub parallelism: usize,
    pub in_flight: Vec<InFlight>,
    entropy: Arc<Counter>,
}

impl Harness {
    pub fn new() -> Self {
        let name = StackName::new("test").expect("valid");
        Self {
            cloud: Cloud::default(),
            state: StackState::empty(name, StageName::new("dev").expect("valid")),
            journal: Arc::default(),
            events: Arc::default(),
            redactor: Arc::default(),
            cancel: Cancel::default(),
            parallelism: 10,
            in_flight: Vec::new(),
            entropy: Arc::new(Counter(AtomicU64::new(1))),
        }
    }

    pub fn engine(&self, stack: &Stack) -> Engine {
        Engine::new(EngineCtx {
            program: Arc::new(stack.clone()),
            providers: Arc::new(self.cloud.clone()),
            events: self.events.clone(),
            redactor: self.redactor.clone(),
            clock: Arc::new(TokioClock(tokio::time::Instant::now())),
            entropy: self.entropy.clone(),
            cancel: self.cancel.clone(),
            parallelism: NonZeroUsize::new(self.parallelism).expect("not zero"),
        })
    }

    pub async fn plan(&self, stack: &Stack) -> Result<Plan, PlanError> {
        self.plan_with(stack, Refresh::Changed).await
    }

    pub async fn plan_with(&self, stack: &Stack, refresh: Refresh) -> Result<Plan, PlanError> {
        let options = PlanOptions { refresh, in_flight: self.in_flight.clone() };
        self.engine(stack).plan(&self.state, options).await
    }

    pub async fn recover(&mut self, stack: &Stack) -> Recovery {
        self.recover_with(stack, Consent::Given).await
    }

    pub async fn recover_with(&mut self, stack: &Stack, consent: Consent) -> Recovery {
        let (journal, in_flight) = (self.journal.clone(), self.journal.in_flight());
        let recovery = self.engine(stack).recover(self.state.clone(), in_flight, journal, consent).await;
        self.state = recovery.state.clone();
        self.in_flight = recovery.in_flight.clone();
        recovery
    }

    /// Plans and deploys, and keeps the state.
    pub async fn deploy(&mut self, stack: &Stack) -> Outcome {
        let engine = self.engine(stack);
        let options = PlanOptions { refresh: Refresh::Changed, in_flight: self.in_flight.clone() };
        let plan = engine.plan(&self.state, options).await.expect("the plan is made");
        self.apply(&engine, plan).await
    }

    pub async fn destroy(&mut self, stack: &Stack) -> Outcome {
        let engine = self.engine(stack);
        let options = PlanOptions { refresh: Refresh::Changed, in_flight: self.in_flight.clone() };
        let plan = engine.plan_destroy(&self.state, options).await.expect("the plan is made");
        self.apply(&engine, plan).await
    }

    pub async fn apply(&mut self, engine: &Engine, plan: Plan) -> Outcome {
        let approved = plan.approve(self.state.clone()).expect("the plan fits the state");
        let outcome = engine.deploy(approved, self.journal.clone(), "deploy").await;
        self.state = outcome.state.clone();
        self.state.serial += 1;
        self.in_flight = self.journal.in_flight();
        outcome
    }
}

/// `t.a Create Done`, for comparisons.
pub fn results(outcome: &Outcome) -> Vec<String> {
    let name = |result: &StepResult| match result {
        StepResult::Done => "done".to_owned(),
        StepResult::Unchanged => "unchanged".to_owned(),
        StepResult::Failed(error) => format!("failed: {}", error.cause),
        StepResult::NotStarted(why) => format!("not started: {why:?}"),
        StepResult::Interrupted(_) => "interrupted".to_owned(),
        StepResult::Unknown(_) => "unknown".to_owned(),
    };
    outcome.steps.iter().map(|step| format!("{} {}", step.address, name(&step.result))).collect()
}

/// The step of a resource.
pub fn find<'a>(plan: &'a Plan, at: &str) -> &'a cofferdam_engine::Step {
    plan.steps.iter().find(|step| step.address.to_string() == at).expect("there is such a step")
}
