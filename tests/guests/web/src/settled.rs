//! `web_found`, `web_once` and `web_slow`: creates that can be settled after a crash, by looking the operation up, by
//! making it again, and by asking how far the server is.

use cofferdam_sdk::prelude::*;

use crate::Config;

/// The server makes an object for every request, and finds it by the operation that asked for it.
pub(crate) struct WebFound;

/// The server makes one object for each operation.
pub(crate) struct WebOnce;

/// The server makes one object for each operation, and takes its time.
pub(crate) struct WebSlow;

/// An object on the server.
#[properties]
pub(crate) struct Inputs {
    /// A change of it makes another object.
    name: String,
    /// May change.
    size: Option<u32>,
}

#[properties]
pub(crate) struct Outputs {
    /// Given by the server.
    id: String,
}

impl Resource for WebFound {
    const TYPE: &'static str = "web_found";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(|cx, inputs| create::<Self>(cx, "/found", inputs))
            .read(|cx, target| match target {
                Target::Operation(operation) => found(cx, operation),
                target => read(cx, "/found", target),
            })
            .read_finds_operations()
            .update(|cx, change| update(cx, "/found", change))
            .delete(|cx, prior| delete(cx, "/found", prior))
            .identifier(["id"])
            .create_only(["name"])
            .stable(["id"])
    }
}

impl Resource for WebOnce {
    const TYPE: &'static str = "web_once";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(|cx, inputs| create::<Self>(cx, "/once", inputs))
            .create_is_idempotent()
            .read(|cx, target| read(cx, "/once", target))
            .update(|cx, change| update(cx, "/once", change))
            .delete(|cx, prior| delete(cx, "/once", prior))
            .identifier(["id"])
            .create_only(["name"])
            .stable(["id"])
    }
}

impl Resource for WebSlow {
    const TYPE: &'static str = "web_slow";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(|cx: &Cx<Config>, inputs: &Inputs| {
            let request = http::post(cx.session().url("/slow")).header("idempotency-key", cx.operation_id());
            let made: Outputs = request.json(inputs).send()?.ok()?.json()?;
            Ok(Write::pending(pending(made)))
        })
        .create_is_idempotent()
        .resume(|cx: &Cx<Config>, resumed: &Resumed<Self>| {
            let made: Outputs = resumed.checkpoint()?;
            let asked = http::post(cx.session().url(&format!("/slow/{}/asked", made.id))).send()?.ok()?;
            let ready = asked.status() == 200;
            Ok(if ready { Write::done(made) } else { Write::pending(pending(made)) }.into())
        })
        .read(|cx, target| read(cx, "/slow", target))
        .update(|cx, change| update(cx, "/slow", change))
        .delete(|cx, prior| delete(cx, "/slow", prior))
        .identifier(["id"])
        .create_only(["name"])
        .stable(["id"])
    }
}

fn pending(made: Outputs) -> Pending {
    Pending::new(made, Duration::from_millis(10)).note("the server is not ready")
}

fn create<R>(cx: &Cx<Config>, path: &str, inputs: &Inputs) -> Result<Write<R>, Failure>
where
    R: Resource<Session = Config, Inputs = Inputs, Outputs = Outputs>,
{
    let request = http::post(cx.session().url(path)).header("idempotency-key", cx.operation_id()).json(inputs);
    Ok(Write::done(request.send()?.ok()?.json()?))
}

fn found(cx: &Cx<Config>, operation: &str) -> Result<Option<State<WebFound>>, Error> {
    match http::get(cx.session().url(&format!("/found/by/{operation}"))).send()?.found()? {
        Some(response) => Ok(Some(State::new(response.json()?, response.json()?))),
        None => Ok(None),
    }
}

fn read<R>(cx: &Cx<Config>, path: &str, target: &Target<R>) -> Result<Option<State<R>>, Error>
where
    R: Resource<Session = Config, Inputs = Inputs, Outputs = Outputs>,
{
    match http::get(cx.session().url(&format!("{path}/{}", target.key("id")?))).send()?.found()? {
        Some(response) => Ok(Some(State::new(response.json()?, response.json()?))),
        None => Ok(None),
    }
}

fn update<R>(cx: &Cx<Config>, path: &str, change: &Change<R>) -> Result<Write<R>, Failure>
where
    R: Resource<Session = Config, Inputs = Inputs, Outputs = Outputs>,
{
    let url = cx.session().url(&format!("{path}/{}", change.prior.text("id")?));
    Ok(Write::done(http::put(url).json(&change.inputs).send()?.ok()?.json()?))
}

fn delete<R: Resource>(cx: &Cx<Config>, path: &str, prior: &Prior<R>) -> Result<Delete, Failure> {
    http::delete(cx.session().url(&format!("{path}/{}", prior.text("id")?))).send()?.found()?;
    Ok(Delete::Done)
}
