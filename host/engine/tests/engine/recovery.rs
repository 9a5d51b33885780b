//! Writes that a former run left in flight: how the next one settles them, and what it asks before.

use std::sync::Arc;

use cofferdam_engine::{Action, Consent, Event, Recovery, Stop, Task};
use cofferdam_model::document::to_shown_json;
use cofferdam_model::error::ErrorKind;
use cofferdam_model::journal::Record;
use serde_json::json;

use crate::support::cloud::{IDEMPOTENT, LOOKED_UP, SCHEMA, with};
use crate::support::{Harness, MemoryJournal, Script, Stack, address, find, results};

fn one(value: i64) -> Stack {
    Stack::new().resource("t_x.a", json!({"value": value, "password": "hunter22"}))
}

/// A deploy in which the write of `t_x.a` was cut off.
async fn cut_off(harness: &mut Harness, stack: &Stack, verb: &str, script: Script) {
    harness.cloud.script(&format!("{verb} t_x.a"), script);
    let outcome = harness.deploy(stack).await;
    assert_eq!((outcome.failed().count(), outcome.in_flight.len(), harness.in_flight.len()), (1, 1, 1));
    harness.cloud.take_log();
    harness.events.0.lock().clear();
}

fn assert_settled(recovery: &Recovery) {
    assert!(recovery.errors.is_empty() && recovery.in_flight.is_empty(), "{recovery:?}");
    assert!(recovery.waiting.is_empty() && recovery.journal_error.is_none(), "{recovery:?}");
}

fn calls(harness: &Harness) -> Vec<String> {
    harness.cloud.take_log().into_iter().filter(|call| !call.starts_with("configure")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_create_made_is_found_by_its_operation() {
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &with(LOOKED_UP));
    cut_off(&mut harness, &one(1), "create", Script::Dies).await;
    assert_settled(&harness.recover_with(&one(2), Consent::Missing).await);
    assert_eq!(calls(&harness), ["read t_x.a"]);
    let entry = &harness.state.resources[&address("t_x.a")];
    assert_eq!(to_shown_json(&entry.inputs), json!({"value": 1, "size": 1, "password": "(secret)"}));
    assert_eq!(find(&harness.plan(&one(2)).await.expect("planned"), "t_x.a").action, Action::Update);
    assert!(!harness.plan(&one(1)).await.expect("planned").has_changes(), "not even for what is never read");
    assert_eq!(harness.cloud.0.lock().objects.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_found_was_not_made() {
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &with(LOOKED_UP));
    cut_off(&mut harness, &one(1), "create", Script::Traps).await;
    assert_settled(&harness.recover_with(&one(1), Consent::Missing).await);
    assert!(harness.state.resources.is_empty() && harness.journal.in_flight().is_empty());
    assert!(harness.deploy(&one(1)).await.is_success());
    assert_eq!(harness.cloud.0.lock().objects.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_create_is_made_again_with_the_same_inputs() {
    for script in [Script::Dies, Script::Traps] {
        let mut harness = Harness::new();
        harness.cloud.schema("t_x", &with(IDEMPOTENT));
        cut_off(&mut harness, &one(1), "create", script).await;
        // The stack went on meanwhile.
        let recovery = harness.recover_with(&one(2), Consent::Missing).await;
        assert_eq!((recovery.waiting.len(), recovery.in_flight.len()), (1, 1));
        assert!(recovery.waiting[0].hint.as_deref().expect("there").contains("makes the same call again"));
        assert_eq!(calls(&harness), [""; 0]);
        assert_settled(&harness.recover(&one(2)).await);
        assert_eq!(calls(&harness), ["create t_x.a"]);
        {
            let world = harness.cloud.0.lock();
            let attempts: Vec<_> =
                world.attempts.iter().map(|(operation, n)| (operation == &world.attempts[0].0, *n)).collect();
            assert_eq!(attempts, [(true, 1), (true, 2)]);
            assert!(world.created.windows(2).all(|two| two[0] == two[1]), "{:?}", world.created);
            assert_eq!(world.objects.len(), 1);
        }
        assert_eq!(find(&harness.plan(&one(2)).await.expect("planned"), "t_x.a").action, Action::Update);
        assert!(harness.deploy(&one(2)).await.is_success());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_tells_what_only_a_write_settles() {
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &with(IDEMPOTENT));
    cut_off(&mut harness, &one(1), "create", Script::Dies).await;
    let recovery = harness.recover_with(&one(1), Consent::Missing).await;
    let refreshed = harness.engine(&one(1)).refresh(&recovery.state, recovery.in_flight).await.expect("refreshed");
    assert!(!refreshed.changed && refreshed.state.resources.is_empty());
    let [warning] = &refreshed.diagnostics[..] else { panic!("{:?}", refreshed.diagnostics) };
    assert!(warning.summary.contains("a former run's create of `t_x.a` was cut off"), "{warning:?}");
    assert!(warning.hint.as_deref().expect("there").contains("the next deploy makes the same call again"));
    assert_eq!(calls(&harness), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_tell_is_not_guessed() {
    let mut harness = Harness::new();
    let stack = one(1).resource("t_x.b", json!({"value": "${t_x.a.id}"})).resource("t_x.free", json!({}));
    cut_off(&mut harness, &stack, "create", Script::Dies).await;
    let recovery = harness.recover(&stack).await;
    assert!(recovery.errors.is_empty() && recovery.waiting.is_empty());
    assert_eq!(recovery.in_flight.len(), 1);
    let changed = one(1).resource("t_x.b", json!({"value": "${t_x.a.id}"})).resource("t_x.free", json!({"value": 7}));
    let outcome = harness.deploy(&changed).await;
    let operation = harness.in_flight[0].operation.clone();
    assert_eq!(
        results(&outcome),
        [
            format!("t_x.a failed: how operation `{operation}` of a former run ended is not known"),
            "t_x.free done".to_owned(),
            format!("t_x.b not started: Because({:?})", address("t_x.a")),
        ]
    );
    let hint = outcome.failed().next().expect("failed").1.hint().expect("there").to_owned();
    assert_eq!(
        hint,
        "if the object was not made, `cofferdam state settle t_x.a --absent`; if it was, `cofferdam state settle t_x.a \
         --identity id=VALUE`"
    );
    assert_eq!(outcome.in_flight, [operation]);
    assert!(!calls(&harness).iter().any(|call| call.starts_with("create")));
    assert!(!harness.journal.kinds().contains(&"run-finished"));
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_update_is_read() {
    let mut harness = Harness::new();
    harness.deploy(&one(1)).await;
    cut_off(&mut harness, &one(2), "update", Script::Dies).await;
    assert_settled(&harness.recover_with(&one(2), Consent::Missing).await);
    assert_eq!(calls(&harness), ["read t_x.a"]);
    assert!(!harness.plan(&one(2)).await.expect("planned").has_changes(), "it was done");
    assert_eq!(find(&harness.plan(&one(1)).await.expect("planned"), "t_x.a").action, Action::Update);

    cut_off(&mut harness, &one(3), "update", Script::Traps).await;
    assert_settled(&harness.recover_with(&one(3), Consent::Missing).await);
    assert!(!harness.plan(&one(2)).await.expect("planned").has_changes(), "it was not");
    assert!(harness.deploy(&one(3)).await.is_success());

    cut_off(&mut harness, &one(4), "update", Script::Traps).await;
    harness.cloud.0.lock().objects.clear();
    assert_settled(&harness.recover(&one(4)).await);
    assert!(harness.state.resources.is_empty(), "it is gone");
}

#[tokio::test(start_paused = true)]
async fn what_no_read_shows_of_an_update_is_sent_again() {
    let mut harness = Harness::new();
    let stack = |password: &str| Stack::new().resource("t_x.a", json!({"value": 1, "password": password}));
    harness.deploy(&stack("hunter-one")).await;
    cut_off(&mut harness, &stack("hunter-two"), "update", Script::Dies).await;
    assert_settled(&harness.recover(&stack("hunter-one")).await);
    for password in ["hunter-one", "hunter-two"] {
        let plan = harness.plan(&stack(password)).await.expect("planned");
        assert_eq!(find(&plan, "t_x.a").action, Action::Update, "nobody knows which one it is");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_delete_is_read() {
    for (script, left) in [(Script::Dies, 0), (Script::Traps, 1)] {
        let mut harness = Harness::new();
        harness.deploy(&one(1)).await;
        cut_off(&mut harness, &Stack::new(), "delete", script).await;
        assert_settled(&harness.recover_with(&one(1), Consent::Missing).await);
        assert_eq!(calls(&harness), ["read t_x.a"]);
        assert_eq!(harness.state.resources.len(), left);
        assert!(harness.deploy(&one(1)).await.is_success());
        assert_eq!(harness.cloud.0.lock().objects.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_read_updates_and_deletes_are_made_again() {
    for (verb, stack) in [("update", one(2)), ("delete", Stack::new())] {
        for script in [Script::Dies, Script::Traps] {
            let mut harness = Harness::new();
            harness.cloud.schema("t_x", &SCHEMA.replace(r#""read": {},"#, ""));
            harness.deploy(&one(1)).await;
            cut_off(&mut harness, &stack, verb, script).await;
            assert_eq!(harness.recover_with(&one(1), Consent::Missing).await.waiting.len(), 1);
            assert_settled(&harness.recover(&one(1)).await);
            assert_eq!(calls(&harness), [format!("{verb} t_x.a")]);
            // The stack is as it was before, and that is told apart from an object that was never touched.
            assert!(harness.plan(&one(1)).await.expect("planned").has_changes());
            assert!(harness.deploy(&one(1)).await.is_success());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn intents_of_older_hosts_are_settled_as_far_as_they_tell() {
    let older = |harness: &Harness| {
        for record in harness.journal.records.lock().iter_mut() {
            if let Record::Intent { desired, .. } = record {
                *desired = None;
            }
        }
    };
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &with(IDEMPOTENT));
    cut_off(&mut harness, &one(1), "create", Script::Dies).await;
    older(&harness);
    assert_eq!(harness.recover(&one(1)).await.in_flight.len(), 1, "made again with which inputs?");

    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &SCHEMA.replace(r#""read": {},"#, ""));
    harness.deploy(&one(1)).await;
    cut_off(&mut harness, &one(2), "update", Script::Traps).await;
    older(&harness);
    assert_settled(&harness.recover(&one(2)).await);
    assert_eq!(calls(&harness), [""; 0]);
    assert!(harness.deploy(&one(2)).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_resume_waits_for_consent_and_knows_its_inputs() {
    let mut harness = Harness::new();
    harness.cloud.script("create t_x.a", Script::Pends(3, 60_000));
    let cancel = harness.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        cancel.request(Stop::Soft);
    });
    harness.deploy(&one(1)).await;
    harness.cancel = Default::default();
    harness.cloud.take_log();
    let recovery = harness.recover_with(&one(2), Consent::Missing).await;
    assert_eq!((recovery.waiting.len(), recovery.in_flight.len(), calls(&harness).len()), (1, 1, 0));
    assert_settled(&harness.recover(&one(2)).await);
    let inputs = &harness.state.resources[&address("t_x.a")].inputs;
    assert_eq!(to_shown_json(inputs), json!({"value": 1, "size": 1, "password": "(secret)"}));
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_settles_nothing_and_holds_the_resource() {
    let mut harness = Harness::new();
    let stack = |n| one(n).resource("t_x.b", json!({"value": "${t_x.a.value}"}));
    harness.deploy(&stack(1)).await;
    cut_off(&mut harness, &stack(2), "update", Script::Dies).await;
    harness.cloud.script("read t_x.a", Script::Fails(ErrorKind::AccessDenied));
    let recovery = harness.recover(&stack(1)).await;
    assert_eq!((recovery.errors.len(), recovery.in_flight.len()), (1, 1));
    assert_eq!(recovery.errors[0].one_line(), "could not read `t_x.a`: the service said access denied");
    // By the state nothing changes, but nobody knows.
    let changed = one(1).resource("t_x.b", json!({"value": "${t_x.a.value}", "size": 5}));
    let outcome = harness.deploy(&changed).await;
    let text = results(&outcome).join("\n");
    assert!(text.contains("t_x.a failed: how operation") && text.contains("t_x.b not started"), "{text}");
    let hint = outcome.failed().next().expect("failed").1.hint().expect("there").to_owned();
    assert!(hint.starts_with("the next deploy reads the object before it plans; to settle it yourself: if"), "{hint}");
    assert_settled(&harness.recover(&changed).await);
    assert!(harness.deploy(&changed).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_no_step_is_about_is_not_forgotten() {
    let mut harness = Harness::new();
    cut_off(&mut harness, &one(1), "create", Script::Dies).await;
    for nothing in [Stack::new(), Stack::new().resource("t_x.other", json!({}))] {
        harness.recover(&nothing).await;
        let outcome = harness.deploy(&nothing).await;
        assert!(!outcome.is_success() && outcome.failed().count() == 0);
        let summary = "a former run's create of `t_x.a` was cut off; how it ended is not known";
        assert_eq!(outcome.diagnostics[0].summary, summary);
        assert_eq!(harness.in_flight.len(), 1);
    }
    // Nor where its plugin is gone.
    harness.cloud.0.lock().unknown.insert(crate::support::key("t"));
    let recovery = harness.recover(&Stack::new()).await;
    assert_eq!((recovery.errors.len(), recovery.in_flight.len()), (0, 1));
    harness.cloud.0.lock().unknown.clear();
    assert!(!harness.destroy(&Stack::new()).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_what_is_in_flight_and_how_it_will_be_settled() {
    let read_less = SCHEMA.replace(r#""read": {},"#, "");
    let cases = [
        (with(LOOKED_UP), "create", "looks it up by its operation"),
        (with(IDEMPOTENT), "create", "makes the same call again"),
        (SCHEMA.to_owned(), "create", "if the object was not made, `cofferdam state settle t_x.a --absent`"),
        (read_less.clone(), "create", "or once you have removed it, `cofferdam state settle t_x.a --absent`"),
        (SCHEMA.to_owned(), "update", "reads the object"),
        (read_less, "update", "makes the same call again"),
    ];
    for (schema, verb, hint) in cases {
        let mut harness = Harness::new();
        harness.cloud.schema("t_x", &schema);
        if verb == "update" {
            harness.deploy(&one(1)).await;
        }
        cut_off(&mut harness, &one(2), verb, Script::Dies).await;
        let plan = harness.plan(&one(2)).await.expect("planned");
        let warning = plan.diagnostics.first().expect("one");
        assert!(warning.summary.starts_with(&format!("a former run's {verb} of `t_x.a` was cut off")), "{warning:?}");
        assert!(warning.hint.as_deref().expect("there").contains(hint), "{warning:?}");
        let detail = warning.detail.as_deref().expect("there");
        assert!(detail.ends_with("of plugin `fake` 1.2.3, begun by `deploy`"), "{detail}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_is_told() {
    let told = |harness: &Harness| -> Vec<String> {
        let name = |event: &Event| match event {
            Event::StepStarted { task, operation, .. } => {
                assert!(operation.as_str().starts_with("op-"));
                Some(format!("started {task:?}"))
            }
            Event::StepFinished { unchanged, .. } => Some(format!("finished, unchanged {unchanged}")),
            Event::StepFailed { .. } => Some("failed".to_owned()),
            _ => None,
        };
        harness.events.0.lock().iter().filter_map(name).collect()
    };
    let cases = [
        (with(LOOKED_UP), Script::Dies, Task::Read, "finished, unchanged false"),
        (with(LOOKED_UP), Script::Traps, Task::Read, "finished, unchanged true"),
        (with(IDEMPOTENT), Script::Dies, Task::Create, "finished, unchanged false"),
    ];
    for (schema, script, task, end) in cases {
        let mut harness = Harness::new();
        harness.cloud.schema("t_x", &schema);
        cut_off(&mut harness, &one(1), "create", script).await;
        harness.recover(&one(1)).await;
        assert_eq!(told(&harness), [format!("started {task:?}"), end.to_owned()]);
    }
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &with(IDEMPOTENT));
    cut_off(&mut harness, &one(1), "create", Script::Dies).await;
    harness.cloud.script("create t_x.a", Script::Fails(ErrorKind::AlreadyExists));
    let recovery = harness.recover(&one(1)).await;
    assert_eq!(told(&harness), ["started Create", "failed"]);
    assert_eq!((recovery.errors.len(), recovery.in_flight.len()), (1, 0), "what is there is not of this operation");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_the_second_time_says_nothing_of_the_first() {
    for kind in [ErrorKind::AccessDenied, ErrorKind::InvalidInput, ErrorKind::Unavailable] {
        let mut harness = Harness::new();
        harness.cloud.schema("t_x", &with(IDEMPOTENT));
        cut_off(&mut harness, &one(1), "create", Script::Dies).await;
        (0..8).for_each(|_| harness.cloud.script("create t_x.a", Script::Fails(kind)));
        let recovery = harness.recover(&one(1)).await;
        assert_eq!((recovery.errors.len(), recovery.in_flight.len()), (1, 1), "{kind}");
        harness.cloud.unscript();
        assert_settled(&harness.recover(&one(1)).await);
        assert_eq!((harness.cloud.0.lock().objects.len(), harness.state.resources.len()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_gets_through_to_nobody_ends_nothing() {
    for (kind, ends) in [
        (ErrorKind::Unavailable, false),
        (ErrorKind::BadCredentials, false),
        (ErrorKind::Unsupported, false),
        (ErrorKind::NotFound, true),
        (ErrorKind::Other, true),
    ] {
        let mut harness = Harness::new();
        harness.cloud.script("create t_x.a", Script::Pends(2, 10));
        (0..8).for_each(|_| harness.cloud.script("resume t_x.a", Script::Fails(kind)));
        let outcome = harness.deploy(&one(1)).await;
        assert_eq!((outcome.failed().count(), outcome.in_flight.is_empty()), (1, ends), "{kind}");
        harness.cloud.unscript();
        assert_settled(&harness.recover(&one(1)).await);
        assert!(harness.deploy(&one(1)).await.is_success());
        let id = if ends { "t_x.a#2" } else { "t_x.a#1" };
        assert_eq!(harness.cloud.0.lock().objects.keys().collect::<Vec<_>>(), [id], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_the_rest_in_flight() {
    for stop in [Stop::Soft, Stop::Hard] {
        let mut harness = Harness::new();
        harness.cloud.schema("t_x", &with(LOOKED_UP));
        harness.parallelism = 1;
        let stack = one(1).resource("t_x.b", json!({}));
        harness.cloud.script("create t_x.b", Script::Dies);
        harness.cloud.script("create t_x.a", Script::Dies);
        harness.deploy(&stack).await;
        harness.cloud.script("read t_x.a", Script::Slow(1_000));
        let cancel = harness.cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            cancel.request(stop);
        });
        let recovery = harness.recover(&stack).await;
        let left = if stop == Stop::Soft { 1 } else { 2 };
        assert_eq!((recovery.in_flight.len(), recovery.state.resources.len()), (left, 2 - left));
        assert_eq!(harness.journal.in_flight().len(), left);
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_is_made_without_the_right_to_write() {
    // The first attempt, a retry, a resume.
    for (bars_from, script) in
        [(0, Script::Slow(1)), (1, Script::Fails(ErrorKind::Throttled)), (1, Script::Pends(2, 10))]
    {
        let mut harness = Harness::new();
        harness.cloud.schema("t_x", &with(IDEMPOTENT));
        harness.journal = Arc::new(MemoryJournal { bars_from: Some(bars_from), ..Default::default() });
        harness.cloud.script("create t_x.a", script);
        let outcome = harness.deploy(&one(1)).await;
        let writes = calls(&harness).iter().filter(|call| !call.starts_with("read")).count();
        assert_eq!(writes, bars_from);
        assert_eq!(results(&outcome), ["t_x.a failed: could not write the journal at `memory`"]);
        assert!(outcome.journal_error.is_some());
        assert_eq!((outcome.in_flight.len(), harness.in_flight.len()), (1, 1), "the intent stands open");
        // Nor in a recovery, where the intent may be told again.
        harness.cloud.take_log();
        let recovery = harness.recover(&one(1)).await;
        assert!(recovery.journal_error.is_some() && recovery.in_flight.len() == 1);
        assert_eq!(calls(&harness), [""; 0]);
        let records = std::mem::take(&mut *harness.journal.records.lock());
        harness.journal = Arc::new(MemoryJournal { records: records.into(), ..Default::default() });
        assert_settled(&harness.recover(&one(1)).await);
        assert_eq!(harness.cloud.0.lock().objects.len(), 1);
    }
}
