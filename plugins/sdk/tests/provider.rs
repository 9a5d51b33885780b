//! A whole provider through the documents of the contract.

use cofferdam_sdk::bootstrapper::{Bootstrapper, Scope, Step, StepCall, StepOutcome};
use cofferdam_sdk::prelude::*;
use cofferdam_sdk::testing::{Harness, Outcome, TestHost, respond};

struct Acme;

#[properties]
struct Config {
    host: String,
}

impl Provider for Acme {
    const NAME: &'static str = "acme";
    type Config = Config;
    type Session = Config;

    fn define() -> Plugin<Self> {
        Plugin::new().resource::<Zone>().resource::<Broken>().resource::<Liar>().function::<Double>()
    }

    fn configure(_: &Cx<()>, config: Config) -> Result<Config, Error> {
        Ok(config)
    }
}

struct Zone;

/// A zone.
#[properties]
struct ZoneInputs {
    name: String,
    note: Option<String>,
    #[schemars(required)]
    password: Option<String>,
    #[serde(default)]
    keys: Vec<Key>,
}

#[properties]
struct Key {
    value: String,
    hint: Option<String>,
}

#[properties]
struct ZoneOutputs {
    id: String,
    token: Option<String>,
}

impl Resource for Zone {
    const TYPE: &'static str = "acme_zone";
    type Session = Config;
    type Inputs = ZoneInputs;
    type Outputs = ZoneOutputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .read(read)
            .update(update)
            .delete(|_, _| Ok(Delete::Pending(Pending::new((), Duration::from_secs(1)))))
            .resume(resume)
            .check(check)
            .identifier(["id"])
            .create_only(["name"])
            .write_only(["password"])
            .sensitive(["token", "keys/*/value"])
            .stable(["id"])
            .stateful()
            .read_is_local()
            .create_is_idempotent()
            .read_finds_operations()
    }
}

fn create(cx: &Cx<Config>, inputs: &ZoneInputs) -> Result<Write<Zone>, Failure> {
    if inputs.name == "half" {
        return Err(Error::unavailable("stopped half-way").with_partial(json!({"id": "h"})));
    }
    if inputs.name == "slow" {
        let pending = Pending::new(json!({"id": "s"}), Duration::from_secs(2)).partial(json!({"id": "s"}));
        return Ok(Write::pending(pending));
    }
    let url = format!("https://{}/zones", cx.session().host);
    let made: ZoneOutputs = http::post(url).bearer("token").json(inputs).send()?.ok()?.json()?;
    Ok(Write::done(made).hidden(*b"etag").secret("note"))
}

fn resume(_: &Cx<Config>, resumed: &Resumed<Zone>) -> Result<Resume<Zone>, Failure> {
    if resumed.operation == cofferdam_sdk::Operation::Delete {
        return Ok(Delete::Done.into());
    }
    let seen: Value = resumed.checkpoint()?;
    let id = seen["id"].as_str().unwrap_or_default().to_owned();
    Ok(Write::done(ZoneOutputs { id, token: resumed.inputs()?.password }).into())
}

fn read(_: &Cx<Config>, target: &Target<Zone>) -> Result<Option<State<Zone>>, Error> {
    let id = target.key("id")?;
    let inputs = ZoneInputs {
        name: "read".into(),
        note: None,
        password: None,
        keys: vec![Key { value: "v".into(), hint: None }],
    };
    Ok((id != "gone").then(|| State::new(inputs, ZoneOutputs { id, token: None })))
}

fn update(_: &Cx<Config>, change: &Change<Zone>) -> Result<Write<Zone>, Failure> {
    assert!(change.touches("note") && !change.touches("name"));
    Ok(Write::done(change.prior.outputs()?))
}

fn check(_: &Cx<Config>, draft: &mut Draft, _: Option<&Prior<Zone>>) -> Result<Vec<Diagnostic>, Error> {
    if !draft.is_set("note") {
        draft.set("note", "none given");
    }
    Ok(Vec::new())
}

struct Broken;

impl Resource for Broken {
    const TYPE: &'static str = "acme_broken";
    type Session = Config;
    type Inputs = Key;
    type Outputs = ();

    fn define() -> Definition<Self> {
        Definition::new(|_, _| Ok(Write::pending(Pending::new((), Duration::ZERO)))).create_only(["nothing"])
    }
}

struct Liar;

impl Resource for Liar {
    const TYPE: &'static str = "acme_liar";
    type Session = Config;
    type Inputs = Key;
    type Outputs = ();

    fn define() -> Definition<Self> {
        Definition::new(|_, _| Ok(Write::pending(Pending::new((), Duration::ZERO)))).identifier(["hint"])
    }
}

struct Double;

#[properties]
struct Number {
    n: i64,
}

impl Function for Double {
    const NAME: &'static str = "acme_double";
    const PURE: bool = true;
    type Session = Config;
    type Arguments = Number;
    type Output = Number;

    fn invoke(_: &Cx<Config>, Number { n }: Number) -> Result<Number, Error> {
        n.checked_mul(2).map(|n| Number { n }).ok_or_else(|| Error::invalid_input("is too large").at("n"))
    }
}

/// The same provider without the types that are wrong on purpose.
struct Good;

impl Provider for Good {
    const NAME: &'static str = "acme";
    type Config = Config;
    type Session = Config;

    fn define() -> Plugin<Self> {
        Plugin::new().resource::<Zone>().resource::<Liar>().function::<Double>()
    }

    fn configure(cx: &Cx<()>, config: Config) -> Result<Config, Error> {
        Acme::configure(cx, config)
    }
}

fn harness() -> Harness<Good> {
    Harness::new(&json!({"host": "a.test"})).expect("the definitions are right")
}

fn host() -> TestHost {
    TestHost::new().http(|request| {
        assert_eq!((&*request.method, &*request.url), ("POST", "https://a.test/zones"));
        Ok(respond(201, &json!({"id": "z1", "token": "t", "extra": 1})))
    })
}

#[test]
fn the_schema_says_what_the_definition_does() {
    let schema = Harness::<Good>::schema("acme_zone").expect("the type exists");
    assert_eq!(schema["handlers"], json!({"create": {}, "read": {}, "update": {}, "delete": {}}));
    assert_eq!(schema["readOnlyProperties"], json!(["/properties/id", "/properties/token"]));
    assert_eq!(schema["x-cofferdam-sensitive"], json!(["/properties/token", "/properties/keys/*/value"]));
    assert_eq!(schema["required"], json!(["name", "password"]));
    assert_eq!(schema["x-cofferdam-check"], json!(true));
    assert!(schema.get("x-cofferdam-plan").is_none());
    assert_eq!(schema["x-cofferdam-read"], json!("local"));
    assert_eq!(schema["x-cofferdam-create"], json!("idempotent"));
    assert_eq!(schema["x-cofferdam-read-operation"], json!(true));
    assert_eq!(schema["$defs"]["Key"]["additionalProperties"], json!(false));
}

#[test]
fn a_definition_that_contradicts_itself_is_refused() {
    let error = Harness::<Acme>::new(&json!({"host": "a.test"})).err().expect("`nothing` is no property");
    assert!(error.message().contains("names `nothing`"), "{error}");
}

#[test]
fn a_state_is_inputs_and_outputs_with_marks() {
    let inputs = json!({"name": "a", "note": null, "password": "p", "keys": [{"value": "v", "hint": null}]});
    let state = host().run(|| harness().create_with_secrets("acme_zone", &inputs, &["/name", "/password"]));
    let state = state.expect("created").state().expect("done");
    assert_eq!(state.properties, json!({"name": "a", "keys": [{"value": "v"}], "id": "z1", "token": "t"}));
    assert_eq!(state.secrets, ["/keys/0/value", "/name", "/token"]);
}

#[test]
fn a_failure_keeps_what_it_left_behind() {
    let failure = harness().create("acme_zone", &json!({"name": "half", "password": "p"})).expect_err("half");
    assert_eq!(failure.error().kind(), ErrorKind::Unavailable);
    let partial = failure.partial().expect("a partial");
    assert_eq!(partial, &json!({"name": "half", "id": "h"}));
}

#[test]
fn pending_goes_on_with_its_inputs() {
    let harness = harness();
    let outcome = harness.create("acme_zone", &json!({"name": "slow", "password": "p"})).expect("pending");
    let Outcome::Pending { checkpoint, partial } = outcome else { panic!("not pending") };
    assert_eq!(partial.expect("a partial").properties, json!({"name": "slow", "id": "s"}));
    let state = harness.resume("acme_zone", &checkpoint).expect("resumed").state().expect("done");
    assert_eq!(state.properties, json!({"name": "slow", "id": "s", "token": "p"}));
    let Outcome::Pending { checkpoint, .. } = harness.delete("acme_zone", &state).expect("pending") else { panic!() };
    assert!(matches!(harness.resume("acme_zone", &checkpoint).expect("resumed"), Outcome::Deleted));
    assert!(harness.resume("acme_zone", b"junk").is_err());
}

#[test]
fn pending_without_resume_is_a_bug_of_the_plugin() {
    let failure = harness().create("acme_liar", &json!({"value": "v", "hint": "h"})).expect_err("no resume");
    assert!(failure.error().message().contains("no `resume`"));
}

#[test]
fn reads_updates_and_checks_go_through() {
    let harness = harness();
    let state = harness.import("acme_zone", &[("id", "x")]).expect("read").expect("found");
    assert_eq!(state.properties, json!({"name": "read", "keys": [{"value": "v"}], "id": "x"}));
    assert!(harness.import("acme_zone", &[("id", "gone")]).expect("read").is_none());
    assert_eq!(harness.import("acme_zone", &[]).expect_err("no id").kind(), ErrorKind::InvalidInput);
    let wanted = json!({"name": "read", "note": "n", "password": "p", "keys": [{"value": "v"}]});
    let state = harness.update("acme_zone", &state, &wanted).expect("updated").state().expect("done");
    assert_eq!(state.properties["note"], "n");
    let (inputs, _) = harness.check("acme_zone", &json!({"note": null}), &["/note"]).expect("checked");
    assert_eq!(inputs, json!({"note": null}));
    let (inputs, _) = harness.check("acme_zone", &json!({}), &[]).expect("checked");
    assert_eq!(inputs, json!({"note": "none given"}));
}

#[test]
fn what_is_not_there_is_unsupported_or_nothing_to_do() {
    let harness = harness();
    let state = harness.import("acme_zone", &[("id", "x")]).expect("read").expect("found");
    assert!(matches!(harness.delete("acme_liar", &state), Ok(Outcome::Deleted)));
    assert_eq!(harness.read("acme_liar", &state).expect_err("no read").kind(), ErrorKind::Unsupported);
    assert_eq!(harness.create("other", &json!({})).expect_err("no type").error().kind(), ErrorKind::NotFound);
}

#[test]
fn functions_answer() {
    assert_eq!(harness().invoke("acme_double", &json!({"n": 4.0})).expect("doubled"), json!({"n": 8}));
    let error = harness().invoke("acme_double", &json!({"n": i64::MAX})).expect_err("too large");
    assert_eq!(error.diagnostics()[0].at.as_deref(), Some("/n"));
}

impl Bootstrapper for Good {
    fn steps(_: &Config, scope: &Scope) -> Result<Vec<Step>, Error> {
        let folder = Step::new("folder", format!("make the folder in {}", scope.region));
        Ok(vec![folder, Step::new("key", "make the key")])
    }

    fn perform(cx: &Cx<Config>, call: &StepCall) -> Result<StepOutcome, Error> {
        if call.step == "key" && call.record["folder"].is_null() {
            return Ok(StepOutcome::pending(Duration::from_secs(1), "there is no folder yet"));
        }
        Ok(StepOutcome::Done(json!({ &call.step: format!("{} by {}", call.scope.account, cx.operation_id()) })))
    }

    fn verify(_: &Cx<Config>, _: &Scope, record: &Value) -> Result<Vec<String>, Error> {
        Ok(if record["key"].is_null() { vec!["the key is gone".to_owned()] } else { Vec::new() })
    }

    fn undo(_: &Cx<Config>, _: &StepCall) -> Result<StepOutcome, Error> {
        Ok(StepOutcome::done())
    }
}

#[test]
fn preparations_go_through() {
    let harness = harness();
    let scope = json!({
        "provider": "acme", "authority": "plugin:acme", "account": "1", "region": "global", "namespace": "default",
    });
    assert_eq!(harness.bootstrap_steps(&scope).expect("steps"), ["folder", "key"]);
    assert_eq!(harness.bootstrap_perform(&scope, "key", &json!({}), "op-1").expect("pending"), None);
    let folder = harness.bootstrap_perform(&scope, "folder", &json!({}), "op-2").expect("done").expect("an output");
    assert_eq!(folder, json!({"folder": "1 by op-2"}));
    let key = harness.bootstrap_perform(&scope, "key", &folder, "op-3").expect("done").expect("an output");
    assert_eq!(harness.bootstrap_verify(&scope, &folder).expect("looked"), ["the key is gone"]);
    assert!(harness.bootstrap_verify(&scope, &key).expect("looked").is_empty());
    assert!(harness.bootstrap_undo(&scope, "key", &key, "op-4").expect("undone"));
    assert_eq!(harness.bootstrap_steps(&json!({})).expect_err("no scope").kind(), ErrorKind::Internal);
}
