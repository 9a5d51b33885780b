//! Secrets: never in an event, an error or a shown value.

use cofferdam_engine::Refresh;
use cofferdam_model::document::to_shown_json;
use serde_json::json;

use crate::support::cloud::SCHEMA;
use crate::support::{Harness, Script, Stack, address, results};

fn everything_shown(harness: &Harness) -> String {
    let events = harness.events.0.lock();
    events.iter().map(|event| serde_json::to_string(event).expect("serializes")).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_shown_holds_a_secret() {
    let mut harness = Harness::new();
    let stack = |n: i64| {
        Stack::new()
            .resource("t_x.a", json!({"value": {"$secret": format!("hunter22-{n}")}, "password": "schema-secret"}))
            .resource("t_x.b", json!({"value": {"inner": "${t_x.a.value}"}, "note": "${t_x.a.password}"}))
    };
    harness.deploy(&stack(1)).await;
    harness.cloud.script("update t_x.a", Script::Tells("bad value hunter22-2 with schema-secret".into()));
    let outcome = harness.deploy(&stack(2)).await;
    assert_eq!(results(&outcome)[0], "t_x.a failed: bad value (secret) with (secret)");
    harness.cloud.meddle("t_x.a#1", "/value", json!("meddled-secret"));
    let plan = harness.plan_with(&stack(2), Refresh::All).await.expect("planned");
    assert_eq!(plan.drift.len(), 1);
    let text = format!("{plan:?}{outcome:?}{}", everything_shown(&harness));
    for secret in ["hunter22", "schema-secret", "meddled-secret"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let b = &harness.state.resources[&address("t_x.b")].state.properties;
    assert_eq!(to_shown_json(b)["value"]["inner"], json!("(secret)"));
    assert_eq!(to_shown_json(b)["note"], json!("(secret)"));
}

#[tokio::test(start_paused = true)]
async fn what_a_schema_calls_sensitive_is_secret_in_the_state_and_unknown_before() {
    let mut harness = Harness::new();
    harness.cloud.schema(
        "t_x",
        &SCHEMA
            .replace(
                r#"["/properties/password"], "handlers""#,
                r#"["/properties/password", "/properties/arn"], "handlers""#,
            )
            .replace(
                r#""x-cofferdam-sensitive": ["/properties/password"]"#,
                r#""x-cofferdam-sensitive": ["/properties/password", "/properties/arn"]"#,
            ),
    );
    let stack = Stack::new().resource("t_x.a", json!({})).output("arn", json!("${t_x.a.arn}"));
    let plan = harness.plan(&stack).await.expect("planned");
    let output = plan.outputs[0].after.clone().expect("there");
    assert!(output.is_unknown() && output.is_secret());
    harness.deploy(&stack).await;
    assert!(harness.state.outputs["arn"].is_secret());
    assert_eq!(harness.redactor.redact("it is arn:t_x.a#1"), "it is (secret)");
}

#[tokio::test(start_paused = true)]
async fn a_validation_error_does_not_quote_a_secret() {
    let harness = Harness::new();
    let stack = Stack::new().resource("t_x.a", json!({"size": {"$secret": "abc"}, "opts": {"$secret": "xyz"}}));
    let error = harness.plan(&stack).await.expect_err("invalid");
    let text = format!("{error:?}");
    assert!(!text.contains("abc") && !text.contains("xyz"), "{text}");
}
