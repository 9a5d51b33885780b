//! Whether the home answers: said once for each silence, and known to whoever is asked to stop meanwhile.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_home::store::StoreListener;
use serde_json::json;
use tokio::sync::watch;

use crate::render::events::{Reporter, duration};

/// What is known of the way to the home.
pub struct Contact {
    reporter: Arc<Reporter>,
    now: watch::Sender<Now>,
}

#[derive(Clone, Copy, Default)]
struct Now {
    /// The home was asked something and does not answer.
    silent: bool,
    /// How many parts of the command look at the home and would change nothing by being cut off.
    looking: usize,
}

/// Held while a command only looks at the home.
pub struct Looking<'a>(&'a Contact);

impl Contact {
    /// Nothing is known yet.
    pub fn new(reporter: Arc<Reporter>) -> Self {
        Self { reporter, now: watch::Sender::new(Now::default()) }
    }

    /// From now on the command only looks at the home, until what this returns is dropped: where the home does not
    /// answer, the command may end in the middle of it.
    #[must_use]
    pub fn looking(&self) -> Looking<'_> {
        self.now.send_modify(|now| now.looking += 1);
        Looking(self)
    }

    /// Ends when the home does not answer a command that only looks.
    pub async fn looks_in_vain(&self) {
        self.reached(|now| now.silent && now.looking > 0).await;
    }

    /// Ends when the home does not answer.
    pub async fn is_silent(&self) {
        self.reached(|now| now.silent).await;
    }

    async fn reached(&self, wanted: impl FnMut(&Now) -> bool) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.now.subscribe().wait_for(wanted).await;
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.now.send_modify(|now| now.looking -= 1);
    }
}

impl StoreListener for Contact {
    fn silent(&self, place: &str, why: Option<&str>, limit: Duration) {
        let up_to_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let because = why.map(|why| format!(" ({why})")).unwrap_or_default();
        self.reporter.news(
            &json!({ "type": "home-silent", "home": place, "why": why, "up_to_ms": up_to_ms }),
            &format!("the home `{place}` does not answer{because}; trying for up to {} s", limit.as_secs()),
        );
        self.now.send_modify(|now| now.silent = true);
    }

    fn answers(&self, place: &str, after: Duration) {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.now.send_modify(|now| now.silent = false);
        self.reporter.news(
            &json!({ "type": "home-answers", "home": place, "after_ms": after_ms }),
            &format!("the home `{place}` answers again, after {}", duration(after_ms)),
        );
    }
}
