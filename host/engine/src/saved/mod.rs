//! A plan that outlives its run: with the state that it was made from, as text and back. What is deployed from the text
//! are the very steps that were planned, on the very state that they were planned for.
//!
//! The text holds every value of the plan, secrets in clear. Whoever keeps it encrypts it as a whole.

mod entry;
mod plan;
mod step;

use cofferdam_model::state::StackState;
use cofferdam_model::{Address, Digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ApprovedPlan, Plan, StalePlan};

use plan::PlanText;

/// A plan and the digest of the state that it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedPlan {
    plan: Plan,
    state: Digest,
}

/// Why a plan is not saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavePlanError {
    /// Writes of former runs are in flight. The next deploy settles them before it plans: whatever was planned before
    /// that was planned for a state that will not be there any more.
    #[error("a former run's write of `{0}` is in flight")]
    InFlight(Address),
    /// The state given is not the one that the plan was made from.
    #[error(transparent)]
    Stale(StalePlan),
}

impl SavedPlan {
    /// A plan with the state that it was made from.
    ///
    /// # Errors
    /// When writes are in flight, or the state is another one.
    pub fn new(plan: Plan, state: &StackState) -> Result<Self, SavePlanError> {
        if let Some(write) = plan.in_flight.first() {
            return Err(SavePlanError::InFlight(write.address.clone()));
        }
        plan.fits(state).map_err(SavePlanError::Stale)?;
        Ok(Self { plan, state: entry::digest(state) })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether a state is the one that the plan was made from.
    ///
    /// # Errors
    /// When it is another one, went on since, or holds something else under the same serial: a run that did not come to
    /// its end leaves that behind.
    pub fn check(&self, state: &StackState) -> Result<(), StalePlan> {
        self.plan.fits(state)?;
        if entry::digest(state) == self.state { Ok(()) } else { Err(StalePlan::Content { serial: state.serial }) }
    }

    /// Approves the plan for the state that it was made from.
    ///
    /// # Errors
    /// As [`SavedPlan::check`] says.
    pub fn approve(self, state: StackState) -> Result<ApprovedPlan, StalePlan> {
        self.check(&state)?;
        self.plan.approve(state)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedText {
    state: Digest,
    plan: PlanText,
}

/// Secrets in clear: for text that is encrypted as a whole.
impl Serialize for SavedPlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SavedText { state: self.state, plan: PlanText::from(&self.plan) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SavedPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let SavedText { state, plan } = SavedText::deserialize(deserializer)?;
        Ok(Self { plan: plan.into(), state })
    }
}
