//! Stopping a run from outside: gently, then at once.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

/// How urgently a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// Start nothing new; let running calls settle.
    Soft,
    /// Drop running calls at once; what became of them is unknown.
    Hard,
}

/// Stops the run that it was given to. Clones stop the same run; a request can be raised, never taken back.
#[derive(Clone, Debug)]
pub struct Cancel {
    level: Arc<watch::Sender<Option<Stop>>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self { level: Arc::new(watch::Sender::new(None)) }
    }
}

impl Cancel {
    /// Asks the run to stop.
    pub fn request(&self, stop: Stop) {
        self.level.send_if_modified(|level| {
            let raised = level.is_none_or(|level| level < stop);
            if raised {
                *level = Some(stop);
            }
            raised
        });
    }

    /// What was asked so far.
    #[must_use]
    pub fn level(&self) -> Option<Stop> {
        *self.level.borrow()
    }

    /// Ends once the run is asked to stop at least that urgently.
    pub async fn reached(&self, stop: Stop) {
        let mut level = self.level.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = level.wait_for(|level| level.is_some_and(|level| level >= stop)).await;
    }
}
