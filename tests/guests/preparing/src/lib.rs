//! A provider that prepares its own scopes on the tests' server, and does in its steps what the configuration says.

use cofferdam_sdk::bootstrap::{Ensured, ensure};
use cofferdam_sdk::bootstrapper::{Bootstrapper, Scope, Step, StepCall, StepOutcome};
use cofferdam_sdk::prelude::*;

mod deeds;

cofferdam_sdk::export!(Preparing);
cofferdam_sdk::export_bootstrapper!(Preparing);

struct Preparing;

/// Where the server is, and what to do wrong.
#[properties]
struct Config {
    /// Address and port.
    host: String,
    /// What to do in a step, in the place of what belongs there.
    #[serde(default)]
    deed: String,
}

impl Config {
    fn url(&self, scope: &Scope, step: &str) -> String {
        format!("http://{}/{}/{}/{step}", self.host, scope.region, scope.namespace)
    }
}

impl Provider for Preparing {
    const NAME: &'static str = "preparing";
    type Config = Config;
    type Session = Config;

    fn define() -> Plugin<Self> {
        let capabilities = Capabilities::new()
            .host("${config.host}", "everything that this plugin does")
            .optional_credential("aws", "the account that is prepared");
        Plugin::new().capabilities(capabilities).resource::<Prepared>().resource::<Checked>()
    }

    fn configure(_: &Cx<()>, config: Config) -> Result<Config, Error> {
        if config.deed == "while-configured" {
            ensure(&json!({ "of": "self" }))?;
        }
        Ok(config)
    }
}

impl Bootstrapper for Preparing {
    fn steps(session: &Config, scope: &Scope) -> Result<Vec<Step>, Error> {
        if let Some(steps) = deeds::steps(session, scope)? {
            return Ok(steps);
        }
        Ok(["project", "bucket", "key"].map(|name| Step::new(name, format!("make the {name}"))).to_vec())
    }

    fn perform(cx: &Cx<Config>, call: &StepCall) -> Result<StepOutcome, Error> {
        if let Some(outcome) = deeds::perform(cx, call)? {
            return Ok(outcome);
        }
        let url = cx.session().url(&call.scope, &call.step);
        let made = http::post(url).header("idempotency-key", cx.operation_id()).json(&call.record).send()?.ok()?;
        if made.status() == 202 {
            return Ok(StepOutcome::pending(Duration::from_millis(10), "the server is not ready"));
        }
        Ok(StepOutcome::Done(json!({ &call.step: format!("{} of {}", call.step, call.scope.account) })))
    }

    fn verify(cx: &Cx<Config>, scope: &Scope, record: &Value) -> Result<Vec<String>, Error> {
        let mut faults = Vec::new();
        for step in record.as_object().into_iter().flat_map(|record| record.keys()) {
            let url = cx.session().url(scope, step);
            let look = if cx.session().deed == "careless" { http::post(url) } else { http::get(url) };
            if look.send()?.found()?.is_none() {
                faults.push(format!("the {step} is gone"));
            }
        }
        Ok(faults)
    }

    fn undo(cx: &Cx<Config>, call: &StepCall) -> Result<StepOutcome, Error> {
        http::delete(cx.session().url(&call.scope, &call.step)).send()?.found()?;
        Ok(StepOutcome::done())
    }
}

struct Prepared;

/// What to ask for.
#[properties]
struct Inputs {
    /// The scope.
    scope: Value,
    /// How often.
    #[serde(default = "once")]
    times: u32,
    /// To ask for as many scopes as that, each once.
    #[serde(default)]
    scopes: u32,
}

fn once() -> u32 {
    1
}

#[properties]
struct Outputs {
    /// The record.
    record: Value,
}

impl Resource for Prepared {
    const TYPE: &'static str = "preparing_prepared";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create).create_only(["scope", "times", "scopes"]).create_is_idempotent()
    }
}

/// The same, and asks in plans too.
struct Checked;

impl Resource for Checked {
    const TYPE: &'static str = "preparing_checked";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(|_, inputs| Ok(Write::done(outputs(inputs)?))).check(check).create_is_idempotent()
    }
}

/// A plan hears what a deploy would do.
fn check(_: &Cx<Config>, draft: &mut Draft, _: Option<&Prior<Checked>>) -> Result<Vec<Diagnostic>, Error> {
    let Some(scope) = draft.get("scope") else { return Ok(Vec::new()) };
    if let Ensured::WouldBootstrap(steps) = ensure(scope)? {
        log::warn(format!("a deploy would first {}", steps.join(", ")));
    }
    Ok(Vec::new())
}

fn create(_: &Cx<Config>, inputs: &Inputs) -> Result<Write<Prepared>, Failure> {
    Ok(Write::done(outputs(inputs)?))
}

fn outputs(inputs: &Inputs) -> Result<Outputs, Error> {
    let mut record = Value::Null;
    for _ in 0..inputs.times {
        record = ready(&inputs.scope)?;
    }
    for number in 0..inputs.scopes {
        let mut scope = inputs.scope.clone();
        scope["namespace"] = format!("n{number}").into();
        record = ready(&scope)?;
    }
    Ok(Outputs { record })
}

fn ready(scope: &Value) -> Result<Value, Error> {
    match ensure(scope)? {
        Ensured::Ready(record) => Ok(record),
        Ensured::WouldBootstrap(steps) => Err(Error::internal(format!("a deploy only would: {}", steps.join(", ")))),
    }
}
