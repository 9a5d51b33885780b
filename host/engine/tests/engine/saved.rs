//! Plans that are saved: the text keeps everything, and a deploy from it is the deploy of the plan.

use cofferdam_engine::{PlanOptions, Refresh, SavePlanError, SavedPlan, StalePlan, Stop};
use cofferdam_model::stored::Stored;
use cofferdam_model::{Number, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::convergence::{Version, version};
use crate::support::cloud::json_of;
use crate::support::{Harness, Script, Stack, results};

fn through_text(saved: &SavedPlan) -> SavedPlan {
    let text = serde_json::to_string(saved).expect("writes");
    let back: SavedPlan = serde_json::from_str(&text).expect("reads");
    assert_eq!(&back, saved);
    // What counts as equal is not all there is: marks, kinds of numbers, the order of everything.
    assert_eq!(serde_json::to_string(&back).expect("writes"), text);
    back
}

fn secret_stack(n: i64) -> Stack {
    Stack::new()
        .resource("t_x.a", json!({"name": format!("n{n}"), "password": "hunter22", "opts": {"f": 0.1, "d": null}}))
        .resource("t_x.b", json!({"value": {"$secret": "${t_x.a.id}"}, "deps": [n, "${t_x.a.arn}"]}))
        .output("id", json!("${t_x.b.id}"))
        .output("secret", json!({"$secret": "${t_x.a.password}"}))
}

#[tokio::test(start_paused = true)]
async fn everything_of_a_plan_comes_back() {
    let mut harness = Harness::new();
    for purpose in ["create", "replace", "drift", "destroy"] {
        let stack = secret_stack(if purpose == "create" { 1 } else { 2 });
        let options = PlanOptions { refresh: Refresh::All, ..PlanOptions::default() };
        let engine = harness.engine(&stack);
        let plan = match purpose {
            "destroy" => engine.plan_destroy(&harness.state, options).await,
            _ => engine.plan(&harness.state, options).await,
        };
        let plan = plan.expect("planned");
        through_text(&SavedPlan::new(plan.clone(), &harness.state).expect("saved"));
        if purpose == "drift" {
            assert!(!plan.drift.is_empty() && !plan.refreshed.is_empty(), "{plan:?}");
        }
        if purpose == "create" {
            assert!(plan.steps.iter().any(|step| !step.after.as_ref().is_some_and(Value::is_wholly_known)));
        }
        harness.apply(&engine, plan).await;
        if purpose == "replace" {
            let id = harness.cloud.0.lock().objects.keys().next().expect("one").clone();
            harness.cloud.meddle(&id, "/size", json!(7));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_for_its_state_alone() {
    let mut harness = Harness::new();
    let stack = secret_stack(1);
    let saved = SavedPlan::new(harness.plan(&stack).await.expect("planned"), &harness.state).expect("saved");
    let mut state = harness.state.clone();
    state.outputs.insert("left".into(), "behind".into());
    let error = saved.clone().approve(state).expect_err("the serial is the same, the content is not");
    assert_eq!(error, StalePlan::Content { serial: 0 });
    let engine = harness.engine(&stack);
    harness.apply(&engine, saved.plan().clone()).await;
    let error = saved.approve(harness.state.clone()).expect_err("deployed already");
    assert_eq!(error, StalePlan::Serial { found: 1, planned: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_plan_with_a_write_in_flight_is_not_saved() {
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
    let error = SavedPlan::new(plan, &harness.state).expect_err("in flight");
    assert!(matches!(error, SavePlanError::InFlight(_)), "{error}");
}

/// The same versions, deployed as planned in one world and from text in the other.
async fn both(versions: Vec<Version>) {
    let (mut plain, mut saved) = (Harness::new(), Harness::new());
    for version in &versions {
        let stack = version.stack();
        for harness in [&mut plain, &mut saved] {
            version.script(harness);
            harness.recover(&stack).await;
        }
        if !plain.in_flight.is_empty() {
            return;
        }
        let outcome = plain.deploy(&stack).await;
        let plan = saved.plan(&stack).await.expect("planned");
        let text = through_text(&SavedPlan::new(plan, &saved.state).expect("saved"));
        // Another run: nothing of the engine that planned is left.
        let engine = saved.engine(&stack);
        let approved = text.approve(saved.state.clone()).expect("nothing moved");
        let from_text = engine.deploy(approved, saved.journal.clone(), "deploy").await;
        saved.state = from_text.state.clone();
        saved.state.serial += 1;
        saved.in_flight = saved.journal.in_flight();
        assert_eq!(results(&from_text), results(&outcome));
        assert_eq!(saved.state, plain.state);
        assert_eq!(saved.journal.kinds(), plain.journal.kinds());
        let objects = |harness: &Harness| -> Vec<_> {
            harness.cloud.0.lock().objects.iter().map(|(id, object)| (id.clone(), json_of(object))).collect()
        };
        assert_eq!(objects(&saved), objects(&plain));
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::null()),
        Just(Value::unknown()),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| Number::from_f64(float).map_or_else(Value::null, Value::from)),
        "[a-z~/\"\\\\é]{0,6}".prop_map(Value::string),
    ];
    let marked = |value: Value, secret: bool| if secret { value.into_secret() } else { value };
    let leaf = (leaf, any::<bool>()).prop_map(move |(value, secret)| marked(value, secret));
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let containers = prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
            prop::collection::btree_map("[a-z0-9~/]{0,4}", inner, 0..5).prop_map(Value::object),
        ];
        (containers, any::<bool>()).prop_map(move |(value, secret)| marked(value, secret))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_deploy_from_text_is_the_deploy_of_the_plan(versions in prop::collection::vec(version(), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(both(versions));
    }

    #[test]
    fn every_value_comes_back(value in value()) {
        let text = serde_json::to_string(&Stored(value.clone())).expect("writes");
        let back: Stored = serde_json::from_str(&text).expect("reads");
        prop_assert!(back.0 == value, "{text}");
        prop_assert_eq!(serde_json::to_string(&back).expect("writes"), text);
    }
}
