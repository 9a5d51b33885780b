//! `leaky_thing`: an object on a server that gives back what it was sent.
#![expect(clippy::panic, reason = "a plugin that crashes with a secret in its last words")]

use cofferdam_sdk::prelude::*;

use crate::{Config, telling};

pub(crate) struct Thing;

/// An object on the server.
#[properties]
pub(crate) struct Inputs {
    /// No secret. Another name is another object.
    name: String,
    /// What else a write does.
    how: Option<How>,
    /// Told in every way.
    secret: Option<String>,
    /// Values of any shape, kept by the server.
    values: Option<Value>,
}

#[properties]
#[serde(rename_all = "lowercase")]
pub(crate) enum How {
    /// Tells the secret in lines.
    Tell,
    /// The server refuses the object, and says what it was sent.
    Refused,
    /// The plugin crashes.
    Panic,
    /// Fails with an error, findings and a partial object.
    Partial,
    /// Goes on remotely, with the secret in the checkpoint and in the note.
    Pending,
}

#[properties]
pub(crate) struct Outputs {
    /// Given by the server.
    id: String,
    /// The secret as the server sent it back.
    echo: Option<Value>,
}

impl Resource for Thing {
    const TYPE: &'static str = "leaky_thing";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .resume(resume)
            .read(read)
            .update(update)
            .delete(delete)
            .create_is_idempotent()
            .identifier(["id"])
            .create_only(["name"])
            .sensitive(["echo"])
            .stable(["id"])
    }
}

fn create(cx: &Cx<Config>, inputs: &Inputs) -> Result<Write<Thing>, Failure> {
    let secret = inputs.secret.clone().unwrap_or_default();
    telling(inputs, &secret)?;
    let path = if matches!(inputs.how, Some(How::Refused)) { "/refused" } else { "/objects" };
    let request = http::post(format!("{}?key={}", cx.session().url(path), telling::percent(&secret)));
    let request = request.bearer("bearer").header("idempotency-key", cx.operation_id()).json(inputs);
    let made: Value = request.send()?.ok()?.json()?;
    let id = made["id"].as_str().unwrap_or_default().to_owned();
    if matches!(inputs.how, Some(How::Pending)) {
        let checkpoint = json!({ "id": id, "secret": secret });
        let note = format!("waiting for {} with {secret}", inputs.name);
        let pending = Pending::new(checkpoint, Duration::from_millis(10)).note(note);
        return Ok(Write::pending(pending.partial(json!({ "id": id, "echo": made["secret"] }))));
    }
    Ok(Write::done(Outputs { id, echo: Some(made["secret"].clone()) }).hidden(secret))
}

fn resume(cx: &Cx<Config>, resumed: &Resumed<Thing>) -> Result<Resume<Thing>, Failure> {
    let checkpoint: Value = resumed.checkpoint()?;
    let id = checkpoint["id"].as_str().unwrap_or_default().to_owned();
    let ready = http::get(cx.session().url("/ready")).send()?.status() == 200;
    if ready {
        return Ok(Write::done(Outputs { id, echo: Some(checkpoint["secret"].clone()) }).into());
    }
    let note = format!("waiting with {}", checkpoint["secret"]);
    Ok(Write::pending(Pending::new(checkpoint, Duration::from_millis(10)).note(note)).into())
}

/// What a write says of the secret before it begins.
fn telling(inputs: &Inputs, secret: &str) -> Result<(), Failure> {
    match inputs.how {
        Some(How::Tell) => telling::lines(&inputs.name, secret),
        Some(How::Panic) => panic!("{} cannot go on with {secret:?}", inputs.name),
        Some(How::Partial) => {
            let finding = Diagnostic {
                severity: Severity::Warning,
                summary: format!("{} is unhappy with {secret}", inputs.name),
                detail: Some(format!("detail: {}", Value::from(secret))),
                at: Some("/secret".to_owned()),
            };
            let error = Error::other(format!("{} does not want {secret}", inputs.name)).diagnostic(finding);
            let partial = json!({ "id": "half", "echo": secret });
            return Err(error.request_id(secret).with_partial(partial).hidden(secret));
        }
        Some(How::Refused | How::Pending) | None => {}
    }
    Ok(())
}

fn read(cx: &Cx<Config>, target: &Target<Thing>) -> Result<Option<State<Thing>>, Error> {
    let url = cx.session().url(&format!("/objects/{}", target.key("id")?));
    match http::get(url).basic("basic").send()?.found()? {
        Some(response) => {
            let found: Value = response.json()?;
            let id = found["id"].as_str().unwrap_or_default().to_owned();
            Ok(Some(State::new(response.json()?, Outputs { id, echo: Some(found["secret"].clone()) })))
        }
        None => Ok(None),
    }
}

fn update(cx: &Cx<Config>, change: &Change<Thing>) -> Result<Write<Thing>, Failure> {
    let secret = change.inputs.secret.clone().unwrap_or_default();
    telling(&change.inputs, &secret)?;
    let id = change.prior.text("id")?;
    let url = cx.session().url(&format!("/objects/{id}"));
    let found: Value = http::put(url).bearer("bearer").json(&change.inputs).send()?.ok()?.json()?;
    Ok(Write::done(Outputs { id, echo: Some(found["secret"].clone()) }).hidden(secret))
}

fn delete(cx: &Cx<Config>, prior: &Prior<Thing>) -> Result<Delete, Failure> {
    let url = cx.session().url(&format!("/objects/{}", prior.text("id")?));
    http::delete(url).bearer("bearer").send()?.found()?;
    Ok(Delete::Done)
}
