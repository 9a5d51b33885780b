//! The plan: what a deploy will do, in a form that can be shown, approved and applied exactly. Pure data.

use std::collections::BTreeSet;
use std::sync::Arc;

use cofferdam_model::journal::InFlight;
use cofferdam_model::state::{ResourceEntry, StackState};
use cofferdam_model::{Address, Diagnostic, Pointer, ProviderKey, StackName, StageName, Value};
use serde::{Deserialize, Serialize};

use crate::StalePlan;

/// Which objects a plan reads before it compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refresh {
    /// None: the state is taken at its word.
    None,
    /// What would change or go, and every object that is read for free.
    #[default]
    Changed,
    /// Every object that can be read.
    All,
}

/// How to plan.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// What is read first.
    pub refresh: Refresh,
    /// Writes of former runs whose end is unknown, as the home reports them after [`crate::Engine::recover`].
    pub in_flight: Vec<InFlight>,
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanPurpose {
    /// To make the remote objects what the stack says.
    Deploy,
    /// To remove all of them.
    Destroy,
}

/// Which half of a replacement comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplaceOrder {
    /// The old object goes first.
    DeleteFirst,
    /// The new object comes first. Not planned yet: the state has no place for an old object beside the new one.
    CreateFirst,
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is removed and made anew.
    Replace {
        /// Which half comes first.
        order: ReplaceOrder,
    },
    /// It is removed.
    Delete,
}

impl Action {
    /// Whether anything happens.
    #[must_use]
    pub fn is_change(self) -> bool {
        self != Self::NoOp
    }
}

/// One difference between what is and what is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The place in the resource's properties.
    pub pointer: Pointer,
    /// The value before; none where there was none.
    pub before: Option<Value>,
    /// The value after; none where it is removed.
    pub after: Option<Value>,
    /// Whether this change forces a replacement.
    pub replaces: bool,
    /// Why it does, such as "`filename` cannot change in place".
    pub reason: Option<String>,
}

/// Why a resource is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceReason {
    /// The place whose change forces it, where there is one.
    pub pointer: Option<Pointer>,
    /// In words.
    pub reason: String,
}

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The resource.
    pub address: Address,
    /// The provider configuration that serves it.
    pub provider: ProviderKey,
    /// What happens.
    pub action: Action,
    /// What changes; empty for creations, removals and where nothing happens.
    pub changes: Vec<Change>,
    /// Why it is replaced; not empty for every replacement.
    pub reasons: Vec<ReplaceReason>,
    /// The inputs, defaults filled in, with unknown places; none for removals.
    pub inputs: Option<Value>,
    /// The properties as they are; none where there is no object.
    pub before: Option<Value>,
    /// The properties as they will be, with unknown places; none for removals.
    pub after: Option<Value>,
    /// The resources that it refers to; for removals those that it referred to.
    pub depends_on: BTreeSet<Address>,
}

/// One place where an object is not as the state says.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftChange {
    /// The place in the properties.
    pub pointer: Pointer,
    /// What the state says.
    pub before: Option<Value>,
    /// What the object has.
    pub after: Option<Value>,
}

/// An object that is not as the state says.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The resource.
    pub address: Address,
    /// Whether the object is gone.
    pub gone: bool,
    /// What differs; empty where the object is gone.
    pub changes: Vec<DriftChange>,
}

/// An entry of the state as a read or a migration left it. The deploy writes it into the state first.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshedEntry {
    /// The resource.
    pub address: Address,
    /// The entry from now on; none where the object is gone.
    pub entry: Option<Arc<ResourceEntry>>,
}

/// An output before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputChange {
    /// Its name.
    pub name: String,
    /// The value of the last deploy.
    pub before: Option<Value>,
    /// The value that is planned; none where the output goes away.
    pub after: Option<Value>,
}

impl OutputChange {
    /// Whether the value changes or may change.
    #[must_use]
    pub fn is_change(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => !before.same(after),
            (None, None) => false,
            _ => true,
        }
    }
}

/// How many resources each action concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ActionCounts {
    /// Untouched.
    pub no_op: usize,
    /// Made.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Removed and made anew.
    pub replace: usize,
    /// Removed.
    pub delete: usize,
}

/// What a deploy will do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it is for.
    pub purpose: PlanPurpose,
    /// The stack.
    pub stack: StackName,
    /// The stage.
    pub stage: StageName,
    /// The lineage of the state that it was made from.
    pub lineage: String,
    /// The serial of the state that it was made from.
    pub serial: u64,
    /// Every resource: what is wanted in the order of its references, then what goes, users before what they use.
    pub steps: Vec<Step>,
    /// Objects that are not as the state says, in the order of the steps.
    pub drift: Vec<Drift>,
    /// Entries of the state that reads and migrations changed.
    pub refreshed: Vec<RefreshedEntry>,
    /// Every output before and after, in the order of the names.
    pub outputs: Vec<OutputChange>,
    /// Writes of former runs whose end is unknown. The deploy touches neither their resources nor what depends on
    /// those.
    pub in_flight: Vec<InFlight>,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
}

impl Plan {
    /// How many resources each action concerns.
    #[must_use]
    pub fn counts(&self) -> ActionCounts {
        let mut counts = ActionCounts::default();
        for step in &self.steps {
            *match step.action {
                Action::NoOp => &mut counts.no_op,
                Action::Create => &mut counts.create,
                Action::Update => &mut counts.update,
                Action::Replace { .. } => &mut counts.replace,
                Action::Delete => &mut counts.delete,
            } += 1;
        }
        counts
    }

    /// Whether a deploy would change an object, an output or what the state says of an object.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.steps.iter().any(|step| step.action.is_change())
            || !self.refreshed.is_empty()
            || self.outputs.iter().any(OutputChange::is_change)
    }

    /// Approves the plan for the state that it was made from.
    ///
    /// # Errors
    /// When the state is another one, or went on since.
    pub fn approve(self, state: StackState) -> Result<ApprovedPlan, StalePlan> {
        self.fits(&state)?;
        Ok(ApprovedPlan { plan: self, state })
    }

    /// Whether this is the state that the plan was made from.
    pub(crate) fn fits(&self, state: &StackState) -> Result<(), StalePlan> {
        let of = (&self.stack, &self.stage) == (&state.stack, &state.stage);
        // Before the first deploy there is no lineage yet.
        if !of || !self.lineage.is_empty() && self.lineage != state.lineage {
            return Err(StalePlan::OtherState);
        }
        if self.serial != state.serial || self.lineage != state.lineage {
            return Err(StalePlan::Serial { found: state.serial, planned: self.serial });
        }
        Ok(())
    }
}

/// A plan with the state that it was made from: what [`crate::Engine::deploy`] takes.
#[derive(Clone, Debug)]
pub struct ApprovedPlan {
    pub(crate) plan: Plan,
    pub(crate) state: StackState,
}

impl ApprovedPlan {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}
