//! The wall clock of a call, without the time that the host spends on work whose length is none of the guest's doing,
//! such as an upload. That work has limits of its own.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// How often a call is looked at whose time is over while the host still works for it.
const LOOK: Duration = Duration::from_millis(50);

/// The time that does not count.
#[derive(Default)]
pub(crate) struct Waived {
    // Guards memory alone.
    spans: Mutex<Spans>,
}

#[derive(Default)]
struct Spans {
    over: Duration,
    since: Option<Instant>,
}

/// Time does not count until this is dropped. A guest makes one host call at a time.
pub(crate) struct Waiving<'w>(&'w Waived);

impl Waived {
    pub fn begin(&self) -> Waiving<'_> {
        self.spans.lock().since = Some(Instant::now());
        Waiving(self)
    }

    /// How much there was so far.
    pub fn so_far(&self) -> Duration {
        let spans = self.spans.lock();
        spans.over + spans.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns when so much time has passed that counts.
    pub async fn passed(&self, limit: Duration) {
        let begun = Instant::now();
        loop {
            let until = begun + limit + self.so_far();
            let now = Instant::now();
            if until <= now {
                return;
            }
            sleep_until(until.max(now + LOOK.min(limit))).await;
        }
    }
}

impl Drop for Waiving<'_> {
    fn drop(&mut self) {
        let mut spans = self.0.spans.lock();
        if let Some(since) = spans.since.take() {
            spans.over += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{sleep, timeout};

    #[tokio::test]
    async fn work_of_the_host_does_not_count() {
        let limit = Duration::from_millis(200);
        let waived = Waived::default();
        let begun = Instant::now();
        waived.passed(limit).await;
        assert!(begun.elapsed() >= limit);
        let working = waived.begin();
        assert!(timeout(limit * 3, waived.passed(limit)).await.is_err(), "it waits for as long as the host works");
        drop(working);
        let begun = Instant::now();
        tokio::join!(waived.passed(limit), async {
            let _working = waived.begin();
            sleep(limit).await;
        });
        assert!(begun.elapsed() >= limit * 2);
    }
}
