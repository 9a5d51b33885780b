//! What no plugin should do while it prepares something.

use cofferdam_sdk::bootstrapper::{Scope, Step, StepCall, StepOutcome};
use cofferdam_sdk::prelude::*;

use crate::{Config, ready};

/// Steps that are none; none where the deed is another one.
pub(crate) fn steps(session: &Config, scope: &Scope) -> Result<Option<Vec<Step>>, Error> {
    let numbered = |count: u32| (0..count).map(|number| Step::new(format!("s{number}"), "do something")).collect();
    Ok(Some(match session.deed.as_str() {
        "many-steps" => numbered(101),
        "million-steps" => numbered(1_000_000),
        "filling" => numbered(8),
        "same-steps" => vec![Step::new("same", "one"), Step::new("same", "two")],
        "wild-names" => vec![Step::new("../../lease", "escape")],
        "long-name" => vec![Step::new("a".repeat(65), "long")],
        "wild-titles" => vec![Step::new("one", "\u{1b}]0;owned\u{7}\nerror: nothing")],
        "crash-in-steps" => panic!("it crashes as it was told"),
        "reach-in-steps" => {
            http::get(session.url(scope, "steps")).send()?.ok()?;
            Vec::new()
        }
        "ensure-in-steps" => {
            ready(&json!({ "of": "self", "namespace": "other" }))?;
            Vec::new()
        }
        _ => return Ok(None),
    }))
}

/// A step that does something else; none where the deed is another one.
pub(crate) fn perform(cx: &Cx<Config>, call: &StepCall) -> Result<Option<StepOutcome>, Error> {
    let Scope { region, namespace, .. } = &call.scope;
    Ok(Some(match cx.session().deed.as_str() {
        "cycle" => StepOutcome::Done(ready(&json!({ "of": "self", "region": region, "namespace": namespace }))?),
        "ring" => {
            let next = if namespace == "a" { "b" } else { "a" };
            StepOutcome::Done(ready(&json!({ "of": "self", "region": region, "namespace": next }))?)
        }
        "chain" => {
            let next = format!("{namespace}x");
            StepOutcome::Done(ready(&json!({ "of": "self", "region": region, "namespace": next }))?)
        }
        "aws" => {
            let record = ready(&json!({ "region": "eu-west-1" }))?;
            StepOutcome::Done(json!({ "asset_bucket": record["asset_bucket"] }))
        }
        "crash" => panic!("it crashes as it was told"),
        "huge" => StepOutcome::Done(json!({ "huge": "x".repeat(100 << 20) })),
        "fat" => StepOutcome::Done(json!({ "fat": "x".repeat(100 << 10) })),
        "filling" => StepOutcome::Done(json!({ &call.step: "x".repeat(60 << 10) })),
        "no-object" => StepOutcome::Done(json!(["no", "object"])),
        "loop" => loop {
            std::hint::black_box(());
        },
        "never" => StepOutcome::pending(Duration::ZERO, "never done"),
        _ => return Ok(None),
    }))
}
