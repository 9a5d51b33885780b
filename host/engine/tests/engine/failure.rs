//! Failures: what they cost, what they leave, what is tried again.

use std::sync::Arc;

use cofferdam_engine::{Event, PlanError, StepResult, Task};
use cofferdam_model::error::ErrorKind;
use cofferdam_model::state::Condition;
use serde_json::json;

use crate::support::{Harness, MemoryJournal, Script, Stack, address, find, results};

#[tokio::test(start_paused = true)]
async fn a_failure_costs_what_depends_on_it_and_no_more() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Fails(ErrorKind::AccessDenied));
    let stack = Stack::new()
        .resource("t_x.a", json!({}))
        .resource("t_x.b", json!({"value": "${t_x.a.id}"}))
        .resource("t_x.c", json!({"value": "${t_x.b.id}"}))
        .resource("t_x.free", json!({}));
    let outcome = harness.deploy(&stack).await;
    assert_eq!(
        results(&outcome),
        [
            "t_x.a failed: the service said access denied",
            "t_x.free done",
            "t_x.b not started: Because(address(t_x.a))",
            "t_x.c not started: Because(address(t_x.a))",
        ]
        .map(|text| text.replace("address(t_x.a)", &format!("{:?}", address("t_x.a"))))
    );
    assert!(!outcome.is_success());
    let (_, error) = outcome.failed().next().expect("a failed");
    assert_eq!(error.to_string(), "could not create `t_x.a`");
    assert_eq!(error.plugin.as_ref().map(|plugin| plugin.version.as_str()), Some("1.2.3"));
    assert!(error.operation.is_some() && error.task == Task::Create && error.attempts == 1);
    assert!(harness.in_flight.is_empty());
    assert!(harness.deploy(&stack).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_with_the_same_operation() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Fails(ErrorKind::Throttled));
    harness.cloud.script("create t_x.a", Script::FailsFor(ErrorKind::Unavailable, 5_000));
    let outcome = harness.deploy(&Stack::new().resource("t_x.a", json!({}))).await;
    assert!(outcome.is_success());
    let attempts = harness.cloud.0.lock().attempts.clone();
    assert_eq!(attempts.iter().map(|(_, attempt)| *attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(attempts.iter().all(|(operation, _)| *operation == attempts[0].0));
    assert!((5_000..6_000).contains(&outcome.duration_ms), "{}", outcome.duration_ms);
    let waits = harness.events.0.lock().iter().filter(|event| matches!(event, Event::StepWaiting { .. })).count();
    assert_eq!(waits, 2);
    assert_eq!(harness.journal.kinds().iter().filter(|kind| **kind == "intent").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn eight_attempts_are_enough() {
    let mut harness = Harness::new();
    for _ in 0..20 {
        harness.cloud.script("create t_x.a", Script::FailsFor(ErrorKind::Conflict, 3_600_000));
    }
    let outcome = harness.deploy(&Stack::new().resource("t_x.a", json!({}))).await;
    assert_eq!(outcome.failed().next().expect("failed").1.attempts, 8);
    assert!(outcome.duration_ms < 8 * 61_000, "a wait that a service asks for has a limit");
}

#[tokio::test(start_paused = true)]
async fn reads_of_a_plan_are_tried_again_too() {
    let mut harness = Harness::new();
    let stack = |n: i64| Stack::new().resource("t_x.a", json!({"value": n}));
    harness.deploy(&stack(1)).await;
    harness.cloud.script("read t_x.a", Script::Fails(ErrorKind::Throttled));
    harness.plan(&stack(2)).await.expect("planned");
    harness.cloud.script("read t_x.a", Script::Fails(ErrorKind::AccessDenied));
    let error = harness.plan(&stack(2)).await.expect_err("no plan");
    let PlanError::Calls { errors, .. } = error else { panic!("{error}") };
    assert_eq!(errors[0].one_line(), "could not read `t_x.a`: the service said access denied");
}

#[tokio::test(start_paused = true)]
async fn a_half_made_object_is_saved_and_replaced() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::FailsPartly(ErrorKind::InvalidInput));
    let stack = Stack::new().resource("t_x.a", json!({"value": 1}));
    assert_eq!(harness.deploy(&stack).await.failed().count(), 1);
    assert_eq!(harness.state.resources[&address("t_x.a")].condition, Condition::Partial);
    let plan = harness.plan(&stack).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").reasons[0].reason, "the last attempt to create it left it incomplete");
    assert!(harness.deploy(&stack).await.is_success());
    assert_eq!(harness.cloud.0.lock().objects.keys().collect::<Vec<_>>(), ["t_x.a#2"]);
    assert_eq!(harness.state.resources[&address("t_x.a")].condition, Condition::Whole);
}

#[tokio::test(start_paused = true)]
async fn a_half_done_update_is_saved_and_goes_on() {
    let mut harness = Harness::new();
    let stack = |n: i64| Stack::new().resource("t_x.a", json!({"value": n}));
    harness.deploy(&stack(1)).await;
    harness.cloud.script("update t_x.a", Script::FailsPartly(ErrorKind::InvalidInput));
    assert_eq!(harness.deploy(&stack(2)).await.failed().count(), 1);
    let entry = &harness.state.resources[&address("t_x.a")];
    assert!(entry.state.properties.part("value").expect("there").same(&2.into()));
    assert!(entry.inputs.part("value").expect("there").same(&1.into()), "the inputs of the last success");
    assert!(harness.deploy(&stack(2)).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_not_tried_again_and_stays_in_flight() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Traps);
    let stack = Stack::new().resource("t_x.a", json!({}));
    let outcome = harness.deploy(&stack).await;
    assert_eq!(results(&outcome), ["t_x.a failed: the plugin crashed: unreachable"]);
    assert_eq!(outcome.in_flight.len(), 1);
    assert!(!harness.journal.kinds().contains(&"run-finished"));
    assert_eq!(harness.in_flight[0].address, address("t_x.a"));
    let recovery = harness.recover(&stack).await;
    assert_eq!(recovery.in_flight.len(), 1);
    let plan = harness.plan(&stack).await.expect("planned");
    assert_eq!(plan.diagnostics[0].summary, "a former run's create of `t_x.a` was cut off; how it ended is not known");
    assert_eq!(harness.deploy(&stack).await.failed().count(), 1, "and it is not made again");
    assert_eq!(harness.in_flight.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_keeps_the_object_and_what_it_uses() {
    let mut harness = Harness::new();
    let stack = Stack::new().resource("t_x.a", json!({})).resource("t_x.b", json!({"value": "${t_x.a.id}"}));
    harness.deploy(&stack).await;
    harness.cloud.script("delete t_x.b", Script::Fails(ErrorKind::AccessDenied));
    let outcome = harness.destroy(&stack).await;
    assert_eq!((outcome.failed().count(), outcome.not_started().count()), (1, 1));
    assert_eq!(harness.state.resources.len(), 2);
    assert!(harness.destroy(&stack).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn deleting_what_is_gone_is_done() {
    let mut harness = Harness::new();
    let stack = Stack::new().resource("t_x.a", json!({}));
    harness.deploy(&stack).await;
    let plan = harness.engine(&stack).plan_destroy(&harness.state, Default::default()).await.expect("planned");
    harness.cloud.0.lock().objects.clear();
    let engine = harness.engine(&stack);
    assert!(harness.apply(&engine, plan).await.is_success());
    assert!(harness.state.resources.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_half_done_replacement_says_that_the_old_object_is_gone() {
    let mut harness = Harness::new();
    let stack = |name: &str| Stack::new().resource("t_x.a", json!({"name": name}));
    harness.deploy(&stack("one")).await;
    harness.cloud.script("create t_x.a", Script::Fails(ErrorKind::QuotaExceeded));
    let outcome = harness.deploy(&stack("two")).await;
    assert!(matches!(outcome.steps[0].result, StepResult::Failed(_)) && outcome.steps[0].old_removed);
    assert!(harness.state.resources.is_empty());
    assert!(harness.deploy(&stack("two")).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_broken_journal_stops_everything() {
    for fails_from in 0..6 {
        let mut harness = Harness::new();
        harness.parallelism = 1;
        harness.journal = Arc::new(MemoryJournal { fails_from: Some(fails_from), ..Default::default() });
        let mut stack = Stack::new();
        for i in 0..4 {
            stack = stack.resource(&format!("t_x.n{i}"), json!({}));
        }
        let outcome = harness.deploy(&stack).await;
        assert!(outcome.journal_error.is_some() && !outcome.is_success());
        // No call without its intent.
        let creates = harness.cloud.log().iter().filter(|call| call.starts_with("create")).count();
        let intents = harness.journal.kinds().iter().filter(|kind| **kind == "intent").count();
        assert!(creates <= intents, "{creates} creates, {intents} intents at {fails_from}");
        assert!(!harness.journal.kinds().contains(&"run-finished"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_that_runs_in_a_circle_can_be_destroyed() {
    let mut harness = Harness::new();
    let stack = Stack::new().resource("t_x.a", json!({})).resource("t_x.b", json!({"value": "${t_x.a.id}"}));
    harness.deploy(&stack).await;
    let a = harness.state.resources.get_mut(&address("t_x.a")).expect("there");
    a.depends_on.insert(address("t_x.b"));
    assert!(harness.destroy(&stack).await.is_success());
    assert!(harness.state.resources.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_told_with_unknown_places_is_not_lost() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Hides("arn"));
    let stack = Stack::new().resource("t_x.a", json!({"value": 1}));
    let outcome = harness.deploy(&stack).await;
    assert_eq!((outcome.failed().count(), outcome.in_flight.len()), (1, 0));
    let entry = &harness.state.resources[&address("t_x.a")];
    assert_eq!(entry.condition, Condition::Partial);
    assert!(entry.state.properties.is_wholly_known() && entry.state.properties.part("arn").is_none());
    assert!(harness.deploy(&stack).await.is_success());
    assert_eq!(harness.cloud.0.lock().objects.keys().collect::<Vec<_>>(), ["t_x.a#2"], "the first one is replaced");
}
