//! Refresh: the state as the remote objects have it, and where they drifted. Changes nothing.

use cofferdam_model::Diagnostic;
use cofferdam_model::journal::InFlight;
use cofferdam_model::state::StackState;

use crate::planner::{Goal, look};
use crate::run::Run;
use crate::{Drift, PlanError, PlanOptions, Refresh};

/// What a refresh found.
#[derive(Clone, Debug)]
pub struct RefreshOutcome {
    /// The state as it should be, with the lineage and serial that it had.
    pub state: StackState,
    /// Whether [`RefreshOutcome::state`] differs from the state before; also without drift, where a plugin's private
    /// part changed.
    pub changed: bool,
    /// Objects that are not as the state said.
    pub drift: Vec<Drift>,
    /// Warnings; one for each write that is in flight.
    pub diagnostics: Vec<Diagnostic>,
}

pub(crate) async fn refresh(
    run: &Run,
    state: &StackState,
    in_flight: Vec<InFlight>,
) -> Result<RefreshOutcome, PlanError> {
    let options = PlanOptions { refresh: Refresh::All, in_flight };
    let found = look(run, state, options, Goal::Refresh).await?;
    let mut state = state.clone();
    let changed = !found.refreshed.is_empty();
    for refreshed in found.refreshed {
        match refreshed.entry {
            Some(entry) => state.resources.insert(refreshed.address, entry.as_ref().clone()),
            None => state.resources.remove(&refreshed.address),
        };
    }
    Ok(RefreshOutcome { state, changed, drift: found.drift, diagnostics: found.diagnostics })
}
