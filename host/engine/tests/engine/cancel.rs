//! Stopping a run, gently and at once.

use std::time::Duration;

use cofferdam_engine::{NotStarted, PlanError, Stop};
use cofferdam_model::error::ErrorKind;
use serde_json::json;

use crate::support::{Harness, Script, Stack, results};

fn stop_after(harness: &Harness, ms: u64, stop: Stop) {
    let cancel = harness.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        cancel.request(stop);
    });
}

fn two() -> Stack {
    Stack::new().resource("t_x.a", json!({})).resource("t_x.b", json!({"value": "${t_x.a.id}"}))
}

#[tokio::test(start_paused = true)]
async fn a_soft_stop_lets_running_calls_settle() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Slow(1_000));
    stop_after(&harness, 100, Stop::Soft);
    let outcome = harness.deploy(&two()).await;
    let because = format!("t_x.b not started: {:?}", NotStarted::Stopped);
    assert_eq!(results(&outcome), ["t_x.a done".to_owned(), because]);
    assert_eq!((outcome.stopped, outcome.duration_ms), (Some(Stop::Soft), 1_000));
    assert_eq!(harness.state.resources.len(), 1);
    assert!(harness.in_flight.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hard_stop_drops_them_and_says_so() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Slow(1_000_000));
    stop_after(&harness, 100, Stop::Soft);
    stop_after(&harness, 200, Stop::Hard);
    let outcome = harness.deploy(&two()).await;
    assert_eq!(results(&outcome)[0], "t_x.a unknown");
    assert_eq!((outcome.stopped, outcome.duration_ms), (Some(Stop::Hard), 200));
    assert_eq!((outcome.in_flight.len(), harness.in_flight.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_waiting_for_another_attempt() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::FailsFor(ErrorKind::Throttled, 50_000));
    stop_after(&harness, 1_000, Stop::Soft);
    let outcome = harness.deploy(&two()).await;
    assert_eq!(results(&outcome)[0], "t_x.a failed: the service said throttled");
    assert_eq!(outcome.duration_ms, 1_000);
    assert!(harness.in_flight.is_empty(), "what happened is known");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_plan_is_no_plan() {
    let mut harness = Harness::new();
    let stack = |n: i64| Stack::new().resource("t_x.a", json!({"value": n}));
    harness.deploy(&stack(1)).await;
    harness.cloud.script("read t_x.a", Script::Slow(1_000_000));
    stop_after(&harness, 100, Stop::Soft);
    assert!(matches!(harness.plan(&stack(2)).await, Err(PlanError::Stopped)));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_before_it_began_does_nothing() {
    let mut harness = Harness::new();
    let stack = two();
    let engine = harness.engine(&stack);
    let plan = engine.plan(&harness.state, Default::default()).await.expect("planned");
    harness.cancel.request(Stop::Soft);
    let outcome = harness.apply(&engine, plan).await;
    assert_eq!(outcome.not_started().count(), 2);
    assert!(harness.cloud.0.lock().objects.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hard_stop_keeps_what_ended_in_the_same_moment() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Slow(200));
    harness.cloud.script("create t_x.c", Script::Slow(1_000_000));
    stop_after(&harness, 200, Stop::Hard);
    let stack = Stack::new().resource("t_x.a", json!({})).resource("t_x.c", json!({}));
    let outcome = harness.deploy(&stack).await;
    assert_eq!(results(&outcome)[1], "t_x.c unknown");
    // Either way the outcome, the journal and the state say the same.
    let is_done = results(&outcome)[0] == "t_x.a done";
    assert_eq!(harness.state.resources.len(), usize::from(is_done));
    assert_eq!(harness.in_flight.len(), outcome.in_flight.len());
}
