//! Whether the server answers. A silence is told once, when it has lasted for a while, and once more when it is over.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::store::StoreListener;

use super::fault::{Cause, Fault};

/// How long nobody is told.
const SILENCE: Duration = Duration::from_secs(2);

/// What is known of the server.
pub(super) struct Contact {
    place: String,
    listener: OnceLock<Arc<dyn StoreListener>>,
    // Guards memory alone.
    silence: Mutex<Silence>,
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
            let since = self.silence.lock().begins(Instant::now());
            tokio::select! {
                biased;
                result = &mut request => return self.heard(result),
                () = sleep_until(since + SILENCE + more) => {}
            }
            let lasting = self.silence.lock().lasts(since);
            match (lasting, self.listener.get()) {
                // Another request was answered meanwhile.
                (Lasting::Over, _) => continue,
                (Lasting::Untold(why), Some(listener)) => listener.silent(&self.place, why.as_deref(), limit),
                _ => {}
            }
            let result = request.await;
            return self.heard(result);
        }
    }

    fn heard<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        let ended = self.silence.lock().hears(result.as_ref().err());
        if let (Some(since), Some(listener)) = (ended, self.listener.get()) {
            listener.answers(&self.place, since.elapsed());
        }
        result
    }
}

/// The time since the last good answer.
#[derive(Default)]
struct Silence {
    /// When the first request went out that has had no answer; none where nothing waits for one.
    since: Option<Instant>,
    /// What the last request failed with.
    why: Option<String>,
    told: bool,
}

/// What a silence has come to when it may be told of.
#[derive(Debug, PartialEq, Eq)]
enum Lasting {
    Over,
    Told,
    /// It is to be told of, with what the last request failed with.
    Untold(Option<String>),
}

impl Silence {
    /// A request goes out; the beginning of the silence, if it is to be one.
    fn begins(&mut self, now: Instant) -> Instant {
        *self.since.get_or_insert(now)
    }

    /// The silence that began at this moment would have lasted for long enough.
    fn lasts(&mut self, since: Instant) -> Lasting {
        if self.since != Some(since) {
            return Lasting::Over;
        }
        if std::mem::replace(&mut self.told, true) { Lasting::Told } else { Lasting::Untold(self.why.clone()) }
    }

    /// A request has ended; the beginning of the silence where that was told, and is over now.
    fn hears(&mut self, fault: Option<&Fault>) -> Option<Instant> {
        if let Some(fault) = fault.filter(|fault| fault.is_no_answer()) {
            self.why = Some(fault.text.clone());
            return None;
        }
        let Self { since, told, .. } = std::mem::take(self);
        since.filter(|_| told)
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

    /// A moment after the first one.
    fn at(seconds: u64) -> Instant {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        *FIRST.get_or_init(Instant::now) + Duration::from_secs(seconds)
    }

    fn refused() -> Fault {
        Fault { cause: Cause::Refused, ..Fault::passing("refused") }
    }

    #[test]
    fn a_silence_is_told_once_and_its_end_once() {
        let mut silence = Silence::default();
        assert_eq!(silence.begins(at(0)), at(0));
        assert_eq!(silence.lasts(at(0)), Lasting::Untold(None));
        assert_eq!(silence.hears(Some(&Fault::silent("no answer in time"))), None);
        assert_eq!(silence.begins(at(10)), at(0));
        assert_eq!(silence.lasts(at(0)), Lasting::Told);
        assert_eq!(silence.hears(None), Some(at(0)));
        assert_eq!((silence.begins(at(20)), silence.hears(None)), (at(20), None));
    }

    #[test]
    fn requests_that_fail_at_once_are_a_silence_together() {
        let mut silence = Silence::default();
        for second in 0..3 {
            assert_eq!(silence.begins(at(second)), at(0));
            assert_eq!(silence.hears(Some(&refused())), None);
        }
        silence.begins(at(3));
        assert_eq!(silence.lasts(at(0)), Lasting::Untold(Some("refused".to_owned())));
    }

    #[test]
    fn a_server_that_answers_others_or_refuses_is_not_silent() {
        for fault in [None, Some(Fault::lasting(Cause::Denied, "no"))] {
            let mut silence = Silence::default();
            assert_eq!((silence.begins(at(0)), silence.begins(at(1))), (at(0), at(0)));
            assert_eq!(silence.hears(fault.as_ref()), None);
            assert_eq!(silence.lasts(at(0)), Lasting::Over, "for the other request it begins anew");
            assert_eq!(silence.begins(at(2)), at(2));
        }
    }
}
