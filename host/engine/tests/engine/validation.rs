//! Inputs that are not valid, and schemas that cannot be used.

use cofferdam_engine::PlanError;
use cofferdam_model::Diagnostic;
use serde_json::json;

use crate::support::cloud::SCHEMA;
use crate::support::{Harness, Stack};

async fn findings(stack: &Stack) -> Vec<Diagnostic> {
    match Harness::new().plan(stack).await {
        Err(PlanError::Invalid { diagnostics }) => diagnostics,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn findings_point_at_the_attribute() {
    let stack = Stack::new()
        .resource("t_x.a", json!({"valeu": 1, "size": "big"}))
        .resource("t_x.b", json!({"arn": "mine", "value": "${t_x.a.id}"}));
    let found = findings(&stack).await;
    let shown: Vec<String> = found
        .iter()
        .map(|d| {
            let at = d.at.clone().unwrap_or_default();
            let span = d.span.clone().expect("every finding has a place");
            format!("{} {at} {} {}", d.address.clone().expect("there"), span.range.start, d.summary)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "t_x.a /size 0 `size` must be of type integer, not string",
            "t_x.a /valeu 0 `t_x` has no property `valeu`",
            "t_x.b /arn 100 `arn` is set by the provider alone",
        ]
    );
    assert_eq!(found[1].hint.as_deref(), Some("did you mean `value`?"));
}

#[tokio::test(start_paused = true)]
async fn a_deprecated_property_is_a_warning() {
    let plan = Harness::new().plan(&Stack::new().resource("t_x.a", json!({"old": "x"}))).await.expect("planned");
    assert_eq!(plan.diagnostics[0].summary, "`old` is deprecated");
    assert!(!plan.diagnostics[0].is_error());
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_a_wrong_resource_says_nothing_of_its_own() {
    let stack =
        Stack::new().resource("t_x.a", json!({"size": "x"})).resource("t_x.b", json!({"size": "${t_x.a.size}"}));
    assert_eq!(findings(&stack).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unusable_schema_names_its_type() {
    let harness = Harness::new();
    harness.cloud.schema("t_x", &SCHEMA.replace(r#""note": {"type": "string"}"#, r#""note": {"pattern": "(?=x)"}"#));
    let error = harness.plan(&Stack::new().resource("t_x.a", json!({}))).await.expect_err("unusable");
    let PlanError::Calls { errors, .. } = error else { panic!("{error}") };
    let text = errors[0].one_line();
    assert!(text.starts_with("could not get the schema of `t_x.a`: the schema of `t_x` cannot be used:"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_was_unknown_is_validated_in_the_deploy() {
    let stack = Stack::new().resource("t_x.a", json!({})).resource("t_x.b", json!({"size": "${t_x.a.id}"}));
    let mut harness = Harness::new();
    let outcome = harness.deploy(&stack).await;
    let (_, error) = outcome.failed().next().expect("b fails");
    assert_eq!(error.diagnostics[0].summary, "`size` must be of type integer, not string");
    assert_eq!(error.diagnostics[0].span.clone().expect("there").range.start, 100);
    assert!(!harness.cloud.log().contains(&"create t_x.b".to_owned()));
}
