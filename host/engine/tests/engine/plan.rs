//! What is planned, and what a plan asks of plugins.

use cofferdam_engine::{Action, PlanError, Refresh, ReplaceOrder};
use cofferdam_model::provider::Mode;
use serde_json::json;

use crate::support::cloud::{SCHEMA, json_of};
use crate::support::{Harness, Script, Stack, find};

const REPLACE: Action = Action::Replace { order: ReplaceOrder::DeleteFirst };

fn actions(plan: &cofferdam_engine::Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {:?}", step.address, step.action)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_nothing_to_do_runs_no_guest_code() {
    let schema = SCHEMA.replace("\"read\": {},", "");
    let stack = Stack::new()
        .resource("t_free.a", json!({"value": 1, "opts": {"x": null, "y": 1}}))
        .resource("t_x.b", json!({"value": "${t_free.a.id}", "password": "p"}));
    let mut harness = Harness::new();
    harness.cloud.schema("t_free", &schema);
    assert!(harness.deploy(&stack).await.is_success());
    harness.cloud.take_log();
    let plan = harness.plan(&stack).await.expect("planned");
    assert!(!plan.has_changes(), "{plan:?}");
    assert!(harness.cloud.log().is_empty(), "{:?}", harness.cloud.log());
}

#[tokio::test(start_paused = true)]
async fn the_plan_configures_read_only() {
    let stack = Stack::new().resource("t_x.a", json!({"value": 1}));
    let mut harness = Harness::new();
    harness.deploy(&stack).await;
    harness.cloud.0.lock().modes.clear();
    harness.plan_with(&stack, Refresh::All).await.expect("planned");
    assert_eq!(harness.cloud.0.lock().modes, [Mode::ReadOnly]);
    assert_eq!(harness.cloud.take_log().last().map(String::as_str), Some("read t_x.a"));
}

#[tokio::test(start_paused = true)]
async fn unknown_values_flow_and_resolve() {
    let stack = Stack::new()
        .resource("t_x.b", json!({"value": "${t_x.a.id}", "note": "${t_x.a.note}"}))
        .resource("t_x.a", json!({"value": 1}))
        .output("id", json!("${t_x.a.id}"))
        .output("one", json!("${t_x.a.value}"));
    let mut harness = Harness::new();
    let plan = harness.plan(&stack).await.expect("planned");
    assert_eq!(actions(&plan), ["t_x.a Create", "t_x.b Create"]);
    let after = find(&plan, "t_x.b").after.clone().expect("a create has one");
    assert!(after.part("value").expect("there").is_unknown() && after.part("id").expect("there").is_unknown());
    assert!(plan.outputs[0].after.as_ref().expect("there").is_unknown());
    assert!(plan.outputs[1].after.as_ref().expect("there").same(&1.into()));
    assert!(harness.deploy(&stack).await.is_success());
    assert_eq!(json_of(&harness.state.outputs["id"]), json!("t_x.a#1"));
    let b = &harness.state.resources[&crate::support::address("t_x.b")];
    assert_eq!(json_of(&b.inputs), json!({"value": "t_x.a#1", "note": "filled in", "size": 1}));
    assert!(!harness.plan(&stack).await.expect("planned").has_changes());
}

#[tokio::test(start_paused = true)]
async fn defaults_are_filled_and_a_removed_attribute_returns_to_its_default() {
    let mut harness = Harness::new();
    harness.deploy(&Stack::new().resource("t_x.a", json!({"size": 7, "value": 1, "opts": {"a": 1}}))).await;
    let plan = harness.plan(&Stack::new().resource("t_x.a", json!({"opts": {}}))).await.expect("planned");
    let step = find(&plan, "t_x.a");
    let changes: Vec<String> = step
        .changes
        .iter()
        .map(cofferdam_engine::ShownChange::from)
        .map(|c| format!("{} {:?} {:?}", c.pointer, c.before.map(|v| v.to_string()), c.after.map(|v| v.to_string())))
        .collect();
    assert_eq!(changes, ["/opts/a Some(\"1\") None", "/size Some(\"7\") Some(\"1\")", "/value Some(\"1\") None"]);
    assert_eq!(step.action, Action::Update);
}

#[tokio::test(start_paused = true)]
async fn a_create_only_change_replaces_and_says_why() {
    let mut harness = Harness::new();
    let stack = |name: &str| {
        Stack::new()
            .resource("t_x.a", json!({"name": name}))
            .resource("t_x.b", json!({"name": "${t_x.a.id}"}))
            .resource("t_x.c", json!({"value": "${t_x.a.id}"}))
    };
    harness.deploy(&stack("one")).await;
    let plan = harness.plan(&stack("two")).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").action, REPLACE);
    assert_eq!(find(&plan, "t_x.a").reasons[0].reason, "`name` cannot change in place");
    assert_eq!(find(&plan, "t_x.b").action, REPLACE, "unknown counts as changed");
    assert_eq!(find(&plan, "t_x.c").action, Action::Update);
    let counts = plan.counts();
    assert_eq!((counts.replace, counts.update, counts.no_op), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_type_without_update_replaces() {
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &SCHEMA.replace("\"update\": {},", ""));
    harness.deploy(&Stack::new().resource("t_x.a", json!({"value": 1}))).await;
    let plan = harness.plan(&Stack::new().resource("t_x.a", json!({"value": 2}))).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").action, REPLACE);
    assert_eq!(find(&plan, "t_x.a").reasons[0].reason, "`t_x` cannot change in place");
}

#[tokio::test(start_paused = true)]
async fn stable_properties_survive_an_update() {
    let mut harness = Harness::new();
    let stack = |n: i64| {
        Stack::new()
            .resource("t_x.a", json!({"value": n}))
            .resource("t_x.by_id", json!({"value": "${t_x.a.id}"}))
            .resource("t_x.by_arn", json!({"value": "${t_x.a.arn}"}))
            .resource("t_x.by_note", json!({"value": "${t_x.a.note}"}))
    };
    harness.deploy(&stack(1)).await;
    harness.cloud.take_log();
    let plan = harness.plan(&stack(2)).await.expect("planned");
    assert_eq!(find(&plan, "t_x.by_id").action, Action::NoOp, "the primary identifier is stable");
    assert_eq!(find(&plan, "t_x.by_note").action, Action::NoOp, "what the service filled in stays");
    assert_eq!(find(&plan, "t_x.by_arn").action, Action::Update);
    let outcome = harness.deploy(&stack(2)).await;
    let arn = crate::support::results(&outcome);
    assert!(arn.contains(&"t_x.by_arn unchanged".to_owned()), "what was unknown turned out the same: {arn:?}");
    assert!(!harness.cloud.log().contains(&"update t_x.by_arn".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn write_only_places_compare_with_what_was_sent() {
    let mut harness = Harness::new();
    let stack = |password: &str| Stack::new().resource("t_x.a", json!({"password": password}));
    harness.deploy(&stack("hunter22")).await;
    let state = &harness.state.resources[&crate::support::address("t_x.a")].state;
    assert!(state.properties.part("password").is_none(), "the state has no write-only property");
    assert!(!harness.plan(&stack("hunter22")).await.expect("planned").has_changes());
    let plan = harness.plan(&stack("hunter23")).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").changes[0].pointer.to_string(), "/password");
    assert!(!format!("{plan:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_custom_plan_has_the_last_word() {
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &SCHEMA.replacen('{', "{\"x-cofferdam-plan\": true,", 1));
    let stack = Stack::new().resource("t_x.a", json!({"value": 1}));
    harness.deploy(&stack).await;
    assert!(!harness.plan(&stack).await.expect("planned").has_changes());
    // The same inputs, and yet something changes: the file behind them, say.
    for _ in 0..2 {
        harness
            .cloud
            .script("plan t_x.a", Script::Says(json!({"id": "t_x.a#1", "arn": "changed", "note": "filled in"})));
    }
    let plan = harness.plan(&stack).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").action, Action::Update);
    assert_eq!(find(&plan, "t_x.a").changes[0].pointer.to_string(), "/arn");
    let engine = harness.engine(&stack);
    assert!(harness.apply(&engine, plan).await.is_success());
    assert!(harness.cloud.take_log().contains(&"update t_x.a".to_owned()));
    let plan = harness.plan(&Stack::new().resource("t_x.a", json!({"value": "replace"}))).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").action, REPLACE);
    assert_eq!(find(&plan, "t_x.a").reasons[0].reason, "`value`: the service cannot do that");
}

#[tokio::test(start_paused = true)]
async fn a_custom_check_completes_the_inputs() {
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &SCHEMA.replacen('{', "{\"x-cofferdam-check\": true,", 1));
    let stack = Stack::new().resource("t_x.a", json!({"value": 1}));
    assert!(harness.deploy(&stack).await.is_success());
    let entry = &harness.state.resources[&crate::support::address("t_x.a")];
    assert_eq!(json_of(&entry.inputs)["note"], json!("checked"));
    assert!(!harness.plan(&stack).await.expect("planned").has_changes());
}

#[tokio::test(start_paused = true)]
async fn a_provider_configured_by_a_resource_waits_for_it() {
    let mut harness = Harness::new();
    let stack = |name: &str| {
        Stack::new()
            .resource("c_x.cluster", json!({"name": name}))
            .config("k", json!({"server": "${c_x.cluster.id}"}))
            .resource("k_x.pod", json!({"value": 1}))
    };
    let plan = harness.plan(&stack("one")).await.expect("planned");
    assert!(plan.diagnostics.is_empty(), "nothing is asked of a provider whose objects do not exist yet");
    assert!(harness.deploy(&stack("one")).await.is_success());
    assert_eq!(json_of(&harness.cloud.0.lock().configs[1]), json!({"server": "c_x.cluster#1"}));
    let plan = harness.plan_with(&stack("two"), Refresh::All).await.expect("planned");
    assert_eq!(plan.diagnostics.len(), 1);
    assert_eq!(plan.diagnostics[0].summary, "the configuration of provider `k` is known only after deploy");
    // Destroying works with the configuration that the objects were made by.
    assert!(harness.destroy(&stack("two")).await.is_success());
    assert!(harness.cloud.0.lock().objects.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_older_state_is_migrated_first_and_a_newer_one_refused() {
    let mut harness = Harness::new();
    let stack = Stack::new().resource("t_x.a", json!({"size": 3}));
    harness.deploy(&stack).await;
    let at = crate::support::address("t_x.a");
    let entry = harness.state.resources.get_mut(&at).expect("there");
    let entries = entry.state.properties.as_object_mut().expect("an object");
    let size = entries.remove("size").expect("there");
    entries.insert("length".into(), size);
    harness.cloud.schema("t_x", &SCHEMA.replacen('{', "{\"x-cofferdam-schema-version\": 1,", 1));
    harness.cloud.take_log();
    let plan = harness.plan(&stack).await.expect("planned");
    assert_eq!(find(&plan, "t_x.a").action, Action::NoOp);
    assert_eq!(harness.cloud.take_log(), ["configure t", "migrate"]);
    let engine = harness.engine(&stack);
    harness.apply(&engine, plan).await;
    assert_eq!(harness.state.resources[&at].state.schema_version, 1);
    harness.cloud.schema("t_x", SCHEMA);
    let error = harness.plan(&stack).await.expect_err("newer");
    let PlanError::Calls { errors, .. } = error else { panic!("{error}") };
    assert!(errors[0].one_line().contains("schema version 1, newer than version 0"), "{}", errors[0].one_line());
}

#[tokio::test(start_paused = true)]
async fn a_plan_fits_one_state_only() {
    let mut harness = Harness::new();
    let stack = Stack::new().resource("t_x.a", json!({}));
    let plan = harness.plan(&stack).await.expect("planned");
    harness.deploy(&stack).await;
    let error = plan.approve(harness.state.clone()).expect_err("stale");
    assert_eq!(error.to_string(), "the state is at serial 1, the plan was made at 0");
}
