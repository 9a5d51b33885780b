//! Blocks: what is accepted, what is refused and where, references, cycles, digests and places.

mod support;

use cofferdam_model::program::Program;
use cofferdam_model::{Pointer, Value};
use std::time::Duration;

use cofferdam_stack::{HomePlace, HomeSetting, RoleSetting, S3Place};
use support::{Case, Resources, known};

fn errors(text: &str) -> Vec<(String, String)> {
    Case::new(text).errors()
}

fn only_error(text: &str) -> (String, String) {
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().expect("one")
}

fn only_whole_error(text: &str) -> (String, String) {
    let errors = Case::whole(text).errors();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().expect("one")
}

#[test]
fn a_stack_in_several_files() {
    let stack = Case::whole("stack \"shop\" {\n  home = { local = { path = \"./state\" } }\n}\n")
        .file("a.hcl", "resource \"null_resource\" \"a\" {\n  triggers = { b = null_resource.b.id }\n}\n")
        .file("b.hcl", "resource \"null_resource\" \"b\" {}\noutput \"id\" { value = null_resource.a.id }\n")
        .stack();
    assert_eq!(stack.stack().as_str(), "shop");
    let place = HomePlace::Local { path: Some("./state".to_owned()) };
    assert_eq!(*stack.home(), HomeSetting { place, ..HomeSetting::default() });
    let names: Vec<String> = stack.resources().iter().map(|node| node.address.to_string()).collect();
    assert_eq!(names, ["null_resource.a", "null_resource.b"]);
    let depends_on: Vec<String> = stack.resources()[0].depends_on.iter().map(ToString::to_string).collect();
    assert_eq!(depends_on, ["null_resource.b"]);
    assert_eq!(stack.outputs(), ["id"]);
    assert!(stack.sources().text("b.hcl").is_some_and(|text| text.starts_with("resource")));
}

#[test]
fn a_home_in_a_bucket() {
    let text = r#"
variable "team" { default = "acme" }
stack "shop" {
  home = {
    s3 = {
      bucket     = "${var.team}-state"
      prefix     = "cofferdam"
      region     = "eu-west-1"
      endpoint   = "http://127.0.0.1:5000"
      path_style = true
      profile    = null
      role       = { arn = "arn:aws:iam::123456789012:role/deploy", external_id = "x" }
      lease      = "30s"
      history    = 7
    }
  }
}
"#;
    let role = RoleSetting {
        arn: "arn:aws:iam::123456789012:role/deploy".to_owned(),
        external_id: Some("x".to_owned()),
        session_name: None,
    };
    let place = S3Place {
        bucket: "acme-state".to_owned(),
        prefix: "cofferdam".to_owned(),
        region: Some("eu-west-1".to_owned()),
        endpoint: Some("http://127.0.0.1:5000".to_owned()),
        path_style: true,
        profile: None,
        role: Some(role),
    };
    let (lease, history) = (Some(Duration::from_secs(30)), Some(7));
    let home = HomeSetting { place: HomePlace::S3(Box::new(place)), lease, history };
    assert_eq!(*Case::whole(text).stack().home(), home);
}

#[test]
fn a_wrong_home_says_what_is_wrong() {
    for (home, summary) in [
        ("\"gcs\"", "there is no home of kind `gcs`"),
        ("7", "this is no home"),
        ("{ s3 = {} }", "a home in S3 has a `bucket`"),
        ("{ s3 = { bucket = \"\" } }", "`bucket` of `s3` is a text"),
        ("{ s3 = { bucket = \"b\", path_style = 1 } }", "`path_style` of `s3` is `true` or `false`"),
        ("{ s3 = { bucket = \"b\", acl = \"public\" } }", "`s3` has no setting `acl`"),
        ("{ s3 = { bucket = \"b\", role = {} } }", "a `role` has an `arn`"),
        ("{ local = { lease = \"1s\" } }", "a `lease` lives from 5s to 10m"),
        ("{ local = { history = 0 } }", "`history` is how many snapshots are kept: a whole number from 1 to 10000"),
        ("{ local = { path = 3 } }", "`path` of `local` is a text"),
    ] {
        let (found, _) = only_whole_error(&format!("stack \"shop\" {{\n  home = {home}\n}}\n"));
        assert_eq!(found, summary, "{home}");
    }
}

#[test]
fn inputs_leave_out_null_and_meta_arguments() {
    let text = "resource \"null_resource\" \"b\" {}\nresource \"null_resource\" \"a\" {\n  a = null\n  b = { c = null }\n  \
                d = null_resource.b.id\n  depends_on = [null_resource.b]\n}\n";
    let stack = Case::new(text).stack();
    let address = "null_resource.a".parse().expect("an address");
    let inputs = stack.resource_inputs(&address, &known(&[("null_resource.b", r#"{"id":"7"}"#)])).expect("valid");
    assert_eq!(cofferdam_model::document::to_json(&inputs).to_string(), r#"{"b":{"c":null},"d":"7"}"#);
    let missing = stack.resource_inputs(&address, &known(&[("null_resource.b", r#"{"ip":"7"}"#)]));
    let findings = missing.expect_err("no such attribute");
    assert_eq!(findings[0].summary, "`null_resource.b` has no attribute `id`");
    assert_eq!(findings[0].hint.as_deref(), Some("there is `ip`"));
    assert_eq!(findings[0].at, Some(Pointer::parse("/d").expect("a pointer")));
    assert_eq!(findings[0].address, Some(address));
}

#[test]
fn nothing_is_silently_ignored() {
    for (text, summary, place) in [
        ("module \"a\" {}", "`module` blocks are not supported by this version", "module \"a\""),
        ("data \"a\" \"b\" {}", "`data` blocks are not supported by this version", "data \"a\" \"b\""),
        ("moved {}", "`moved` blocks are not supported by this version", "moved"),
        ("resourc \"a\" \"b\" {}", "there is no block type `resourc`", "resourc \"a\" \"b\""),
        ("a = 1", "`a` stands outside of every block", "a"),
        ("resource \"null_resource\" \"a\" {\n  count = 2\n}", "`count` is not supported by this version", "count"),
        (
            "resource \"null_resource\" \"a\" {\n  lifecycle {\n  }\n}",
            "`lifecycle` is not supported by this version",
            "lifecycle",
        ),
        (
            "resource \"null_resource\" \"a\" {\n  rule {\n  }\n}",
            "a resource has no inner blocks, and `rule` is written as one",
            "rule",
        ),
        (
            "resource \"null_resource\" {}",
            "`resource` takes 2 labels, and this one has 1",
            "resource \"null_resource\"",
        ),
        ("variable \"a\" {\n  typ = string\n  default = 1\n}", "a `variable` block has no attribute `typ`", "typ"),
        (
            "variable \"a\" {\n  default = 1\n  validation {\n  }\n}",
            "`validation` in a `variable` block is not supported by this version",
            "validation",
        ),
        ("output \"a\" {}", "the output `a` has no `value`", "output \"a\""),
        (
            "provider \"a\" {\n  source = \"oci://x\"\n}",
            "plugins from `oci://` are not supported by this version",
            "\"oci://x\"",
        ),
        ("provider \"a\" {}", "provider `a` has no `source`", "provider \"a\""),
        ("resource \"acme_thing\" \"a\" {}", "no provider serves `acme_thing.a`", "resource \"acme_thing\" \"a\""),
        (
            "resource \"null_resource\" \"a\" {\n  depends_on = [\"null_resource.a\"]\n}",
            "`depends_on` names whole resources",
            "\"null_resource.a\"",
        ),
        ("resource \"null_resource\" \"a\" {\n  provider = aws.us\n}", "there is no provider `aws.us`", "aws.us"),
    ] {
        assert_eq!(only_error(text), (summary.to_owned(), place.to_owned()), "{text}");
    }
}

#[test]
fn the_stack_block_is_there_once() {
    assert_eq!(Case::whole("locals {}\n").errors()[0].0, "there is no `stack` block");
    let twice = Case::whole("stack \"a\" {}\nstack \"b\" {}\n").load().expect_err("twice");
    assert_eq!(twice.diagnostics[0].summary, "the stack is declared twice");
    assert_eq!(twice.diagnostics[0].detail.as_deref(), Some("the first one stands at stack.hcl:1"));
    for (home, summary) in [
        ("\"azure\"", "there is no home of kind `azure`"),
        ("{ aws = { bucket = \"a\" } }", "`aws` has no setting `bucket`"),
        ("{ local = { bucket = 1 } }", "`local` has no setting `bucket`"),
        ("null_resource.a.id", "`null_resource.a` is not known here: only variables and constant locals are"),
    ] {
        let text = format!("stack \"a\" {{\n  home = {home}\n}}\nresource \"null_resource\" \"a\" {{}}\n");
        assert_eq!(Case::whole(&text).errors()[0].0, summary);
    }
}

#[test]
fn a_home_lies_in_an_account_that_is_prepared() {
    let text = "stack \"a\" {\n  home = { aws = { region = \"eu-west-1\", expected_account = \"123456789012\" } }\n  \
                bootstrap = { prefix = \"acme\", tags = { team = \"web\" } }\n}\n";
    let stack = Case::whole(text).stack();
    let HomePlace::Aws(place) = &stack.home().place else { panic!("{:?}", stack.home()) };
    assert_eq!(place.region.as_deref(), Some("eu-west-1"));
    assert_eq!(place.expected_account.as_deref(), Some("123456789012"));
    // Where the home is follows from how the account is prepared.
    assert_eq!((&place.bootstrap, place.bootstrap.prefix.as_deref()), (stack.bootstrap(), Some("acme")));
    for (bootstrap, summary) in [
        ("\"x\"", "`bootstrap` is an object"),
        ("{ timeout = \"soon\" }", "`timeout` of `bootstrap` is a time such as \"5m\""),
        ("{ timeout = \"0s\" }", "`timeout` of `bootstrap` is a time such as \"5m\""),
        ("{ prefx = \"a\" }", "`bootstrap` has no setting `prefx`"),
        ("{ tags = [] }", "`tags` of `bootstrap` is an object of texts"),
        ("{ tags = { \"aws:a\" = \"b\" } }", "`aws:a` is no tag that can be set"),
        ("{ provisioned = \"yes\" }", "`provisioned` of `bootstrap` is `true` or `false`"),
    ] {
        let text = format!("stack \"a\" {{\n  bootstrap = {bootstrap}\n}}\n");
        assert_eq!(Case::whole(&text).errors()[0].0, summary);
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let found = errors(
        "resource \"null_resource\" \"a\" {\n  x = var.nothing\n  y = nope(1)\n}\nmodule \"m\" {}\nlocals {\n  z = 1 + []\n}\n\
         resource \"null_resource\" \"a\" {}\nvariable \"v\" {}\n",
    );
    let summaries: Vec<&str> = found.iter().map(|(summary, _)| summary.as_str()).collect();
    assert_eq!(
        summaries,
        [
            "there is no variable `nothing`",
            "there is no function `nope`",
            "`module` blocks are not supported by this version",
            "a number is required, and this is a list",
            "`null_resource.a` is declared twice",
            "the variable `v` has no value",
        ]
    );
}

#[test]
fn suggestions_name_what_is_near() {
    let load = |text: &str| Case::new(text).load().expect_err("wrong").diagnostics.remove(0).hint.unwrap_or_default();
    assert_eq!(
        load("variable \"region\" {\n  default = 1\n}\nlocals {\n  a = var.regoin\n}\n"),
        "did you mean `region`?"
    );
    assert_eq!(load("locals {\n  a = uper(\"a\")\n}\n"), "did you mean `upper`?");
    assert_eq!(load("provder \"a\" {}\n"), "did you mean `provider`?");
    let text = "resource \"null_resource\" \"first\" {}\noutput \"a\" { value = null_resource.frist.id }\n";
    assert_eq!(load(text), "did you mean `first`?");
    assert_eq!(
        load("provider \"acme\" {\n  source = \"./a.wasm\"\n  grant {\n    host = []\n  }\n}\n"),
        "did you mean `hosts`?"
    );
}

#[test]
fn cycles_are_named() {
    let (summary, place) = only_error("locals {\n  a = local.b\n  b = local.a\n}\n");
    assert_eq!(summary, "these refer to each other in a circle: `local.a` → `local.b` → `local.a`");
    assert_eq!(place, "local.a");
    let (summary, _) = only_error(
        "resource \"null_resource\" \"a\" {\n  x = local.l\n}\nlocals {\n  l = null_resource.b.id\n}\n\
         resource \"null_resource\" \"b\" {\n  x = null_resource.a.id\n}\n",
    );
    assert_eq!(
        summary,
        "these refer to each other in a circle: `null_resource.a` → `local.l` → `null_resource.b` → `null_resource.a`"
    );
    let (summary, _) = only_error("resource \"null_resource\" \"a\" {\n  x = null_resource.a.id\n}\n");
    assert_eq!(summary, "`null_resource.a` refers to itself");
    let (summary, _) = only_error(
        "provider \"acme\" {\n  source = \"./a.wasm\"\n  config = { x = acme_a.a.id }\n}\nresource \"acme_a\" \"a\" {}\n",
    );
    assert_eq!(summary, "these refer to each other in a circle: `acme_a.a` → provider `acme` → `acme_a.a`");
}

#[test]
fn references_reach_through_locals_and_providers() {
    let stack = Case::new(
        "resource \"null_resource\" \"a\" {}\nlocals {\n  one = null_resource.a.id\n  two = \"${local.one}!\"\n}\n\
         resource \"null_resource\" \"b\" {\n  x = local.two\n}\n\
         provider \"acme\" {\n  source = \"./acme.wasm\"\n  config = { token = local.two }\n}\nresource \"acme_x\" \"c\" {}\n",
    )
    .stack();
    for node in &stack.resources()[1..] {
        let depends_on: Vec<String> = node.depends_on.iter().map(ToString::to_string).collect();
        assert_eq!(depends_on, ["null_resource.a"], "{}", node.address);
    }
    let known = known(&[("null_resource.a", r#"{"id":"7"}"#)]);
    let inputs = stack.resource_inputs(&stack.resources()[1].address, &known).expect("valid");
    assert_eq!(inputs.part("x"), Some("7!".into()));
    let config = stack.provider_config(&stack.resources()[2].provider, &known).expect("valid");
    assert_eq!(config.part("token"), Some("7!".into()));
    let nothing = Resources::default();
    let config = stack.provider_config(&stack.resources()[2].provider, &nothing).expect("valid");
    assert_eq!(config.part("token").map(|token| token.is_unknown()), Some(true));
}

#[test]
fn a_local_fails_once_and_try_does_not_hide_it() {
    let text = "resource \"null_resource\" \"a\" {}\nlocals {\n  l = null_resource.a.missing\n}\noutput \"x\" {\n  \
                value = [try(local.l, 1), local.l, local.l]\n}\n";
    let findings = Case::new(text).stack().output("x", &known(&[("null_resource.a", "{}")])).expect_err("missing");
    assert_eq!(findings.len(), 1, "{findings:#?}");
}

#[test]
fn places_lead_into_objects() {
    let text = "resource \"null_resource\" \"a\" {\n  rules = [{ port = 1 }, { \"port\" = 70000 }]\n}\n";
    let stack = Case::new(text).stack();
    let address = "null_resource.a".parse().expect("an address");
    let at = |pointer: &str| {
        let pointer = Pointer::parse(pointer).expect("a pointer");
        let span = stack.locate(&address, Some(&pointer)).expect("a place");
        text[span.range].to_owned()
    };
    assert_eq!(at("/rules/1/port"), "70000");
    assert_eq!(at("/rules/0"), "{ port = 1 }");
    assert_eq!(at("/rules/0/other"), "{ port = 1 }");
    assert_eq!(at("/absent"), "resource \"null_resource\" \"a\"");
    assert_eq!(at(""), "resource \"null_resource\" \"a\"");
    assert_eq!(stack.locate(&"null_resource.b".parse().expect("an address"), None), None);
}

#[test]
fn outputs_are_marked_as_declared() {
    let text = "output \"x\" {\n  value = 1\n  sensitive = true\n  description = \"the x\"\n}\n";
    let stack = Case::new(text).stack();
    assert!(stack.output("x", &Resources::default()).is_ok_and(|value| value.is_secret()));
    assert_eq!(stack.output_description("x"), Some("the x"));
}

#[test]
fn the_digest_follows_everything_that_counts() {
    let base = || Case::new("variable \"v\" {\n  default = 1\n}\noutput \"x\" { value = file(\"message.txt\") }\n");
    let digest = base().stack().digest();
    assert_eq!(digest, base().stack().digest());
    assert_ne!(digest, base().var("v", "2").stack().digest());
    assert_ne!(digest, base().file("b.hcl", "# a comment\n").stack().digest());
    let mut other = base();
    other.options.stage = "production".parse().expect("a stage");
    assert_ne!(digest, other.stack().digest());
    let mut other = base();
    other.options.read_file = std::sync::Arc::new(Other);
    assert_ne!(digest, other.stack().digest());
}

#[test]
fn what_moved_is_named() {
    let text = "variable \"v\" {\n  default = 1\n}\nresource \"null_resource\" \"a\" { triggers = { x = file(null_resource.b.id) } }\nresource \"null_resource\" \"b\" {}\n";
    let planned = Case::new(text).var("v", "2").stack();
    let known = known(&[("null_resource.b", r#"{"id":"message.txt"}"#)]);
    let a = "null_resource.a".parse().expect("an address");
    planned.resource_inputs(&a, &known).expect("evaluates");
    let basis = planned.basis();
    let moved = |case: Case| -> Vec<String> { case.stack().moved(&basis).iter().map(ToString::to_string).collect() };
    assert_eq!(moved(Case::new(text).env("v", "2")), Vec::<String>::new());
    assert_eq!(moved(Case::new(text)), ["variable `v` has another value"]);
    assert_eq!(
        moved(Case::new(&format!("{text}variable \"w\" {{\n  default = 1\n}}\n")).var("v", "2").file("b.hcl", "")),
        ["`b.hcl` is new", "`stack.hcl` has changed", "variable `w` is new"]
    );
    let mut other = Case::new(text).var("v", "2");
    other.options.read_file = std::sync::Arc::new(Other);
    assert_eq!(moved(other), ["`message.txt`, which the stack reads, has changed"]);
    let sources = cofferdam_stack::Sources { files: vec![("new.hcl".into(), "broken {".to_owned())] };
    let moved: Vec<String> = basis.moved_sources(&sources).iter().map(ToString::to_string).collect();
    assert_eq!(moved, ["`new.hcl` is new", "`stack.hcl` is gone"]);
    let back: cofferdam_stack::Basis =
        serde_json::from_str(&serde_json::to_string(&basis).expect("writes")).expect("reads");
    assert_eq!(back, basis);
}

struct Other;

impl cofferdam_stack::ReadFile for Other {
    fn read(&self, _path: &str, _limit: usize) -> Result<Vec<u8>, cofferdam_stack::ReadFileError> {
        Ok(b"other".to_vec())
    }
}

#[test]
fn parse_errors_have_a_place() {
    for (text, summary) in [
        ("locals {\n  a = \n}\n", "the file is not valid HCL"),
        ("locals {\n  a = 1\n  a = 2\n}\n", "this attribute is set twice in its block"),
        ("locals {\n  a = { b = 1, b = 2 }\n}\n", "this key is set twice in its object"),
        ("locals {\n  é = \"", "the file is not valid HCL"),
        ("\u{feff}locals {", "the file is not valid HCL"),
    ] {
        let errors = Case::whole(text).errors();
        assert_eq!(errors[0].0, summary, "{text}");
        assert!(errors[0].1.chars().count() <= 1, "{errors:?}");
    }
    // The other files are still read.
    let found = Case::new("module \"a\" {}\n").file("b.hcl", "locals {").errors();
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn a_secret_stays_a_secret() {
    let text = "variable \"password\" {\n  type = string\n  sensitive = true\n}\nresource \"null_resource\" \"a\" {\n  \
                triggers = { url = \"postgres://u:${var.password}@h\", plain = \"x\" }\n}\n";
    let stack = Case::new(text).var("password", "hunter2").stack();
    let inputs = stack.resource_inputs(&stack.resources()[0].address, &Resources::default()).expect("valid");
    let url = inputs.at(&Pointer::parse("/triggers/url").expect("a pointer")).expect("there");
    assert!(url.is_secret());
    assert_eq!(url.as_str(), Some("postgres://u:hunter2@h"));
    assert_eq!(inputs.at(&Pointer::parse("/triggers/plain").expect("a pointer")), Some(Value::from("x")));
    assert!(!format!("{stack:?}{inputs:?}").contains("hunter2"));
}

#[test]
fn encryption_names_who_opens_the_secrets() {
    let load = |encryption: &str| Case::whole(&format!("stack \"test\" {{\n  encryption = {encryption}\n}}\n"));
    let stack = load("{ recipients = [\"age1a\", \"ssh-ed25519 b\"], recovery = \"none\", passphrase = true }").stack();
    let setting = stack.encryption();
    assert_eq!(setting.recipients, ["age1a", "ssh-ed25519 b"]);
    assert_eq!((setting.recovery.as_deref(), setting.passphrase), (Some("none"), true));
    assert!(setting.span.is_some());
    assert!(!setting.state && load("{ state = true }").stack().encryption().state);
    let role = "role = { arn = \"arn:role\", external_id = \"7\" }";
    let stack =
        load(&format!("{{ kms = [{{ key = \"alias/a\", region = \"b\", {role} }}, {{ key = \"arn:c\" }}] }}")).stack();
    let [first, second] = &stack.encryption().kms[..] else { panic!("two keys") };
    assert_eq!((first.key.as_str(), first.region.as_deref()), ("alias/a", Some("b")));
    assert_eq!(first.role.as_ref().and_then(|role| role.external_id.as_deref()), Some("7"));
    assert_eq!((second.key.as_str(), &second.role), ("arn:c", &None));
    assert_eq!(load("{ kms = { key = \"alias/a\" } }").stack().encryption().kms.len(), 1);
    for (encryption, summary) in [
        ("\"age1a\"", "`encryption` is an object"),
        ("{ recipients = \"age1a\" }", "`recipients` is a list of strings"),
        ("{ recipients = [1] }", "`recipients` is a list of strings"),
        ("{ recovery = true }", "`recovery` is a string"),
        ("{ passphrase = \"hunter2\" }", "`passphrase` is `true` or `false`"),
        ("{ recipient = [] }", "`encryption` has no setting `recipient`"),
        ("{ kms = \"alias/a\" }", "the settings of `kms` are an object"),
        ("{ kms = {} }", "`kms` has a `key`"),
        ("{ kms = { key = 1 } }", "`key` of `kms` is a text"),
        ("{ kms = { key = \"alias/a\", regoin = \"b\" } }", "`kms` has no setting `regoin`"),
        ("{ kms = { key = \"alias/a\", role = {} } }", "a `role` has an `arn`"),
        ("{ kms = [{ key = \"alias/a\" }, { key = \"alias/a\" }] }", "the key `alias/a` of `kms` is named twice"),
        ("{ state = \"whole\" }", "`state` is `true` or `false`"),
        ("{ recipients = [secret(\"db\")] }", "this setting is shown to people and cannot be secret"),
    ] {
        let errors = load(encryption).errors();
        assert_eq!((errors.len(), errors[0].0.as_str()), (1, summary), "{errors:#?}");
    }
}
