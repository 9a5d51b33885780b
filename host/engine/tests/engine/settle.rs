//! Writes that the user settles.

use cofferdam_engine::{Action, SettleError, Settlement};
use cofferdam_model::document::to_shown_json;
use cofferdam_model::error::ErrorKind;
use cofferdam_model::state::Identity;
use serde_json::json;

use crate::support::cloud::SCHEMA;
use crate::support::{Harness, Script, Stack, address, find, key};

fn stack(value: i64) -> Stack {
    let one = Stack::new().resource("t_x.z", json!({}));
    one.resource("t_x.a", json!({"value": value, "password": "hunter22"}))
        .resource("t_x.b", json!({"value": "${t_x.a.id}"}))
}

async fn cut_off(harness: &mut Harness, stack: &Stack, verb: &str, script: Script) {
    harness.cloud.script(&format!("{verb} t_x.a"), script);
    harness.deploy(stack).await;
    assert_eq!(harness.in_flight.len(), 1);
}

async fn settle(harness: &mut Harness, stack: &Stack, how: Settlement) -> Result<(), SettleError> {
    let (engine, journal) = (harness.engine(stack), harness.journal.clone());
    let before = harness.state.clone();
    let settled = engine.settle(&mut harness.state, &harness.in_flight[0].clone(), how, journal).await;
    harness.in_flight = harness.journal.in_flight();
    assert_eq!(settled.is_ok(), harness.in_flight.is_empty());
    assert!(settled.is_ok() || harness.state == before);
    let replayed = harness.journal.replay(harness.state.clone()).0;
    assert_eq!(replayed.resources, harness.state.resources, "the journal says the same");
    settled
}

fn id(harness: &Harness) -> String {
    let world = harness.cloud.0.lock();
    world.objects.keys().find(|id| id.starts_with("t_x.a#")).expect("made").clone()
}

fn identity(name: &str, value: &str) -> Settlement {
    Settlement::Identity(Identity(vec![(name.to_owned(), value.to_owned())]))
}

#[tokio::test(start_paused = true)]
async fn a_create_that_made_nothing_is_made_anew() {
    let mut harness = Harness::new();
    cut_off(&mut harness, &stack(1), "create", Script::Traps).await;
    settle(&mut harness, &stack(1), Settlement::Absent).await.expect("settled");
    assert!(harness.deploy(&stack(1)).await.is_success());
    assert_eq!(harness.cloud.0.lock().objects.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_made_something_is_taken_over() {
    for name in ["id", "/id", "/properties/id"] {
        let mut harness = Harness::new();
        cut_off(&mut harness, &stack(1), "create", Script::Dies).await;
        let made = identity(name, &id(&harness));
        // The stack went on meanwhile.
        settle(&mut harness, &stack(2), made).await.expect("settled");
        let entry = &harness.state.resources[&address("t_x.a")];
        assert_eq!(to_shown_json(&entry.inputs), json!({"value": 1, "size": 1, "password": "(secret)"}));
        assert_eq!(find(&harness.plan(&stack(2)).await.expect("planned"), "t_x.a").action, Action::Update);
        assert!(harness.deploy(&stack(2)).await.is_success());
        assert_eq!(harness.cloud.0.lock().objects.len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn updates_and_deletes_are_settled_too() {
    for (verb, next) in [("update", stack(2)), ("delete", Stack::new().resource("t_x.z", json!({})))] {
        let mut harness = Harness::new();
        harness.deploy(&stack(1)).await;
        cut_off(&mut harness, &next, verb, Script::Traps).await;
        let there = identity("id", &id(&harness));
        settle(&mut harness, &next, there).await.expect("settled");
        assert!(harness.state.resources.contains_key(&address("t_x.a")));

        cut_off(&mut harness, &next, verb, Script::Traps).await;
        settle(&mut harness, &next, Settlement::Absent).await.expect("settled");
        assert!(!harness.state.resources.contains_key(&address("t_x.a")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_or_not_named_settles_nothing() {
    let mut harness = Harness::new();
    cut_off(&mut harness, &stack(1), "create", Script::Dies).await;
    let error = settle(&mut harness, &stack(1), identity("id", "other")).await.expect_err("no such object");
    assert_eq!(error.to_string(), "there is no object with this identity for `t_x.a`");
    let both = Identity(vec![("id".into(), "1".into()), ("arn".into(), "2".into())]);
    for how in [identity("name", "x"), Settlement::Identity(both), Settlement::Identity(Identity::default())] {
        let error = settle(&mut harness, &stack(1), how).await.expect_err("no identity");
        assert_eq!(error.to_string(), "an object of type `t_x` is named by `id`, all of them and no others");
    }
    harness.cloud.script("read t_x.a", Script::Fails(ErrorKind::AccessDenied));
    let made = identity("id", &id(&harness));
    let error = settle(&mut harness, &stack(1), made.clone()).await.expect_err("not read");
    assert_eq!(error.to_string(), "could not read `t_x.a`");
    harness.cloud.schema("t_x", &SCHEMA.replace(r#""read": {},"#, ""));
    let error = settle(&mut harness, &stack(1), made).await.expect_err("cannot be read");
    assert!(matches!(error, SettleError::Unreadable(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_of_a_plugin_that_is_gone() {
    let mut harness = Harness::new();
    cut_off(&mut harness, &stack(1), "create", Script::Traps).await;
    harness.cloud.0.lock().unknown.insert(key("t"));
    let nothing = Stack::new();
    assert!(matches!(settle(&mut harness, &nothing, identity("id", "1")).await, Err(SettleError::Read(_))));
    settle(&mut harness, &nothing, Settlement::Absent).await.expect("settled");
}
