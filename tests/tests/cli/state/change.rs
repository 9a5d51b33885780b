//! Moving, forgetting and importing resources; documents out and in.

use std::sync::Arc;

use super::{deployed, null, says, stack};
use cofferdam_tests::{Gate, Objects, Sandbox, Server, web_stack};

#[test]
fn a_resource_moves_with_its_block() {
    let sandbox = Sandbox::new();
    let user = "\nresource \"null_resource\" \"user\" {\n  triggers = {\n    of = null_resource.one.id\n  }\n}\n";
    sandbox.stack(&stack(&(null("one", "a") + user)));
    sandbox.deploy();
    says(&sandbox, "mv_unknown", 1, &["mv", "null_resource.onne", "null_resource.first", "--yes"]);
    says(&sandbox, "mv_taken", 1, &["mv", "null_resource.one", "null_resource.user", "--yes"]);
    says(&sandbox, "mv_type", 2, &["mv", "null_resource.one", "random_password.one", "--yes"]);
    says(&sandbox, "mv_without_yes", 2, &["mv", "null_resource.one", "null_resource.first"]);
    says(&sandbox, "mv", 0, &["mv", "null_resource.one", "null_resource.first", "--yes"]);
    let moved = stack(&(null("first", "a") + &user.replace("null_resource.one", "null_resource.first")));
    sandbox.stack(&moved);
    sandbox.expect_no_changes();
    let shown = sandbox.run(&["state", "show", "null_resource.user"]).exits(0);
    shown.says("depends on  null_resource.first");
    let args = ["state", "mv", "null_resource.first", "null_resource.one", "--yes", "--format", "json"];
    let output = sandbox.run(&args).exits(0);
    assert_eq!(output.events_of("moved")[0]["dependents"][0], "null_resource.user");
    assert_eq!(output.events_of("state-written")[0]["serial"], 3);
    assert_eq!(output.stderr, "");
}

#[test]
fn resources_are_forgotten() {
    let sandbox = deployed();
    says(&sandbox, "rm_unknown", 1, &["rm", "null_resource.two", "null_resource.tow", "--yes"]);
    says(&sandbox, "rm_without_yes", 2, &["rm", "null_resource.two"]);
    says(&sandbox, "rm_nothing", 2, &["rm", "--yes"]);
    says(&sandbox, "rm", 0, &["rm", "null_resource.two", "random_password.db", "--yes"]);
    sandbox.run(&["state", "list"]).exits(0).says("no resources");
    sandbox.run(&["state", "list", "--at", "3"]).exits(0).says("null_resource.two");
}

/// A service with objects, and a stack that names one of them.
fn web() -> (Sandbox, Server, Arc<Objects>) {
    let sandbox = Sandbox::new();
    let objects = Arc::new(Objects::default());
    let answering = objects.clone();
    let server = Server::start(move |request| answering.answer(request));
    let resource = "\nresource \"web_object\" \"main\" {\n  name = \"main\"\n  size = 3\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource));
    (sandbox, server, objects)
}

#[test]
fn a_forgotten_object_is_imported() {
    let (sandbox, _server, objects) = web();
    sandbox.deploy();
    says(&sandbox, "rm_object", 0, &["rm", "web_object.main", "--yes"]);
    assert_eq!(objects.all().len(), 1);
    says(&sandbox, "import_undeclared", 3, &["import", "web_object.mian", "--id", "id=object-1", "--yes"]);
    says(&sandbox, "import_identity", 2, &["import", "web_object.main", "--id", "name=main", "--yes"]);
    says(&sandbox, "import_no_object", 1, &["import", "web_object.main", "--id", "id=object-7", "--yes"]);
    says(&sandbox, "import_bare", 2, &["import", "web_object.main", "--id", "object-1", "--yes"]);
    says(&sandbox, "import_without_yes", 2, &["import", "web_object.main", "--id", "id=object-1"]);
    objects.edit("object-1", |object| object["size"] = 4.into());
    says(&sandbox, "import", 0, &["import", "web_object.main", "--id", "id=object-1", "--yes"]);
    says(&sandbox, "import_again", 1, &["import", "web_object.main", "--id", "id=object-1", "--yes"]);
    // The next plan shows where the object differs from the block, and nothing else.
    insta::assert_snapshot!("plan_after_import", super::shown(&sandbox.run(&["plan"]).exits(0)));
    sandbox.deploy();
    assert_eq!((objects.made(), &objects.all()[0]["size"]), (1, &3.into()));
    sandbox.expect_no_changes();
}

/// A create that was cut off made its object all the same: to import it settles the write.
#[test]
fn a_create_that_was_cut_off_is_settled_by_importing() {
    let sandbox = Sandbox::new();
    let (objects, gate) = (Arc::new(Objects::default()), Arc::new(Gate::default()));
    let (answering, holding) = (objects.clone(), gate.clone());
    let server = Server::start(move |request| {
        let answer = answering.answer(request);
        if request.method == "POST" {
            holding.pass();
        }
        answer
    });
    let resource = "\nresource \"web_object\" \"main\" {\n  name = \"main\"\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource));
    let running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    server.until(1);
    running.kill().exits(128 + 9);
    gate.open();
    sandbox.run(&["plan"]).exits(0).says("was cut off");
    let args = ["state", "import", "web_object.main", "--id", "id=object-1", "--yes", "--format", "json"];
    let output = sandbox.run(&args).exits(0);
    assert_eq!(output.events_of("resource-difference")[0]["address"], "web_object.main");
    sandbox.expect_no_changes().never_says("cut off");
    assert_eq!(objects.made(), 1);
}

#[test]
fn a_document_goes_out_and_in() {
    let sandbox = deployed();
    let pulled = sandbox.run(&["state", "pull"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&pulled.stdout).expect("one JSON document");
    assert_eq!((&document["type"], &document["state"]["serial"]), (&"state".into(), &3.into()));
    let line = sandbox.run(&["state", "pull", "--format", "json"]).exits(0).stdout;
    let same: serde_json::Value = serde_json::from_str(&line).expect("one JSON document");
    assert_eq!((line.lines().count(), &same["state"]["lineage"]), (1, &document["state"]["lineage"]));

    sandbox.file("same.json", &pulled.stdout);
    says(&sandbox, "push_same", 0, &["push", "same.json", "--yes"]);
    let edited = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut edited = document.clone();
        edit(&mut edited["state"]);
        edited.to_string()
    };
    sandbox.file(
        "edited.json",
        edited(&|state| {
            state["resources"]["null_resource.two"]["state"]["properties"]["triggers"]["value"] = "edited".into();
        }),
    );
    says(&sandbox, "push_without_yes", 2, &["push", "edited.json"]);
    says(&sandbox, "push", 0, &["push", "edited.json", "--yes"]);
    says(&sandbox, "push_older", 1, &["push", "same.json", "--yes"]);
    sandbox.file("foreign.json", edited(&|state| state["lineage"] = "0123456789abcdef0123456789abcdef".into()));
    says(&sandbox, "push_foreign", 1, &["push", "foreign.json", "--yes"]);
    sandbox.file("stage.json", edited(&|state| state["stage"] = "production".into()));
    says(&sandbox, "push_stage", 3, &["push", "stage.json", "--yes"]);
    sandbox.file("bad.json", "{\"a\":1,\"a\":2}");
    says(&sandbox, "push_bad", 3, &["push", "bad.json", "--yes"]);
    says(&sandbox, "push_missing", 2, &["push", "none.json", "--yes"]);
    // By force, the older one; and the secret came through, encrypted all the way.
    sandbox.run(&["state", "push", "same.json", "--yes", "--force"]).exits(0).says("serial 5");
    sandbox.expect_no_changes();
}

#[test]
fn secrets_go_out_only_where_they_are_asked_for() {
    let sandbox = deployed();
    let password = sandbox.run(&["output", "password"]).exits(0).stdout.trim().to_owned();
    sandbox.run(&["state", "pull"]).exits(0).never_says(&password);
    let clear = sandbox.run(&["state", "pull", "--show-secrets"]).exits(0);
    clear.says(&password);
    // Into another home, of another identity.
    let other = Sandbox::new();
    other.stack(&sandbox.read("stack.hcl")).file("state.json", &clear.stdout);
    let pushed = other.run(&["state", "push", "state.json", "--yes"]).exits(0);
    pushed.never_says(&password);
    other.expect_no_changes();
    assert_eq!(other.run(&["output", "password"]).exits(0).stdout.trim(), password);
    assert_eq!(other.holding(&other.path(".cofferdam"), &password), Vec::<std::path::PathBuf>::new());
    // What is encrypted opens at home alone.
    let encrypted = sandbox.run(&["state", "pull"]).exits(0).stdout;
    let third = Sandbox::new();
    third.stack(&sandbox.read("stack.hcl")).file("state.json", &encrypted);
    third.run(&["state", "push", "state.json", "--yes"]).exits(3).says("--show-secrets");
}
