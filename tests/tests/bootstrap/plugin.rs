//! What plugins ask for.

use crate::account::{Account, run};

const REGION: &str = "region = \"eu-west-1\"";

#[test]
fn a_plan_makes_nothing_and_a_deploy_makes_it_once() {
    let account = Account::new();
    let sandbox = account.sandbox(&[REGION; 30]);
    run(&sandbox, &["plan"]).run().exits(0).says("30 to create");
    assert_eq!(account.requests("PUT") + account.requests("DELETE"), 0, "{:?}", account.all());
    let deployed = run(&sandbox, &["deploy", "--yes", "--parallelism", "30", "--format", "json"]).run().exits(0);
    let steps: Vec<_> = deployed.events_of("bootstrap").iter().map(|event| event["status"].clone()).collect();
    assert_eq!(steps.iter().filter(|status| *status == "done").count(), 4, "{steps:?}");
    let buckets = account.buckets();
    assert_eq!(buckets.len(), 2, "{buckets:?}");
    // Whose account it is was asked once, and each bucket was made once, whoever many asked.
    assert_eq!(account.asked_who(), 1);
    let thirty = account.all().len();
    let state = sandbox.run(&["state", "show", "web_prepared.r0", "--format", "json"]).exits(0);
    for bucket in &buckets {
        state.says(bucket);
    }
    // One caller costs as many requests.
    let alone = Account::new();
    run(&alone.sandbox(&[REGION]), &["deploy", "--yes"]).run().exits(0);
    assert_eq!(alone.all().len(), thirty);
    // And one who comes later finds it.
    account.forget();
    run(&account.sandbox(&[REGION]), &["deploy", "--yes"]).run().exits(0);
    assert_eq!(account.requests("PUT"), 0, "{:?}", account.all());
    assert_eq!(account.buckets(), buckets);
}

#[test]
fn what_a_plugin_may_not_say_is_refused() {
    let account = Account::new();
    let cases = [
        ("account = \"999999999999\"", "the credential decides"),
        ("credential = \"other\"", "the credential `other` is not granted"),
        ("region = \"../../x\"", "is no region"),
        ("namespace = \"A B\"", "is no namespace"),
        ("bucket = \"mine\"", "unknown field `bucket`"),
    ];
    for (scope, says) in cases {
        let sandbox = account.sandbox(&[scope]);
        run(&sandbox, &["deploy", "--yes"]).run().exits(1).says(says);
    }
    assert!(account.buckets().is_empty());
    // Nor without the user's key to it.
    let sandbox = account.sandbox(&[REGION]);
    sandbox.stack(&account.stack(&[REGION]).replace("credential \"aws\"", "credential \"acme\""));
    run(&sandbox, &["deploy", "--yes"]).run().exits(1).says("no credential of AWS is granted");
}

#[test]
fn a_plugin_that_crashes_fails_nobody_else() {
    let account = Account::new();
    let sandbox = account.sandbox(&[REGION; 6]);
    let text = account.stack(&[REGION; 6]).replacen("  scope =", "  crash = true\n  scope =", 3);
    sandbox.stack(&text);
    let deployed = run(&sandbox, &["deploy", "--yes"]).run();
    deployed.says("it crashes as it was told");
    assert_eq!(account.buckets().len(), 2);
    assert_eq!(account.asked_who(), 1);
}

#[test]
fn a_plugin_that_asks_again_and_again_costs_no_request() {
    let account = Account::new();
    let sandbox = account.sandbox(&[REGION]);
    sandbox.stack(&account.stack(&[REGION]).replace("scope =", "times = 5000\n  scope ="));
    run(&sandbox, &["deploy", "--yes"]).run().exits(0);
    let once = Account::new();
    run(&once.sandbox(&[REGION]), &["deploy", "--yes"]).run().exits(0);
    assert_eq!(account.all().len(), once.all().len());
}
