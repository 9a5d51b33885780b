//! Plans that are saved: deployed exactly, or refused with what has moved.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_tests::{Gate, Objects, Output, Sandbox, Server, web_stack};

/// A file whose content is known after deploy, a variable, and a file that the stack reads.
const STACK: &str = r#"
stack "shop" {}

variable "size" {
  type    = number
  default = 4
}

variable "token" {
  type      = string
  default   = "none-at-all"
  sensitive = true
}

provider "local" {
  source = "builtin:local"
  grant {
    directory "out" {
      path  = "./out"
      write = true
    }
  }
}

resource "random_id" "name" {
  byte_length = var.size
}

resource "local_file" "config" {
  directory = "out"
  filename  = "app.conf"
  content   = "${random_id.name.hex} ${var.token} ${file("message.txt")}"
}

output "name" {
  value = random_id.name.hex
}
"#;

const TOKEN: &str = "correct-horse-battery";

fn planned(args: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK).file("message.txt", "hello");
    sandbox.run(&[&["plan", "--out", "release.plan"], args].concat()).exits(0);
    sandbox
}

/// Deploys the saved plan, which is refused, and changes nothing.
#[track_caller]
fn refused(name: &str, sandbox: &Sandbox, args: &[&str]) -> Output {
    let before = sandbox.tree(sandbox.root());
    let output = sandbox.run(&[&["deploy", "release.plan"], args].concat()).exits(3);
    insta::assert_snapshot!(name, stable(&output));
    let mut after = sandbox.tree(sandbox.root());
    after.retain(|path| !path.contains("/lease/"));
    assert!(after.iter().all(|path| before.contains(path)), "something was made: {after:?}");
    output
}

/// Without ages, the host's name and random values.
fn stable(output: &Output) -> String {
    let between = |line: &str, from: &str, to: &str, word: &str| {
        let Some((head, rest)) = line.split_once(from) else { return line.to_owned() };
        rest.split_once(to).map_or_else(|| line.to_owned(), |(_, tail)| format!("{head}{from}{word}{to}{tail}"))
    };
    let line = |line: &str| {
        let line = between(line, "made ", " ago by ", "[time]");
        let line = between(&line, " of tester on ", ", process", "[host]");
        between(&line, "name = \"", "\"", "[random]") + "\n"
    };
    output.shown().lines().map(line).collect()
}

#[test]
fn a_plan_is_kept_shown_and_deployed_once() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK).file("message.txt", "hello");
    insta::assert_snapshot!("1_plan", stable(&sandbox.run(&["plan", "--out", "release.plan"]).exits(0)));
    assert!(!sandbox.path("out").exists(), "planning made something");
    let mode = fs::metadata(sandbox.path("release.plan")).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let shown = sandbox.run(&["show", "release.plan"]).exits(0);
    assert_eq!(shown.stdout, sandbox.run(&["plan"]).exits(0).stdout);
    insta::assert_snapshot!("2_show", stable(&shown));

    // Nobody is asked, and what was unknown is known.
    insta::assert_snapshot!("3_deploy", stable(&sandbox.run(&["deploy", "release.plan"]).exits(0)));
    let name = sandbox.run(&["output", "name"]).exits(0).stdout.trim().to_owned();
    assert_eq!(sandbox.read("out/app.conf"), format!("{name} none-at-all hello"));
    sandbox.expect_no_changes();

    refused("4_again", &sandbox, &[]);
}

/// What a plan is made of is in its file, encrypted: neither secrets nor properties are there to be read.
#[test]
fn nothing_of_a_plan_is_in_clear() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK).file("message.txt", "planted-in-a-file").file("vars.hcl.txt", "size = 6\n");
    let invoke = |args: &[&str]| sandbox.cofferdam(args).env("COFFERDAM_VAR_token", TOKEN).run().exits(0);
    let more = ["--var-file", "vars.hcl.txt", "-vv"];
    invoke(&[&["plan", "--out", "release.plan"][..], &more].concat()).never_says(TOKEN);
    for text in [TOKEN, "app.conf", "random_id", "byte_length", "vars.hcl.txt", "planted-in-a-file"] {
        let holding = sandbox.holding(sandbox.root(), text);
        assert!(!holding.contains(&sandbox.path("release.plan")), "{text}");
    }
    assert_eq!(sandbox.holding(sandbox.root(), TOKEN), Vec::<PathBuf>::new());
    let head = sandbox.read("release.plan").lines().next().expect("a line").to_owned();
    let head: serde_json::Value = serde_json::from_str(&head).expect("the first line is JSON");
    for key in ["cofferdam_plan", "stack", "stage", "lineage", "serial", "stack_digest", "plugins", "made"] {
        assert!(!head[key].is_null(), "{key}: {head}");
    }

    // Without the variables: the file has them.
    sandbox.run(&["show", "release.plan", "--format", "json"]).exits(0).never_says(TOKEN);
    sandbox.run(&["deploy", "release.plan", "--format", "json"]).exits(0).never_says(TOKEN);
    let content = sandbox.read("out/app.conf");
    assert!(content.ends_with(&format!(" {TOKEN} planted-in-a-file")), "{content}");
    assert_eq!(content.split(' ').next().map(str::len), Some(12), "{content}");
}

#[test]
fn what_the_stack_is_made_of_has_moved() {
    let sandbox = planned(&["--var", "size=6"]);
    sandbox.stack(&STACK.replace("app.conf", "new.conf")).file("more.hcl", "locals {");
    refused("moved_stack", &sandbox, &[]);
    fs::remove_file(sandbox.path("more.hcl")).expect("written above");
    sandbox.stack(STACK).file("message.txt", "good evening");
    refused("moved_file", &sandbox, &[]).never_says("good evening");
    sandbox.file("message.txt", "hello");
    sandbox.run(&["deploy", "release.plan"]).exits(0);
}

#[test]
fn a_variable_has_moved() {
    let sandbox = planned(&["--var", "size=6"]);
    let deploy = |name: &str, value: &str| {
        sandbox.cofferdam(&["deploy", "release.plan"]).env(&format!("COFFERDAM_VAR_{name}"), value).run()
    };
    let output = deploy("token", TOKEN).exits(3);
    output.never_says(TOKEN);
    insta::assert_snapshot!("moved_variable", stable(&output));
    deploy("token", "none-at-all").exits(0);
    // `--var` counted more than the environment when the plan was made.
    sandbox.run(&["plan", "--out", "release.plan", "--var", "size=8"]).exits(0);
    deploy("size", "2").exits(0);
    assert_eq!(sandbox.run(&["output", "name"]).exits(0).stdout.trim().len(), 16);
}

#[test]
fn a_variable_file_is_carried() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK).file("message.txt", "hello").file("prod.vars", "size = 6\n");
    let plan = || sandbox.run(&["plan", "--out", "release.plan", "--var-file", "prod.vars"]).exits(0);
    plan();
    sandbox.file("prod.vars", "size = 7\n");
    sandbox.run(&["deploy", "release.plan"]).exits(3).says("variable `size` has another value");
    // What says the same in other words is the same.
    sandbox.file("prod.vars", "# six\nsize = 6\n");
    sandbox.run(&["deploy", "release.plan"]).exits(0);
    sandbox.file("prod.vars", "size = 7\n");
    plan();
    fs::remove_file(sandbox.path("prod.vars")).expect("written above");
    sandbox.run(&["deploy", "release.plan"]).exits(0);
    assert_eq!(sandbox.run(&["output", "name"]).exits(0).stdout.trim().len(), 14);
}

#[test]
fn the_state_has_moved() {
    let sandbox = planned(&[]);
    sandbox.deploy();
    sandbox.run(&["deploy", "--yes", "--var", "size=8"]).exits(0);
    refused("moved_state", &sandbox, &[]);
}

/// A run that was killed leaves the serial as it was, and a write of which nobody knows how it ended.
#[test]
fn a_write_is_in_flight() {
    let sandbox = Sandbox::new();
    let (objects, gate) = (Arc::new(Objects::default()), Arc::new(Gate::default()));
    let (answering, holding) = (objects.clone(), gate.clone());
    let server = Server::start(move |request| {
        holding.pass();
        answering.answer(request)
    });
    let resource = "\nresource \"web_object\" \"main\" {\n  name = \"main\"\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource));
    sandbox.run(&["plan", "--out", "release.plan"]).exits(0);
    let running = sandbox.cofferdam(&["deploy", "--yes"]).start();
    server.until(1);
    running.kill().exits(128 + 9);
    insta::assert_snapshot!("in_flight", stable(&sandbox.run(&["deploy", "release.plan"]).exits(3)));
    let output = sandbox.run(&["plan", "--out", "other.plan", "--refresh", "none"]).exits(3);
    output.says("error: the plan is not saved: a former run's write of `web_object.main` is in flight");
    assert!(!sandbox.path("other.plan").exists());
    gate.open();
}

/// The same component with one more section that says nothing: what another build leaves behind.
#[test]
fn a_plugin_has_moved() {
    let sandbox = Sandbox::new();
    let objects = Arc::new(Objects::default());
    let answering = objects.clone();
    let server = Server::start(move |request| answering.answer(request));
    let resource = "\nresource \"web_object\" \"main\" {\n  name = \"main\"\n}\n";
    sandbox.plugin("web").stack(&(web_stack(&server) + resource));
    sandbox.run(&["plan", "--out", "release.plan"]).exits(0);
    let built = fs::read(sandbox.path("web.wasm")).expect("the plugin");
    sandbox.file("web.wasm", [&built[..], &[0, 3, 2, b'v', b'2']].concat());
    let output = sandbox.run(&["deploy", "release.plan"]).exits(3);
    insta::assert_snapshot!("moved_plugin", stable(&output));
    assert_eq!(objects.made(), 0);
    sandbox.file("web.wasm", built);
    sandbox.run(&["deploy", "release.plan"]).exits(0);
    assert_eq!(objects.made(), 1);
}

#[test]
fn a_file_that_is_not_as_it_was_written() {
    let sandbox = planned(&[]);
    let whole = fs::read(sandbox.path("release.plan")).expect("written");
    let text = String::from_utf8(whole.clone()).expect("text");
    let spoilt = |name: &str, bytes: &[u8]| {
        sandbox.file("release.plan", bytes);
        refused(name, &sandbox, &[]);
        sandbox.run(&["show", "release.plan"]).exits(3);
    };
    spoilt("cut", &whole[..whole.len() / 2]);
    let mut flipped = whole.clone();
    let middle = text.find('\n').expect("lines") + 100;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    spoilt("flipped", &flipped);
    spoilt("newer", text.replacen("{\"cofferdam_plan\":1,", "{\"cofferdam_plan\":2,\"more\":[],", 1).as_bytes());
    spoilt("no_plan", STACK.as_bytes());
    spoilt("empty", b"");
    fs::remove_file(sandbox.path("release.plan")).expect("it is there");
    refused("no_file", &sandbox, &[]);
    sandbox.file("release.plan", whole);
    sandbox.run(&["deploy", "release.plan"]).exits(0);
}

#[test]
fn another_stage() {
    let sandbox = planned(&["--stage", "production"]);
    refused("other_stage", &sandbox, &["--stage", "dev"]);
    sandbox.cofferdam(&["deploy", "release.plan"]).env("COFFERDAM_STAGE", "dev").run().exits(3);
    // The file names its stage.
    sandbox.run(&["deploy", "release.plan"]).exits(0);
    sandbox.run(&["state", "list", "--stage", "production"]).exits(0).says("local_file.config");
}

#[test]
fn another_home() {
    let sandbox = planned(&[]);
    fs::rename(sandbox.path(".cofferdam"), sandbox.path("away")).expect("the plan made it");
    refused("no_home", &sandbox, &[]);
    sandbox.run(&["plan", "--out", "other.plan"]).exits(0);
    refused("other_home", &sandbox, &[]);
    sandbox.run(&["deploy", "other.plan"]).exits(0);
}

#[test]
fn a_destroy_is_planned_and_done() {
    let sandbox = planned(&[]);
    sandbox.run(&["deploy", "release.plan"]).exits(0);
    insta::assert_snapshot!("destroy_plan", stable(&sandbox.run(&["plan", "--destroy", "--out", "end.plan"]).exits(0)));
    insta::assert_snapshot!("destroy", stable(&sandbox.run(&["deploy", "end.plan"]).exits(0)));
    assert_eq!(sandbox.tree(&sandbox.path("out")), Vec::<String>::new());
    sandbox
        .run(&["deploy", "end.plan"])
        .exits(3)
        .says("plan again: cofferdam plan --stage dev --destroy --out end.plan");
}

/// Each line is an event; the plan is there in full where it is shown, and in short where it is deployed.
#[test]
fn for_programs() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK).file("message.txt", "hello");
    let json = |args: &[&str]| {
        let output = sandbox.run(&[args, &["--format", "json"]].concat());
        assert_eq!(output.stderr, "");
        output
    };
    let planned = json(&["plan", "--out", "release.plan"]).exits(0);
    assert_eq!(planned.events_of("plan").len(), 1);
    let saved = planned.events_of("saved_plan");
    assert_eq!((&saved[0]["path"], &saved[0]["header"]["serial"]), (&"release.plan".into(), &0.into()));
    let shown = json(&["show", "release.plan"]).exits(0);
    assert_eq!(shown.events_of("plan"), planned.events_of("plan"));
    assert_eq!(shown.events_of("saved_plan"), saved);
    let deployed = json(&["deploy", "release.plan"]).exits(0);
    assert_eq!(deployed.events_of("saved_plan"), saved);
    assert_eq!(deployed.events_of("step-finished").len(), 2);
    let again = json(&["deploy", "release.plan"]).exits(3);
    let error = again.events_of("error").remove(0);
    assert!(error["causes"][0].as_str().is_some_and(|cause| cause.contains("serial 0 to 1")), "{error}");
}

#[test]
fn a_plan_elsewhere() {
    let sandbox = Sandbox::new();
    let one = "stack \"shop\" {}\n\nresource \"null_resource\" \"one\" {}\n";
    sandbox.file("it is/stack.hcl", one);
    let output = sandbox.run(&["plan", "-C", "it is", "--out", "my plan"]).exits(0);
    output.says("to do exactly this: cofferdam -C 'it is' deploy 'my plan'");
    sandbox.run(&["-C", "it is", "deploy", "my plan"]).exits(0).says("created");
}
