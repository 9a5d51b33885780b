//! What plugins prepare themselves: once, whoever asks, with the record in the home of the stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cofferdam_tests::Response;

use crate::account::{Account, run};
use crate::service::{Service, resource};

const STEPS: [&str; 3] = ["/global/default/bucket", "/global/default/key", "/global/default/project"];

#[test]
fn a_plugin_prepares_once_for_all_who_ask() {
    let service = Service::new();
    let sandbox = service.sandbox("", &[""; 40]);
    sandbox.run(&["plan"]).exits(0).says("40 to create");
    assert!(service.server.requests().is_empty(), "{:?}", service.server.lines());
    let deployed = sandbox.run(&["deploy", "--yes", "--parallelism", "40", "--format", "json"]).exits(0);
    let done = deployed.events_of("bootstrap").iter().filter(|event| event["status"] == "done").count();
    assert_eq!(done, 3);
    assert_eq!(service.things(), STEPS);
    assert_eq!((service.makings(), service.posts()), (3, 3));
    let state = sandbox.run(&["state", "show", "preparing_prepared.r7", "--format", "json"]).exits(0);
    state.says("bucket of config-");
    // A plan without changes calls nobody.
    sandbox.expect_no_changes();
    assert_eq!(service.server.requests().len(), 3);
    // Whoever comes later finds it.
    let all = [&service.stack("", &[""; 40]), &resource("preparing", "later", "", "")].map(String::as_str).concat();
    sandbox.stack(&all).run(&["deploy", "--yes"]).exits(0);
    assert_eq!(service.server.requests().len(), 3);
}

#[test]
fn scopes_are_apart_and_each_is_prepared() {
    let service = Service::new();
    let sandbox = service.sandbox("", &["region = \"north\"", "region = \"south\"", "namespace = \"b\""]);
    sandbox.run(&["deploy", "--yes"]).exits(0);
    assert_eq!(service.things().len(), 9, "{:?}", service.things());
    assert_eq!(service.makings(), 9);
}

#[test]
fn a_plan_says_what_a_deploy_would_do() {
    let service = Service::new();
    let sandbox = service.sandbox("", &[]);
    let checked = resource("preparing", "r", "", "").replace("preparing_prepared", "preparing_checked");
    sandbox.stack(&[service.stack("", &[]), checked].concat());
    sandbox.run(&["plan"]).exits(0).says("a deploy would first make the project, make the bucket, make the key");
    assert!(service.server.requests().is_empty());
    sandbox.run(&["deploy", "--yes"]).exits(0);
    sandbox.run(&["plan"]).exits(0).never_says("would first");
    assert_eq!(service.posts(), 3);
}

#[test]
fn a_step_that_is_not_done_is_called_again() {
    let times = AtomicUsize::new(0);
    let service = Service::before(move |request| {
        let waits = request.path.ends_with("bucket") && times.fetch_add(1, Ordering::SeqCst) < 3;
        waits.then(|| Response::status(202))
    });
    let sandbox = service.sandbox("", &[""]);
    sandbox.run(&["deploy", "--yes"]).exits(0);
    assert_eq!((service.things().len(), service.posts()), (3, 3));
    let asked: Vec<_> = service.server.requests().into_iter().filter(|seen| seen.path.ends_with("bucket")).collect();
    assert_eq!(asked.len(), 4);
    // The same operation every time.
    assert!(asked.iter().all(|seen| seen.header("idempotency-key") == asked[0].header("idempotency-key")));
}

#[test]
fn a_step_that_failed_is_gone_on_with() {
    let is_mended = Arc::new(AtomicBool::new(false));
    let looked = Arc::clone(&is_mended);
    let service = Service::before(move |request| {
        let refuses = request.path.ends_with("bucket") && !looked.load(Ordering::SeqCst);
        refuses.then(|| Response::status(403))
    });
    let sandbox = service.sandbox("", &["", ""]);
    let failed = sandbox.run(&["deploy", "--yes", "--parallelism", "1"]).exits(1);
    failed.says("step `bucket`").says("2 failed");
    // The second caller heard of the failure of the first.
    assert_eq!(service.server.requests().len(), 2, "{:?}", service.server.lines());
    is_mended.store(true, Ordering::SeqCst);
    sandbox.run(&["deploy", "--yes"]).exits(0);
    assert_eq!((service.makings(), service.posts()), (3, 3));
    // The refused step was repeated with its operation.
    let asked: Vec<_> = service.server.requests().into_iter().filter(|seen| seen.path.ends_with("bucket")).collect();
    assert_eq!(asked[0].header("idempotency-key"), asked[1].header("idempotency-key"));
}

#[test]
fn the_account_of_a_credential_is_that_of_the_credential() {
    let (account, service) = (Account::new(), Service::new());
    let sandbox = service.sandbox("", &[]);
    let credential = format!("credential \"aws\" {{\n      from = \"default\"\n      {}\n    }}", account.reached());
    let stack = |scope: &str| {
        let provider = service.provider("preparing", "", &credential);
        format!("stack \"shop\" {{}}\n{provider}{}", resource("preparing", "r", scope, ""))
    };
    sandbox.stack(&stack("account = \"999999999999\""));
    let refused = run(&sandbox, &["deploy", "--yes"]).run().exits(1);
    refused.says("the plugin asks for account 999999999999, and its own is 123456789012: the host decides");
    sandbox.stack(&stack("account = \"123456789012\""));
    run(&sandbox, &["deploy", "--yes"]).run().exits(0);
    let state = run(&sandbox, &["state", "show", "preparing_prepared.r", "--format", "json"]).run().exits(0);
    state.says("bucket of 123456789012");
    // The host prepared nothing there.
    assert!(account.buckets().is_empty());
}

#[test]
fn a_step_may_ask_for_the_account_of_the_host() {
    let (account, service) = (Account::new(), Service::new());
    let sandbox = service.sandbox("", &[]);
    let credential = format!("credential \"aws\" {{\n      from = \"default\"\n      {}\n    }}", account.reached());
    let provider = service.provider("preparing", "aws", &credential);
    sandbox.stack(&format!("stack \"shop\" {{}}\n{provider}{}", resource("preparing", "r", "", "")));
    run(&sandbox, &["deploy", "--yes"]).run().exits(0);
    assert_eq!(account.buckets().len(), 2);
    let state = run(&sandbox, &["state", "show", "preparing_prepared.r", "--format", "json"]).run().exits(0);
    state.says("cofferdam-assets-123456789012");
}

/// `bootstrap status`, `verify`, `repair` and `destroy` over records of plugins.
#[test]
fn what_plugins_prepared_is_looked_after() {
    let service = Service::new();
    let sandbox = service.sandbox("", &["", "region = \"north\""]);
    sandbox.run(&["bootstrap", "status"]).exits(2).says("no plugin has prepared anything");
    sandbox.run(&["deploy", "--yes"]).exits(0);
    insta::assert_snapshot!("own_status", shown(&sandbox.run(&["bootstrap", "status"]).exits(0).shown()));
    insta::assert_snapshot!("own_verify", shown(&sandbox.run(&["bootstrap", "verify"]).exits(0).shown()));
    service.lose("/north/default/bucket");
    let faulty = sandbox.run(&["bootstrap", "verify"]).exits(1);
    insta::assert_snapshot!("own_verify_faulty", shown(&faulty.shown()));
    let operations = service.operations("/north/default/key");
    let repaired = sandbox.run(&["bootstrap", "repair", "--yes"]).exits(0);
    insta::assert_snapshot!("own_repair", shown(&repaired.shown()));
    assert_eq!(service.things().len(), 6);
    // Nobody says which step it was: each is done again, in a name of its own.
    assert_eq!(service.operations("/north/default/key").len(), operations.len() + 1);
    sandbox.run(&["bootstrap", "verify", "--region", "north"]).exits(0).never_says("global");
    sandbox.run(&["bootstrap", "destroy", "--yes", "--region", "north"]).exits(0).says("is destroyed");
    assert_eq!(service.things(), STEPS);
    sandbox.run(&["bootstrap", "destroy", "--yes"]).exits(0);
    assert!(service.things().is_empty());
    sandbox.run(&["bootstrap", "status"]).exits(2);
    // The next who ask find a scope that was never prepared.
    let later = [service.stack("", &[""; 2]), resource("preparing", "later", "", "")].concat();
    sandbox.stack(&later).run(&["deploy", "--yes"]).exits(0);
    assert_eq!(service.things(), STEPS);
}

/// A record whose plugin is not there, or is for something else by now, is not touched.
#[test]
fn a_record_needs_its_plugin() {
    let service = Service::new();
    let sandbox = service.sandbox("", &[""]);
    sandbox.run(&["deploy", "--yes"]).exits(0);
    // In a stack of the same home without the provider.
    let without = "stack \"other\" {}\n\nresource \"null_resource\" \"one\" {}\n";
    sandbox.stack(without).run(&["bootstrap", "status"]).exits(0).says("plugin:preparing");
    for command in ["verify", "repair", "destroy"] {
        let args = if command == "verify" { vec!["bootstrap", command] } else { vec!["bootstrap", command, "--yes"] };
        let refused = sandbox.run(&args).exits(1);
        refused.says("was prepared by a plugin, and this stack has no provider `preparing`");
        refused.says("put its `provider \"preparing\"` block back");
    }
    // With another configuration.
    sandbox.stack(&service.stack("careless", &[""])).run(&["bootstrap", "verify"]).exits(1);
    let refused = sandbox.run(&["bootstrap", "destroy", "--yes"]).exits(1);
    refused.says("was prepared for another account or configuration");
    assert_eq!(service.things(), STEPS);
}

/// A verification is read-only, whatever the plugin wants.
#[test]
fn a_verification_changes_nothing() {
    let service = Service::new();
    let sandbox = service.sandbox("careless", &[""]);
    sandbox.run(&["deploy", "--yes"]).exits(0);
    sandbox.run(&["bootstrap", "verify"]).exits(1).says("may change something and is refused");
    assert_eq!(service.posts(), 3);
}

/// Accounts follow from the address of the server, which is another in every run.
fn shown(text: &str) -> String {
    let account = regex::Regex::new("config-[0-9a-f]{32}").expect("a valid pattern");
    account.replace_all(text, "config-[digest]").into_owned()
}
