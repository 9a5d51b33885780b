//! Objects that move: to another provider, to another address.

use cofferdam_engine::{Action, Refresh};
use serde_json::json;

use crate::support::{Harness, Script, Stack, address, find, key};

/// A type whose objects are named by the user.
const NAMED: &str = r#"{
    "properties": {"id": {"type": "string"}, "arn": {}, "note": {}, "name": {"type": "string"}, "value": {}},
    "primaryIdentifier": ["/properties/name"],
    "readOnlyProperties": ["/properties/id", "/properties/arn"],
    "createOnlyProperties": ["/properties/name"],
    "handlers": {"create": {}, "read": {}, "update": {}, "delete": {}}
}"#;

fn served(harness: &Harness) -> Vec<String> {
    std::mem::take(&mut harness.cloud.0.lock().served)
}

#[tokio::test(start_paused = true)]
async fn what_made_an_object_reads_and_removes_it_and_another_provider_makes_it_anew() {
    let stack = |provider: &str| Stack::new().resource("t_x.a", json!({"value": 1})).by(provider);
    for refresh in [Refresh::Changed, Refresh::All] {
        let mut harness = Harness::new();
        harness.deploy(&stack("old")).await;
        served(&harness);
        let plan = harness.plan_with(&stack("new"), refresh).await.expect("planned");
        let step = find(&plan, "t_x.a");
        assert!(matches!(step.action, Action::Replace { .. }));
        assert_eq!(step.reasons[0].reason, "served by provider `old` so far, `new` from now on");
        assert_eq!(step.reasons.len(), 1);
        let engine = harness.engine(&stack("new"));
        assert!(harness.apply(&engine, plan).await.is_success());
        assert_eq!(served(&harness), ["read t_x.a by old", "delete t_x.a by old", "create t_x.a by new"]);
        assert_eq!(harness.state.resources[&address("t_x.a")].provider, key("new"));
        assert!(!harness.plan_with(&stack("new"), Refresh::All).await.expect("planned").has_changes());
        harness.deploy(&Stack::new()).await;
        assert_eq!(served(&harness).last().map(String::as_str), Some("delete t_x.a by new"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_was_renamed_keeps_its_objects() {
    let stack = |provider: &str, n: i64| Stack::new().resource("t_x.a", json!({"value": n})).by(provider);
    let mut harness = Harness::new();
    harness.deploy(&stack("old", 1)).await;
    harness.cloud.0.lock().unknown.insert(key("old"));
    served(&harness);
    let plan = harness.plan(&stack("new", 1)).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").action, Action::NoOp);
    assert!(harness.deploy(&stack("new", 2)).await.is_success());
    assert_eq!(served(&harness), ["read t_x.a by new", "update t_x.a by new"]);
    assert_eq!(harness.state.resources[&address("t_x.a")].provider, key("new"));
}

#[tokio::test(start_paused = true)]
async fn the_former_provider_is_configured_by_what_was_there() {
    // `a` does not refer to `base` any more, so its turn may come first.
    let before = Stack::new()
        .resource("t_x.base", json!({}))
        .config("old", json!({"of": "${t_x.base.id}"}))
        .resource_after("t_x.a", json!({}), &["t_x.base"])
        .by("old");
    let after = Stack::new()
        .resource("t_x.a", json!({}))
        .by("new")
        .config("old", json!({"of": "${t_x.base.id}"}))
        .resource("t_x.base", json!({}));
    let mut harness = Harness::new();
    assert!(harness.deploy(&before).await.is_success());
    served(&harness);
    assert!(harness.deploy(&after).await.is_success());
    assert_eq!(served(&harness), ["read t_x.a by old", "delete t_x.a by old", "create t_x.a by new"]);
}

fn writes(harness: &Harness) -> Vec<String> {
    let is_write = |call: &String| !call.starts_with("configure") && !call.starts_with("read");
    harness.cloud.take_log().into_iter().filter(is_write).collect()
}

#[tokio::test(start_paused = true)]
async fn a_renamed_resource_is_removed_before_it_is_made_anew() {
    let named = |at: &str| Stack::new().resource(at, json!({"name": "same"}));
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", NAMED);
    harness.deploy(&named("t_x.old")).await;
    writes(&harness);
    harness.cloud.script("delete t_x.old", Script::Fails(cofferdam_model::error::ErrorKind::AccessDenied));
    assert!(!harness.deploy(&named("t_x.new")).await.is_success());
    assert_eq!(writes(&harness), ["delete t_x.old"], "what is not removed is in the way");
    assert!(harness.deploy(&named("t_x.new")).await.is_success());
    assert_eq!(writes(&harness), ["delete t_x.old", "create t_x.new"]);
}

#[tokio::test(start_paused = true)]
async fn names_that_are_swapped_are_freed_first() {
    let named =
        |a: &str, b: &str| Stack::new().resource("t_x.a", json!({"name": a})).resource("t_x.b", json!({"name": b}));
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", NAMED);
    harness.deploy(&named("one", "two")).await;
    writes(&harness);
    harness.cloud.script("delete t_x.a", Script::Slow(1_000));
    assert!(harness.deploy(&named("two", "one")).await.is_success());
    // `b` takes the name that `a` frees, and so the other way round.
    assert_eq!(writes(&harness), ["delete t_x.a", "delete t_x.b", "create t_x.b", "create t_x.a"]);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_resource_with_users_is_removed_first_too() {
    // The user lets go of the old object only after the new one is there, which is in the way of its name.
    let named = |at: &str| {
        let user = json!({"value": format!("${{{at}.id}}")});
        Stack::new().resource(at, json!({"name": "same"})).resource("u_x.user", user)
    };
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", NAMED);
    harness.deploy(&named("t_x.old")).await;
    writes(&harness);
    assert!(harness.deploy(&named("t_x.new")).await.is_success());
    assert_eq!(writes(&harness), ["delete t_x.old", "create t_x.new", "update u_x.user"]);
}

#[tokio::test(start_paused = true)]
async fn other_names_and_computed_ones_wait_for_nothing() {
    for (schema, name) in [(NAMED, "other"), (crate::support::cloud::SCHEMA, "same")] {
        let mut harness = Harness::new();
        harness.cloud.schema("t_x", schema);
        harness.deploy(&Stack::new().resource("t_x.old", json!({"name": "same"}))).await;
        writes(&harness);
        harness.deploy(&Stack::new().resource("t_x.new", json!({"name": name}))).await;
        assert_eq!(writes(&harness), ["create t_x.new", "delete t_x.old"]);
    }
}
