//! The bootstrap registry under a model checker: the source of the registry itself, with the checker's lock and tasks.
//! Each test runs at least ten thousand schedules; `broken` has variants that the same tests have to catch.
#![expect(clippy::panic, reason = "an expectation that fails ends the test")]

#[path = "../../src/bootstrap/registry.rs"]
mod registry;

mod broken;
mod sync;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use broken::{CheckThenAct, FailureKept, LockOverWork};
use registry::{Failure, Refused, Registry};
use shuttle::future::{block_on, yield_now};
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use shuttle::thread;
use sync::CutOff;

/// Schedules of each test, half of them random and half with few changes of thread.
const SCHEDULES: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name(&'static str);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl registry::Key for Name {
    fn owner(&self) -> &str {
        "owner"
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failing;

pub(crate) type Work = Pin<Box<dyn Future<Output = Result<u32, Failure<Failing>>> + Send>>;

/// What the tests are run against.
pub(crate) trait Ensures: Clone + Send + Sync + 'static {
    fn new() -> Self;

    async fn ensure(&self, key: Name, from: Option<Name>, work: Work) -> Result<u32, Refused<Name, Failing>>;

    /// Lets time pass.
    fn pass(&self, _seconds: u64) {}
}

#[derive(Clone)]
pub(crate) struct Real {
    registry: Registry<Name, u32, Failing>,
    seconds: Arc<AtomicU64>,
    /// How many circles were refused.
    circles: Arc<AtomicUsize>,
}

impl Ensures for Real {
    fn new() -> Self {
        let seconds = Arc::new(AtomicU64::new(0));
        let now = Arc::clone(&seconds);
        let registry = Registry::new(move || Duration::from_secs(now.load(Ordering::SeqCst)), 3);
        Self { registry, seconds, circles: Arc::default() }
    }

    async fn ensure(&self, key: Name, from: Option<Name>, work: Work) -> Result<u32, Refused<Name, Failing>> {
        self.registry.ensure(key, from.as_ref(), || work).await
    }

    fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}

const A: Name = Name("a");
const B: Name = Name("b");
const C: Name = Name("c");

/// Counts how often it ran and how many ran at one time.
#[derive(Clone, Default)]
struct Counter {
    begun: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
}

impl Counter {
    fn work(&self) -> Work {
        let this = self.clone();
        Box::pin(async move {
            this.begun.fetch_add(1, Ordering::SeqCst);
            assert_eq!(this.at_once.fetch_add(1, Ordering::SeqCst), 0, "two at the same key");
            for _ in 0..3 {
                yield_now().await;
            }
            this.at_once.fetch_sub(1, Ordering::SeqCst);
            Ok(7)
        })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

/// A caller in a thread of its own.
fn call<R: Ensures>(registry: &R, key: Name, work: Work) -> thread::JoinHandle<Result<u32, Refused<Name, Failing>>> {
    let registry = registry.clone();
    thread::spawn(move || block_on(registry.ensure(key, None, work)))
}

/// Any number of callers, one preparation, and all get what it made.
fn callers<R: Ensures>() {
    let registry = R::new();
    let counters = [Counter::default(), Counter::default()];
    let calls: Vec<_> = (0..5).map(|i| call(&registry, [A, B][i % 2], counters[i % 2].work())).collect();
    for call in calls {
        assert_eq!(call.join().expect("no panic"), Ok(7));
    }
    assert_eq!(counters.map(|counter| counter.begun()), [1, 1]);
}

/// Two keys whose work ends only when both have begun: one behind the other, they would wait for ever.
fn keys_in_parallel<R: Ensures>() {
    let (registry, begun) = (R::new(), Arc::new(AtomicUsize::new(0)));
    let work = || -> Work {
        let begun = Arc::clone(&begun);
        Box::pin(async move {
            begun.fetch_add(1, Ordering::SeqCst);
            for _ in 0..200 {
                if begun.load(Ordering::SeqCst) == 2 {
                    return Ok(7);
                }
                yield_now().await;
            }
            panic!("one key waits for the other");
        })
    };
    let calls = [call(&registry, A, work()), call(&registry, B, work())];
    for call in calls {
        assert_eq!(call.join().expect("no panic"), Ok(7));
    }
}

/// Callers are dropped at any of their awaits; the others get the record all the same, and it is made once.
fn callers_are_lost<R: Ensures>() {
    let (registry, counter) = (R::new(), Counter::default());
    let lost: Vec<_> = (0..3)
        .map(|_| {
            let (registry, work, left) = (registry.clone(), counter.work(), thread_rng().gen_range(0..3));
            thread::spawn(move || {
                let task = async move { registry.ensure(A, None, work).await };
                block_on(CutOff { task: Some(Box::pin(task)), left })
            })
        })
        .collect();
    let stays = call(&registry, A, counter.work());
    assert_eq!(stays.join().expect("no panic"), Ok(7));
    for lost in lost {
        assert!(matches!(lost.join().expect("no panic"), None | Some(Ok(7))));
    }
    assert_eq!(counter.begun(), 1);
}

/// A failure reaches all who wait, is answered from memory for its time, and then tried again.
fn failure_then_retry<R: Ensures>() {
    let (registry, begun) = (R::new(), Arc::new(AtomicUsize::new(0)));
    let failing = || -> Work {
        let begun = Arc::clone(&begun);
        Box::pin(async move {
            begun.fetch_add(1, Ordering::SeqCst);
            yield_now().await;
            Err(Failure { why: Failing, retry_after: Duration::from_secs(5) })
        })
    };
    let calls: Vec<_> = (0..3).map(|_| call(&registry, A, failing())).collect();
    for call in calls {
        assert!(matches!(call.join().expect("no panic"), Err(Refused::Failed(_))));
    }
    assert_eq!(begun.load(Ordering::SeqCst), 1, "tried again at once");
    registry.pass(4);
    let soon = call(&registry, A, failing()).join().expect("no panic");
    assert_eq!(soon, Err(Refused::Failed(Failure { why: Failing, retry_after: Duration::from_secs(1) })));
    registry.pass(1);
    let counter = Counter::default();
    assert_eq!(call(&registry, A, counter.work()).join().expect("no panic"), Ok(7));
    assert_eq!(counter.begun(), 1);
}

/// Work that ends without an answer is lost for those who wait, and done again for the next.
fn work_is_lost() {
    let registry = Real::new();
    sync::cut_off(thread_rng().gen_range(0..3));
    let calls: Vec<_> = (0..2).map(|_| call(&registry, A, Box::pin(endless()))).collect();
    // Either of them may come so late that it begins anew; such work is not cut off.
    let first = calls.into_iter().map(|call| call.join().expect("no panic"));
    assert!(first.into_iter().any(|result| result == Err(Refused::Lost)));
    assert_eq!(call(&registry, A, Counter::default().work()).join().expect("no panic"), Ok(7));
}

async fn endless() -> Result<u32, Failure<Failing>> {
    for _ in 0..5 {
        yield_now().await;
    }
    Ok(7)
}

/// The host shuts down while callers come: after it, no work goes on, and everybody was told one thing or the other.
fn shutdown() {
    let (registry, counter) = (Real::new(), Counter::default());
    let calls = [call(&registry, A, counter.work()), call(&registry, A, counter.work())];
    let closing = registry.clone();
    let closed = thread::spawn(move || block_on(closing.registry.drain()));
    closed.join().expect("no panic");
    assert_eq!(counter.at_once.load(Ordering::SeqCst), 0, "work goes on");
    let begun = counter.begun();
    for call in calls {
        assert!(matches!(call.join().expect("no panic"), Ok(7) | Err(Refused::Closed)));
    }
    assert_eq!(counter.begun(), begun, "work began after the end");
    let late = call(&registry, B, counter.work()).join().expect("no panic");
    assert_eq!(late, Err(Refused::Closed));
}

/// Work that asks for another key.
fn asking(registry: &Real, from: Name, to: Name, then: Work) -> Work {
    let registry = registry.clone();
    Box::pin(async move {
        yield_now().await;
        match registry.ensure(to, Some(from), then).await {
            Ok(value) => Ok(value + 1),
            Err(Refused::Cycle(circle)) => {
                assert_eq!((circle.first(), circle.last()), (Some(&to), Some(&from)));
                registry.circles.fetch_add(1, Ordering::SeqCst);
                Err(Failure { why: Failing, retry_after: Duration::ZERO })
            }
            Err(Refused::Failed(failure)) => Err(failure),
            Err(other) => panic!("{other:?}"),
        }
    })
}

/// Three keys that wait for each other in a circle: nobody waits for ever, and each is told.
fn circle() {
    let registry = Real::new();
    let calls: Vec<_> = [(A, B), (B, C), (C, A)]
        .map(|(from, to)| {
            // Whoever begins the other key here goes on round the circle as well.
            let next = match to {
                Name("a") => B,
                Name("b") => C,
                _ => A,
            };
            let then = asking(&registry, to, next, asking(&registry, next, from, Counter::default().work()));
            call(&registry, from, asking(&registry, from, to, then))
        })
        .into();
    for call in calls {
        // One that begins a key which has failed by then is in no circle any more.
        assert!(matches!(call.join().expect("no panic"), Ok(_) | Err(Refused::Failed(_))));
    }
    assert!(registry.circles.load(Ordering::SeqCst) > 0, "no circle was refused");
}

/// Two keys that both need a third are no circle.
fn diamond() {
    let (registry, counter) = (Real::new(), Counter::default());
    let calls = [
        call(&registry, A, asking(&registry, A, C, counter.work())),
        call(&registry, B, asking(&registry, B, C, counter.work())),
    ];
    for call in calls {
        assert_eq!(call.join().expect("no panic"), Ok(8));
    }
    assert_eq!(counter.begun(), 1);
}

fn check(test: fn()) {
    let config = || {
        let mut config = shuttle::Config::new();
        config.failure_persistence = shuttle::FailurePersistence::None;
        config
    };
    shuttle::Runner::new(RandomScheduler::new(SCHEDULES / 2), config()).run(test);
    shuttle::Runner::new(PctScheduler::new(3, SCHEDULES / 2), config()).run(test);
}

fn is_caught(test: fn()) {
    assert!(catch_unwind(AssertUnwindSafe(|| check(test))).is_err(), "the test passes with a broken registry");
}

#[test]
fn one_preparation_for_any_number_of_callers() {
    check(callers::<Real>);
}

#[test]
fn keys_are_prepared_in_parallel() {
    check(keys_in_parallel::<Real>);
}

#[test]
fn a_lost_caller_fails_nobody() {
    check(callers_are_lost::<Real>);
}

#[test]
fn a_failure_is_kept_for_its_time_and_no_longer() {
    check(failure_then_retry::<Real>);
}

#[test]
fn lost_work_is_done_again() {
    check(work_is_lost);
}

#[test]
fn shutting_down_waits_for_what_goes_on() {
    check(shutdown);
}

#[test]
fn a_circle_is_refused() {
    check(circle);
}

#[test]
fn a_diamond_is_no_circle() {
    check(diamond);
}

#[test]
fn a_key_that_asks_for_itself_is_refused() {
    check(|| {
        let registry = Real::new();
        let asks = || call(&registry, A, asking(&registry, A, A, Counter::default().work()));
        let calls = [asks(), asks()];
        for call in calls {
            assert!(matches!(call.join().expect("no panic"), Err(Refused::Failed(_))));
        }
        assert!(registry.circles.load(Ordering::SeqCst) > 0);
    });
}

#[test]
fn scopes_of_one_owner_are_bounded() {
    check(|| {
        let registry = Real::new();
        let calls = [A, B, C].map(|key| call(&registry, key, Counter::default().work()));
        for call in calls {
            assert_eq!(call.join().expect("no panic"), Ok(7));
        }
        let more = call(&registry, Name("d"), Counter::default().work()).join().expect("no panic");
        assert_eq!(more, Err(Refused::TooMany { allowed: 3 }));
    });
}

#[test]
fn check_then_act_is_caught() {
    is_caught(callers::<CheckThenAct>);
    is_caught(callers_are_lost::<CheckThenAct>);
}

#[test]
fn a_lock_over_work_is_caught() {
    is_caught(keys_in_parallel::<LockOverWork>);
}

#[test]
fn a_failure_kept_as_success_is_caught() {
    is_caught(failure_then_retry::<FailureKept>);
}
