//! Objects that are not as the state says.

use cofferdam_engine::{Action, Refresh};
use serde_json::json;

use crate::support::cloud::{SCHEMA, json_of};
use crate::support::{Harness, Stack, address, find};

fn stack(n: i64) -> Stack {
    Stack::new().resource("t_x.a", json!({"value": n})).resource("t_x.b", json!({"value": 0}))
}

#[tokio::test(start_paused = true)]
async fn refresh_tells_and_changes_nothing() {
    let mut harness = Harness::new();
    harness.deploy(&stack(1)).await;
    harness.cloud.meddle("t_x.a#1", "/value", json!(9));
    harness.cloud.0.lock().objects.remove("t_x.b#2");
    harness.cloud.take_log();
    let found = harness.engine(&stack(1)).refresh(&harness.state, Vec::new()).await.expect("refreshed");
    assert_eq!(found.drift.len(), 2);
    let a = found.drift.iter().find(|drift| drift.address == address("t_x.a")).expect("there");
    assert_eq!(format!("{:?}", (&a.changes[0].before, &a.changes[0].after)), "(Some(Int(1)), Some(Int(9)))");
    assert!(found.drift.iter().any(|drift| drift.gone && drift.address == address("t_x.b")));
    assert_eq!(found.state.resources.len(), 1);
    assert!(found.changed);
    assert!(harness.cloud.log().iter().all(|call| call.starts_with("read") || call.starts_with("configure")));
    let mut state = found.state;
    std::mem::swap(&mut harness.state, &mut state);
    assert!(!harness.engine(&stack(1)).refresh(&harness.state, Vec::new()).await.expect("refreshed").changed);
}

#[tokio::test(start_paused = true)]
async fn by_default_only_what_changes_is_read() {
    let mut harness = Harness::new();
    harness.deploy(&stack(1)).await;
    harness.cloud.take_log();
    harness.plan(&stack(2)).await.expect("planned");
    assert_eq!(harness.cloud.take_log(), ["configure t", "read t_x.a"]);
    harness.plan_with(&stack(2), Refresh::None).await.expect("planned");
    assert!(harness.cloud.take_log().is_empty());
    harness.plan_with(&stack(1), Refresh::All).await.expect("planned");
    assert_eq!(harness.cloud.take_log(), ["configure t", "read t_x.a", "read t_x.b"]);
    harness.cloud.schema("t_x", &SCHEMA.replacen('{', "{\"x-cofferdam-read\": \"local\",", 1));
    harness.plan(&stack(1)).await.expect("planned");
    assert_eq!(harness.cloud.take_log().len(), 3, "what is read for free is read in every plan");
}

#[tokio::test(start_paused = true)]
async fn drift_is_set_right_and_what_is_gone_is_made_again() {
    let mut harness = Harness::new();
    harness.deploy(&stack(1)).await;
    harness.cloud.meddle("t_x.a#1", "/value", json!(9));
    harness.cloud.0.lock().objects.remove("t_x.b#2");
    let plan = harness.plan_with(&stack(1), Refresh::All).await.expect("planned");
    assert_eq!((find(&plan, "t_x.a").action, find(&plan, "t_x.b").action), (Action::Update, Action::Create));
    assert_eq!(plan.drift.len(), 2);
    let engine = harness.engine(&stack(1));
    assert!(harness.apply(&engine, plan).await.is_success());
    assert_eq!(json_of(&harness.cloud.0.lock().objects["t_x.a#1"])["value"], json!(1));
    assert!(!harness.plan_with(&stack(1), Refresh::All).await.expect("planned").has_changes());
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_there_already_is_no_change() {
    let mut harness = Harness::new();
    harness.deploy(&stack(1)).await;
    harness.cloud.meddle("t_x.a#1", "/value", json!(2));
    let plan = harness.plan(&stack(2)).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").action, Action::NoOp);
    let engine = harness.engine(&stack(2));
    assert!(harness.apply(&engine, plan).await.is_success());
    let entry = &harness.state.resources[&address("t_x.a")];
    assert!(entry.inputs.part("value").expect("there").same(&2.into()));
}

#[tokio::test(start_paused = true)]
async fn what_leaves_and_is_gone_needs_no_step() {
    let mut harness = Harness::new();
    harness.deploy(&stack(1)).await;
    harness.cloud.0.lock().objects.remove("t_x.b#2");
    let plan = harness.plan(&Stack::new().resource("t_x.a", json!({"value": 1}))).await.expect("planned");
    assert_eq!(plan.steps.len(), 1);
    assert!(plan.drift[0].gone && plan.has_changes());
}
