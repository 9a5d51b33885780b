//! The circumstances of one call.

use std::time::Duration;

use crate::bindings::cofferdam::provider::types::{CallContext, Mode};
use crate::pointer;

/// What a call knows besides its arguments. `S` is what the provider's `configure` returned.
#[derive(Clone, Debug)]
pub struct Cx<S> {
    session: S,
    call: CallContext,
    secrets: Vec<String>,
}

impl<S> Cx<S> {
    pub(crate) fn new(session: S, call: CallContext, secrets: Vec<String>) -> Self {
        Self { session, call, secrets }
    }

    /// What `configure` returned.
    pub fn session(&self) -> &S {
        &self.session
    }

    /// The idempotency token of this write: the same on every attempt, at most 64 characters of `[a-z0-9-]`. Send it
    /// along where the service has a place for it. Empty in calls that write nothing.
    pub fn operation_id(&self) -> &str {
        &self.call.operation_id
    }

    /// Counts the attempts at this step, from 1.
    pub fn attempt(&self) -> u32 {
        self.call.attempt
    }

    /// Time left for this call when it began; the host ends it then, wherever it is.
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(self.call.remaining_ms)
    }

    /// True where the host refuses mutating requests.
    pub fn is_read_only(&self) -> bool {
        self.call.mode == Mode::ReadOnly
    }

    /// JSON Pointers to the secret places of the inputs (or, in `configure`, of the configuration). State that holds
    /// a property at the same place keeps the mark without any doing.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// True where a property, or something that holds it, is one of these secret places.
    pub fn is_secret(&self, property: &str) -> bool {
        let at = pointer::from_property(property);
        self.secrets.iter().any(|secret| pointer::is_within(&at, secret))
    }
}
