//! Writes that go on: checkpoints, waits, resumes in this run and in a later one.

use cofferdam_engine::{Action, Event, Stop};
use serde_json::json;

use crate::support::{Harness, Script, Stack, address, results};

#[tokio::test(start_paused = true)]
async fn the_host_waits_and_resumes() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Pends(3, 1_000));
    let stack = Stack::new().resource("t_x.a", json!({"value": 1}));
    let outcome = harness.deploy(&stack).await;
    assert!(outcome.is_success());
    assert_eq!(outcome.duration_ms, 3_000);
    let wanted = ["run-started", "intent", "checkpoint", "checkpoint", "checkpoint", "result", "run-finished"];
    assert_eq!(harness.journal.kinds(), wanted);
    let notes: Vec<String> = harness
        .events
        .0
        .lock()
        .iter()
        .filter_map(|event| match event {
            Event::StepWaiting { note: Some(note), .. } => Some(note.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(notes, ["t_x.a is on its way"]);
    assert!(!harness.plan(&stack).await.expect("planned").has_changes());
}

#[tokio::test(start_paused = true)]
async fn a_poll_is_never_at_once() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Pends(5, 0));
    assert_eq!(harness.deploy(&Stack::new().resource("t_x.a", json!({}))).await.duration_ms, 50);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_wait_is_resumed_by_the_next_run() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Pends(2, 60_000));
    let stack = Stack::new()
        .resource("t_x.a", json!({"value": 1, "password": "hunter22"}))
        .resource("t_x.b", json!({"value": "${t_x.a.id}"}));
    let cancel = harness.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        cancel.request(Stop::Soft);
    });
    let outcome = harness.deploy(&stack).await;
    assert_eq!(outcome.duration_ms, 10_000);
    let because = format!("t_x.b not started: {:?}", cofferdam_engine::NotStarted::Stopped);
    assert_eq!(results(&outcome), ["t_x.a interrupted".to_owned(), because]);
    assert_eq!(outcome.in_flight.len(), 1);
    harness.cancel = Default::default();
    let recovery = harness.recover(&stack).await;
    assert!(recovery.errors.is_empty() && recovery.in_flight.is_empty(), "{recovery:?}");
    assert_eq!(harness.state.resources[&address("t_x.a")].depends_on.len(), 0);
    let plan = harness.plan(&stack).await.expect("planned");
    assert_eq!(plan.counts().no_op, 1, "the inputs of the former run are known again: {plan:?}");
    assert!(harness.deploy(&stack).await.is_success());
    let creates: Vec<_> = harness.cloud.log().into_iter().filter(|call| call.starts_with("create")).collect();
    assert_eq!(creates, ["create t_x.a", "create t_x.b"]);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_delete_leaves_nothing() {
    let mut harness = Harness::new();
    let stack = Stack::new().resource("t_x.a", json!({}));
    harness.deploy(&stack).await;
    harness.cloud.script("delete t_x.a", Script::Pends(1, 60_000));
    let cancel = harness.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        cancel.request(Stop::Soft);
    });
    assert_eq!(results(&harness.destroy(&stack).await), ["t_x.a interrupted"]);
    assert_eq!(harness.state.resources.len(), 1);
    harness.cancel = Default::default();
    harness.recover(&stack).await;
    assert!(harness.state.resources.is_empty() && harness.in_flight.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_only_says_that_something_goes_on() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Pends(1, 60_000));
    let stack = Stack::new().resource("t_x.a", json!({}));
    let cancel = harness.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        cancel.request(Stop::Soft);
    });
    harness.deploy(&stack).await;
    harness.cancel = Default::default();
    let plan = harness.plan(&stack).await.expect("planned");
    assert_eq!(plan.diagnostics[0].summary, "a former run's create of `t_x.a` still goes on");
}

#[tokio::test(start_paused = true)]
async fn what_still_goes_on_is_not_made_twice() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Pends(1, 60_000));
    let stack = Stack::new().resource("t_x.a", json!({}));
    let cancel = harness.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        cancel.request(Stop::Soft);
    });
    harness.deploy(&stack).await;
    harness.cancel = Default::default();
    // A deploy without a recovery, or after one that failed.
    let outcome = harness.deploy(&stack).await;
    let operation = harness.in_flight[0].operation.clone();
    assert_eq!(results(&outcome), [format!("t_x.a failed: operation `{operation}` of a former run still goes on")]);
    assert_eq!(outcome.in_flight, [operation]);
    assert!(!harness.journal.kinds().contains(&"run-finished"));
    harness.recover(&stack).await;
    assert!(harness.deploy(&stack).await.is_success());
    assert_eq!(harness.cloud.0.lock().objects.len(), 1);
}

/// Deploys, and stops while a write still goes on.
async fn stopped(harness: &mut Harness, stack: &Stack) {
    let cancel = harness.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(100)).await;
        cancel.request(Stop::Soft);
    });
    harness.deploy(stack).await;
    harness.cancel = Default::default();
    harness.events.0.lock().clear();
}

#[tokio::test(start_paused = true)]
async fn a_later_checkpoint_keeps_what_an_earlier_one_told_of_the_object() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Pends(9, 60_000));
    let stack = Stack::new().resource("t_x.a", json!({"value": 1}));
    stopped(&mut harness, &stack).await;
    assert_eq!(harness.journal.kinds().iter().filter(|kind| **kind == "checkpoint").count(), 2);
    let partial = harness.in_flight[0].partial.clone().expect("the object is still known");
    assert_eq!(crate::support::cloud::id(&partial), "t_x.a#1");
}

#[tokio::test(start_paused = true)]
async fn a_write_is_resumed_without_its_resource_in_the_stack() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Pends(3, 60_000));
    stopped(&mut harness, &Stack::new().resource("t_x.a", json!({"value": 1})).by("other")).await;
    let nothing = Stack::new();
    let recovery = harness.recover(&nothing).await;
    assert!(recovery.errors.is_empty() && recovery.in_flight.is_empty(), "{recovery:?}");
    assert_eq!(harness.state.resources[&address("t_x.a")].provider, crate::support::key("other"));
    assert_eq!(harness.cloud.0.lock().served.last().map(String::as_str), Some("resume t_x.a by other"));
    assert_eq!(results(&harness.deploy(&nothing).await), ["t_x.a done"]);
    assert!(harness.cloud.0.lock().objects.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_resumed_write_is_told() {
    let stack = Stack::new().resource("t_x.a", json!({"value": 1}));
    for fails in [false, true] {
        let mut harness = Harness::new();
        harness.cloud.script("create t_x.a", Script::Pends(3, 60_000));
        stopped(&mut harness, &stack).await;
        if fails {
            harness.cloud.script("resume t_x.a", Script::Fails(cofferdam_model::error::ErrorKind::AccessDenied));
        }
        harness.recover(&stack).await;
        let last = harness.events.0.lock().last().cloned().expect("there are some");
        match last {
            Event::StepFinished { action, unchanged, duration_ms, .. } => {
                assert_eq!((fails, action, unchanged, duration_ms), (false, Action::Create, false, 60_000));
            }
            Event::StepFailed { action, message, operation, .. } => {
                assert!(fails && action == Action::Create && operation.is_some());
                assert_eq!(message, "could not create `t_x.a`: the service said access denied");
            }
            other => panic!("{other:?}"),
        }
    }
}
