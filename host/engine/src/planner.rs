//! Makes a plan: every resource of the stack after what it refers to, then what leaves. Resources whose turn has come
//! are looked at side by side; what they publish is kept here alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use cofferdam_model::journal::InFlight;
use cofferdam_model::state::StackState;
use cofferdam_model::{Diagnostic, ProviderKey, Value};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::{Mutex, RwLock};

use crate::calls::Subject;
use crate::graph::{Edges, Graph};
use crate::run::Run;
use crate::unsettled::{Way, served, warning};
use crate::values::{View, kept};
use crate::{
    Cause, Drift, Event, OutputChange, Plan, PlanError, PlanOptions, PlanPurpose, Refresh, RefreshedEntry, Step,
    StepError, Stop, Task,
};

/// Resources that are looked at at one time; the calls among that are bounded by the permits of the run.
const WINDOW: usize = 256;

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    Plan(PlanPurpose),
    /// The state as it should be, without any step.
    Refresh,
}

/// What became of one resource.
#[derive(Default)]
pub(crate) struct Found {
    pub step: Option<Step>,
    pub drift: Option<Drift>,
    pub refreshed: Option<RefreshedEntry>,
    pub warnings: Vec<Diagnostic>,
    pub error: Option<Box<StepError>>,
}

/// The configuration of a provider, evaluated once.
#[derive(Clone)]
enum Config {
    Known(Value),
    Unknown,
    Invalid,
}

pub(crate) struct Planner<'a> {
    pub run: &'a Run,
    pub state: &'a StackState,
    pub refresh: Refresh,
    pub goal: Goal,
    pub graph: Graph,
    // The locks guard memory alone.
    values: RwLock<Vec<Option<Value>>>,
    /// What expressions saw after the last deploy; empty where nothing needs it.
    before: Vec<Option<Value>>,
    configs: Mutex<HashMap<ProviderKey, Config>>,
    notes: Mutex<Vec<Diagnostic>>,
}

/// Plans a deploy or a destroy.
pub(crate) async fn plan(
    run: &Run,
    state: &StackState,
    options: PlanOptions,
    purpose: PlanPurpose,
) -> Result<Plan, PlanError> {
    look(run, state, options, Goal::Plan(purpose)).await
}

pub(crate) async fn look(run: &Run, state: &StackState, options: PlanOptions, goal: Goal) -> Result<Plan, PlanError> {
    let deploys = goal == Goal::Plan(PlanPurpose::Deploy);
    let graph = Graph::build(if deploys { run.program().resources() } else { &[] }, state);
    run.emit(Event::PlanStarted { resources: graph.nodes.len() });
    let edges = graph.declared_edges();
    let order = graph.declared_order(&edges)?;
    let count = graph.nodes.len();
    // What leaves was configured by what was there before; a stack's own values are all planned by then.
    let entry = |i: usize| state.resources.get(&graph.nodes[i].address);
    let moves = |i: usize| entry(i).is_some_and(|entry| entry.provider != graph.nodes[i].provider);
    let keeps = !deploys || (0..count).any(moves);
    let before = if keeps { (0..count).map(|i| entry(i).map(kept)).collect() } else { Vec::new() };
    let planner = Planner {
        run,
        state,
        refresh: options.refresh,
        goal,
        graph,
        values: RwLock::new(vec![None; count]),
        before,
        configs: Mutex::default(),
        notes: Mutex::default(),
    };
    let mut found: Vec<Found> = std::iter::repeat_with(Found::default).take(count).collect();
    let work = async {
        planner.declared(edges, &mut found).await;
        planner.leaving(&mut found).await;
        planner.unsettled(&options.in_flight).await;
    };
    tokio::select! {
        biased;
        () = run.ctx.cancel.reached(Stop::Soft) => return Err(PlanError::Stopped),
        () = work => {}
    }
    planner.finish(order, found, options.in_flight)
}

impl Planner<'_> {
    async fn declared(&self, edges: Edges, found: &mut [Found]) {
        let Edges { after, mut waits_for } = edges;
        let is_ready = |i: &usize| self.graph.nodes[*i].declared && waits_for[*i] == 0;
        let mut ready: VecDeque<usize> = (0..found.len()).filter(is_ready).collect();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < WINDOW
                && let Some(i) = ready.pop_front()
            {
                running.push(Box::pin(async move { (i, self.declared_one(i).await) }));
            }
            let Some((i, one)) = running.next().await else { return };
            found[i] = one;
            for &then in &after[i] {
                waits_for[then] -= 1;
                if waits_for[then] == 0 {
                    ready.push_back(then);
                }
            }
        }
    }

    async fn leaving(&self, found: &mut [Found]) {
        let mut waiting = (0..found.len()).filter(|&i| !self.graph.nodes[i].declared);
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < WINDOW
                && let Some(i) = waiting.next()
            {
                running.push(Box::pin(async move { (i, self.leaving_one(i).await) }));
            }
            let Some((i, one)) = running.next().await else { return };
            found[i] = one;
        }
    }

    /// Makes a value known to expressions.
    pub(crate) fn publish(&self, i: usize, value: Value) {
        self.values.write()[i] = Some(value);
    }

    /// Evaluates something against what is known now.
    pub(crate) fn with_known<T>(&self, evaluate: impl FnOnce(&View<'_>) -> T) -> T {
        let values = self.values.read();
        let fallback = if self.goal == Goal::Plan(PlanPurpose::Deploy) { &[] } else { self.before.as_slice() };
        evaluate(&View { index: &self.graph.index, values: &values, fallback })
    }

    /// The configuration of a resource's provider; none where it is not known yet, which is noted once.
    pub(crate) fn config(&self, subject: &Subject) -> Result<Option<Value>, Box<StepError>> {
        let key = &subject.provider;
        let cached = self.configs.lock().get(key).cloned();
        let config = match cached {
            Some(config) => config,
            None => {
                let (config, errors) = match self.with_known(|known| self.run.program().provider_config(key, known)) {
                    Ok(config) if config.is_wholly_known() => (Config::Known(config), Vec::new()),
                    Ok(_) => (Config::Unknown, Vec::new()),
                    Err(errors) => (Config::Invalid, errors),
                };
                let before = self.configs.lock().insert(key.clone(), config.clone());
                if before.is_none() && matches!(config, Config::Unknown) {
                    self.note_unknown(key);
                }
                if !errors.is_empty() {
                    let errors = errors.into_iter().map(|finding| self.run.redacted(finding)).collect();
                    return Err(subject.invalid(Task::Configure, errors));
                }
                config
            }
        };
        match config {
            Config::Known(config) => Ok(Some(config)),
            Config::Unknown => Ok(None),
            // Reported by the first who asked.
            Config::Invalid => Err(subject.invalid(Task::Configure, Vec::new())),
        }
    }

    /// The configuration of what served an object so far. The object's turn does not wait for what that refers to, so
    /// what is not planned yet counts as it was.
    pub(crate) fn former_config(&self, subject: &Subject) -> Result<Option<Value>, Box<StepError>> {
        let config = {
            let values = self.values.read();
            let known = View { index: &self.graph.index, values: &values, fallback: &self.before };
            self.run.program().provider_config(&subject.provider, &known)
        };
        let config = config.map_err(|errors| {
            let errors = errors.into_iter().map(|finding| self.run.redacted(finding)).collect();
            subject.invalid(Task::Configure, errors)
        })?;
        Ok(Some(config).filter(Value::is_wholly_known))
    }

    /// Notes the writes of former runs that are not settled.
    async fn unsettled(&self, in_flight: &[InFlight]) {
        for write in in_flight {
            let kind = served(self.run, &self.graph, write).await.ok().map(|(_, kind)| kind);
            let schema = kind.as_ref().map(|kind| &*kind.schema);
            let way = Way::of(write, schema, self.state.resources.contains_key(&write.address));
            self.notes.lock().push(warning(write, schema, way));
        }
    }

    fn note_unknown(&self, key: &ProviderKey) {
        self.run.emit(Event::ProviderUnknown { provider: key.clone() });
        let text = format!("the configuration of provider `{key}` is known only after deploy");
        let detail = "its resources are planned without asking it: nothing is read or checked beyond the schema";
        self.notes.lock().push(Diagnostic::warning(text).with_detail(detail));
    }

    fn finish(self, order: Vec<usize>, mut found: Vec<Found>, in_flight: Vec<InFlight>) -> Result<Plan, PlanError> {
        let leaving: Vec<usize> = (0..found.len()).filter(|&i| !self.graph.nodes[i].declared).collect();
        let order = order.into_iter().chain(self.graph.users_first(&leaving));
        let (mut errors, mut diagnostics) = (Vec::new(), self.notes.lock().split_off(0));
        let (mut steps, mut drift, mut refreshed) = (Vec::new(), Vec::new(), Vec::new());
        for one in order.map(|i| std::mem::take(&mut found[i])) {
            steps.extend(one.step);
            drift.extend(one.drift);
            refreshed.extend(one.refreshed);
            diagnostics.extend(one.warnings);
            if let Some(error) = one.error {
                match &*error.cause {
                    Cause::Inputs => diagnostics.extend(error.diagnostics),
                    _ => errors.push(*error),
                }
            }
        }
        if !errors.is_empty() {
            return Err(PlanError::Calls { errors, diagnostics });
        }
        let outputs =
            if diagnostics.iter().any(Diagnostic::is_error) { Vec::new() } else { self.outputs(&mut diagnostics) };
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(PlanError::Invalid { diagnostics });
        }
        Ok(Plan {
            purpose: if let Goal::Plan(purpose) = self.goal { purpose } else { PlanPurpose::Deploy },
            stack: self.state.stack.clone(),
            stage: self.state.stage.clone(),
            lineage: self.state.lineage.clone(),
            serial: self.state.serial,
            steps,
            drift,
            refreshed,
            outputs,
            in_flight,
            diagnostics,
        })
    }

    fn outputs(&self, diagnostics: &mut Vec<Diagnostic>) -> Vec<OutputChange> {
        let mut after: BTreeMap<String, Value> = BTreeMap::new();
        match self.goal {
            Goal::Plan(PlanPurpose::Deploy) => {
                for name in self.run.program().outputs() {
                    match self.with_known(|known| self.run.program().output(&name, known)) {
                        Ok(value) => {
                            self.run.ctx.redactor.learn(&value);
                            after.insert(name, value);
                        }
                        Err(errors) => diagnostics.extend(errors.into_iter().map(|finding| self.run.redacted(finding))),
                    }
                }
            }
            Goal::Plan(PlanPurpose::Destroy) => {}
            Goal::Refresh => return Vec::new(),
        }
        let names: BTreeSet<String> = self.state.outputs.keys().chain(after.keys()).cloned().collect();
        let change = |name: String| OutputChange {
            before: self.state.outputs.get(&name).cloned(),
            after: after.remove(&name),
            name,
        };
        names.into_iter().map(change).collect()
    }
}
