//! Whether the server answers. A silence is told once, when it has lasted for a while, and once more when it is over.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::store::StoreListener;

use crate::aws::{Cause, Fault};

/// How long nobody is told.
const SILENCE: Duration = Duration::from_secs(2);

/// What is known of the server.
pub(super) struct Contact {
    place: String,
    listener: OnceLock<Arc<dyn StoreListener>>,
    // Guards memory alone.
    silence: Mutex<Silence>,
}

#[derive(Default)]
struct Silence {
    /// When the first request went out that has had no answer; none where the last answer was a good one.
    since: Option<Instant>,
    /// What the last request failed with.
    why: Option<String>,
    told: bool,
}

impl Contact {
    pub(super) fn new(place: String) -> Self {
        Self { place, listener: OnceLock::new(), silence: Mutex::default() }
    }

    pub(super) fn listen(&self, listener: Arc<dyn StoreListener>) {
        // A store has one listener, and the first it got stays.
        let _ = self.listener.set(listener);
    }

    /// Waits for an answer. `more` is how much longer than others the request may take, and `limit` when those who wait
    /// give up.
    pub(super) async fn watch<T>(
        &self,
        more: Duration,
        limit: Duration,
        request: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let mut request = pin!(request);
        loop {
            let since = *self.silence.lock().since.get_or_insert_with(Instant::now);
            tokio::select! {
                biased;
                result = &mut request => return self.heard(result),
                () = sleep_until(since + SILENCE + more) => {}
            }
            // Another request may have been answered meanwhile: then the silence began later.
            if self.tell(since, limit) {
                let result = request.await;
                return self.heard(result);
            }
        }
    }

    /// Tells of the silence that began at this moment; false where it is over.
    fn tell(&self, since: Instant, limit: Duration) -> bool {
        let mut silence = self.silence.lock();
        if silence.since != Some(since) {
            return false;
        }
        let told = std::mem::replace(&mut silence.told, true);
        let why = silence.why.clone();
        drop(silence);
        if let (false, Some(listener)) = (told, self.listener.get()) {
            listener.silent(&self.place, why.as_deref(), limit);
        }
        true
    }

    fn heard<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        let mut silence = self.silence.lock();
        if let Err(fault) = &result
            && fault.is_no_answer()
        {
            silence.why = Some(fault.text.clone());
            return result;
        }
        let Silence { since, told, .. } = std::mem::take(&mut *silence);
        drop(silence);
        if let (Some(since), true, Some(listener)) = (since, told, self.listener.get()) {
            listener.answers(&self.place, since.elapsed());
        }
        result
    }
}

impl Fault {
    /// Whether the server said nothing, or nothing but to come back later.
    fn is_no_answer(&self) -> bool {
        matches!(self.cause, Cause::Refused | Cause::NoHost | Cause::Busy | Cause::Silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const LIMIT: Duration = Duration::from_secs(30);

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl StoreListener for Heard {
        fn silent(&self, place: &str, why: Option<&str>, limit: Duration) {
            self.0.lock().push(format!("{place} silent ({why:?}), up to {} s", limit.as_secs()));
        }

        fn answers(&self, place: &str, after: Duration) {
            self.0.lock().push(format!("{place} answers after {} s", after.as_secs()));
        }
    }

    fn contact() -> (Contact, Arc<Heard>) {
        let (contact, heard) = (Contact::new("s3://b/".to_owned()), Arc::<Heard>::default());
        contact.listen(heard.clone());
        (contact, heard)
    }

    async fn request(contact: &Contact, takes: Duration, result: Result<(), Fault>) {
        let work = async {
            sleep(takes).await;
            result.clone()
        };
        assert_eq!(contact.watch(Duration::ZERO, LIMIT, work).await.is_ok(), result.is_ok());
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_is_told_once_and_its_end_once() {
        let (contact, heard) = contact();
        request(&contact, seconds(1), Ok(())).await;
        assert!(heard.0.lock().is_empty());
        request(&contact, seconds(10), Err(Fault::silent("no answer in time"))).await;
        request(&contact, seconds(10), Err(Fault::silent("no answer in time"))).await;
        assert_eq!(*heard.0.lock(), ["s3://b/ silent (None), up to 30 s"]);
        request(&contact, seconds(1), Ok(())).await;
        request(&contact, seconds(1), Ok(())).await;
        assert_eq!(heard.0.lock()[1..], ["s3://b/ answers after 21 s"]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_fail_at_once_are_a_silence_together() {
        let (contact, heard) = contact();
        for _ in 0..5 {
            request(&contact, Duration::from_millis(600), Err(Fault::passing("refused"))).await;
        }
        assert_eq!(*heard.0.lock(), ["s3://b/ silent (Some(\"refused\")), up to 30 s"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_others_or_refuses_is_not_silent() {
        let (contact, heard) = contact();
        let others = async {
            for _ in 0..8 {
                request(&contact, Duration::from_millis(900), Err(Fault::lasting(Cause::Denied, "no"))).await;
            }
        };
        tokio::join!(request(&contact, seconds(7), Ok(())), others);
        assert!(heard.0.lock().is_empty(), "{:?}", heard.0.lock());
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_has_more_time() {
        let (contact, heard) = contact();
        let work = async {
            sleep(seconds(6)).await;
            Ok(())
        };
        contact.watch(seconds(5), LIMIT, work).await.expect("answered");
        assert!(heard.0.lock().is_empty());
    }
}
