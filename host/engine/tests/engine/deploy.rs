//! The order of a deploy, its parallelism, and what it leaves in state and journal.

use cofferdam_engine::{Consent, Event};
use serde_json::json;

use crate::support::{Harness, Script, Stack, address, results};

fn writes(harness: &Harness) -> Vec<String> {
    harness
        .cloud
        .take_log()
        .into_iter()
        .filter(|call| !call.starts_with("configure") && !call.starts_with("read"))
        .collect()
}

fn chain(name: &str) -> Stack {
    Stack::new()
        .resource("t_x.a", json!({"name": name}))
        .resource("t_x.b", json!({"name": "${t_x.a.id}"}))
        .resource("t_x.c", json!({"name": "${t_x.b.id}"}))
}

#[tokio::test(start_paused = true)]
async fn creates_in_order_replaces_from_the_ends_and_destroys_backwards() {
    let mut harness = Harness::new();
    assert!(harness.deploy(&chain("one")).await.is_success());
    assert_eq!(writes(&harness), ["create t_x.a", "create t_x.b", "create t_x.c"]);
    assert!(harness.deploy(&chain("two")).await.is_success());
    let all = ["delete t_x.c", "delete t_x.b", "delete t_x.a", "create t_x.a", "create t_x.b", "create t_x.c"];
    assert_eq!(writes(&harness), all);
    assert!(harness.destroy(&chain("two")).await.is_success());
    assert_eq!(writes(&harness), ["delete t_x.c", "delete t_x.b", "delete t_x.a"]);
    assert!(harness.state.resources.is_empty() && harness.cloud.0.lock().objects.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_lets_go_of_an_object_changes_before_that_is_removed() {
    let mut harness = Harness::new();
    let before = Stack::new().resource("t_x.old", json!({})).resource("t_x.user", json!({"value": "${t_x.old.id}"}));
    harness.deploy(&before).await;
    writes(&harness);
    assert!(harness.deploy(&Stack::new().resource("t_x.user", json!({"value": "none"}))).await.is_success());
    assert_eq!(writes(&harness), ["update t_x.user", "delete t_x.old"]);
}

#[tokio::test(start_paused = true)]
async fn letting_go_gives_way_where_it_would_run_in_a_circle() {
    // `user` moves from `old` to `base`; `old` must go before `base` is replaced, which comes before `user`.
    let mut harness = Harness::new();
    let before = Stack::new()
        .resource("t_x.base", json!({"name": "one"}))
        .resource("t_x.old", json!({"value": "${t_x.base.id}"}))
        .resource("t_x.user", json!({"value": "${t_x.old.id}"}));
    harness.deploy(&before).await;
    writes(&harness);
    let after = Stack::new()
        .resource("t_x.base", json!({"name": "two"}))
        .resource("t_x.user", json!({"value": "${t_x.base.id}"}));
    assert!(harness.deploy(&after).await.is_success());
    assert_eq!(writes(&harness), ["delete t_x.old", "delete t_x.base", "create t_x.base", "update t_x.user"]);
}

#[tokio::test(start_paused = true)]
async fn an_old_object_stays_until_its_replacement_can_be_made() {
    let mut harness = Harness::new();
    harness.deploy(&Stack::new().resource("t_x.a", json!({"name": "one"}))).await;
    harness.cloud.script("create t_x.dep", Script::Fails(cofferdam_model::error::ErrorKind::QuotaExceeded));
    let stack = Stack::new().resource("t_x.dep", json!({})).resource("t_x.a", json!({"name": "${t_x.dep.id}"}));
    let outcome = harness.deploy(&stack).await;
    assert_eq!(outcome.not_started().count(), 1);
    assert!(harness.cloud.0.lock().objects.contains_key("t_x.a#1"), "the old object is still there");
}

#[tokio::test(start_paused = true)]
async fn eight_creates_of_half_a_second_take_half_a_second() {
    let mut harness = Harness::new();
    let mut stack = Stack::new();
    for i in 0..8 {
        stack = stack.resource(&format!("t_x.n{i}"), json!({}));
        harness.cloud.script(&format!("create t_x.n{i}"), Script::Slow(500));
    }
    let began = tokio::time::Instant::now();
    let outcome = harness.deploy(&stack).await;
    assert_eq!(began.elapsed().as_millis(), 500);
    assert_eq!((outcome.duration_ms, outcome.steps[0].duration_ms), (500, 500));
    assert_eq!(harness.cloud.0.lock().peak, 8);
}

#[tokio::test(start_paused = true)]
async fn parallelism_is_a_limit() {
    let mut harness = Harness::new();
    harness.parallelism = 3;
    let mut stack = Stack::new();
    for i in 0..9 {
        stack = stack.resource(&format!("t_x.n{i}"), json!({}));
        harness.cloud.script(&format!("create t_x.n{i}"), Script::Slow(100));
    }
    let outcome = harness.deploy(&stack).await;
    assert_eq!(outcome.duration_ms, 300);
    assert_eq!(harness.cloud.0.lock().peak, 3);
}

#[tokio::test(start_paused = true)]
async fn intents_are_durable_before_calls_and_results_follow() {
    let mut harness = Harness::new();
    harness.journal = std::sync::Arc::new(crate::support::MemoryJournal { delay_ms: 20, ..Default::default() });
    let stack = Stack::new().resource("t_x.a", json!({"value": 1})).output("a", json!("${t_x.a.value}"));
    let began = tokio::time::Instant::now();
    assert!(harness.deploy(&stack).await.is_success());
    assert_eq!(harness.journal.kinds(), ["run-started", "intent", "result", "outputs", "run-finished"]);
    // One wait for the intent, one for what is left, one for the end: nothing waits for a result.
    assert_eq!(began.elapsed().as_millis(), 60);
    let plan = harness.plan(&stack).await.expect("planned");
    assert!(!plan.has_changes());
    // A run that has nothing to say leaves nothing: a journal that grows with every run is never made short.
    assert!(harness.deploy(&stack).await.is_success());
    assert_eq!(harness.journal.kinds().len(), 5);
    let other = Stack::new().resource("t_x.a", json!({"value": 1})).output("b", json!("${t_x.a.value}"));
    assert!(harness.deploy(&other).await.is_success());
    assert_eq!(harness.journal.kinds()[5..], ["run-started", "outputs", "run-finished"]);
}

#[tokio::test(start_paused = true)]
async fn a_patch_holds_what_the_user_changes() {
    let mut harness = Harness::new();
    harness.deploy(&Stack::new().resource("t_x.a", json!({"value": 1, "opts": {"a": 1}, "password": "pppp"}))).await;
    harness.deploy(&Stack::new().resource("t_x.a", json!({"value": 2, "opts": {"a": 1}, "password": "pppp"}))).await;
    let patches = harness.cloud.0.lock().patches.clone();
    assert_eq!(
        patches,
        [r#"[{"op":"add","path":"/password","value":"pppp"},{"op":"replace","path":"/value","value":2}]"#]
    );
}

#[tokio::test(start_paused = true)]
async fn a_type_without_delete_is_forgotten_without_a_call() {
    let mut harness = Harness::new();
    let schema = crate::support::cloud::SCHEMA.replace(", \"delete\": {}", "");
    harness.cloud.schema("t_x", &schema);
    let stack = Stack::new().resource("t_x.a", json!({}));
    harness.deploy(&stack).await;
    writes(&harness);
    assert!(harness.destroy(&stack).await.is_success());
    assert!(writes(&harness).is_empty() && harness.state.resources.is_empty());
}

#[tokio::test(start_paused = true)]
async fn references_are_kept_without_a_write() {
    let mut harness = Harness::new();
    harness.deploy(&Stack::new().resource("t_x.a", json!({})).resource("t_x.b", json!({"note": "filled in"}))).await;
    writes(&harness);
    let stack = Stack::new().resource("t_x.a", json!({})).resource_after("t_x.b", json!({}), &["t_x.a"]);
    let outcome = harness.deploy(&stack).await;
    assert!(outcome.is_success());
    let b = &harness.state.resources[&address("t_x.b")];
    assert!(b.depends_on.contains(&address("t_x.a")));
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_run() {
    let mut harness = Harness::new();
    harness.deploy(&Stack::new().resource("t_x.a", json!({"value": 1}))).await;
    let events = harness.events.0.lock();
    let types: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_value(event).expect("serializes")["type"].as_str().expect("tagged").to_owned())
        .collect();
    let wanted = ["plan-started", "resource-planned", "run-started", "step-started", "step-finished", "run-finished"];
    assert_eq!(types, wanted);
    let Some(Event::RunFinished { done, failed, .. }) = events.last() else { panic!("the run ends") };
    assert_eq!((*done, *failed), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn inputs_that_are_not_as_planned_are_refused() {
    let mut harness = Harness::new();
    let planned = harness.plan(&Stack::new().resource("t_x.a", json!({"value": 1}))).await.expect("planned");
    let engine = harness.engine(&Stack::new().resource("t_x.a", json!({"value": 2})));
    let outcome = harness.apply(&engine, planned).await;
    assert_eq!(results(&outcome), ["t_x.a failed: the value of `t_x.a.value` is not the one that was planned"]);
    assert!(harness.cloud.0.lock().objects.is_empty());
}

#[tokio::test(start_paused = true)]
async fn runs_can_be_spawned() {
    let harness = Harness::new();
    let stack = Stack::new().resource("t_x.a", json!({}));
    let (engine, state, journal) = (harness.engine(&stack), harness.state.clone(), harness.journal.clone());
    let run = tokio::spawn(async move {
        let recovery = engine.recover(state, Vec::new(), journal.clone(), Consent::Given).await;
        let refreshed = engine.refresh(&recovery.state, Vec::new()).await.expect("refreshed");
        let plan = engine.plan(&refreshed.state, Default::default()).await.expect("planned");
        engine.deploy(plan.approve(refreshed.state).expect("fits"), journal, "deploy").await
    });
    assert!(run.await.expect("no panic").is_success());
}
