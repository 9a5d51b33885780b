//! `web_object`: what most providers are made of.

use cofferdam_sdk::prelude::*;

use crate::Config;

pub(crate) struct WebObject;

/// An object on the server.
#[properties]
pub(crate) struct Inputs {
    /// A change of it makes another object.
    name: String,
    /// May change.
    size: Option<u32>,
    /// Makes `read` send a request that is no read.
    #[serde(default)]
    careless: bool,
}

#[properties]
pub(crate) struct Outputs {
    /// Given by the server.
    id: String,
}

impl Resource for WebObject {
    const TYPE: &'static str = "web_object";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .read(read)
            .update(update)
            .delete(delete)
            // The server makes one object an operation.
            .create_is_idempotent()
            .identifier(["id"])
            .create_only(["name"])
            .stable(["id"])
    }
}

fn create(cx: &Cx<Config>, inputs: &Inputs) -> Result<Write<WebObject>, Failure> {
    let request = http::post(cx.session().url("/objects")).header("idempotency-key", cx.operation_id()).json(inputs);
    Ok(Write::done(request.send()?.ok()?.json()?))
}

fn read(cx: &Cx<Config>, target: &Target<WebObject>) -> Result<Option<State<WebObject>>, Error> {
    let url = cx.session().url(&format!("/objects/{}", target.key("id")?));
    let careless = target.state().and_then(|state| state.get("careless")).unwrap_or(false);
    let request = if careless { http::post(url) } else { http::get(url) };
    match request.send()?.found()? {
        Some(response) => Ok(Some(State::new(response.json()?, response.json()?))),
        None => Ok(None),
    }
}

fn update(cx: &Cx<Config>, change: &Change<WebObject>) -> Result<Write<WebObject>, Failure> {
    let url = cx.session().url(&format!("/objects/{}", change.prior.text("id")?));
    Ok(Write::done(http::put(url).json(&change.inputs).send()?.ok()?.json()?))
}

fn delete(cx: &Cx<Config>, prior: &Prior<WebObject>) -> Result<Delete, Failure> {
    let url = cx.session().url(&format!("/objects/{}", prior.text("id")?));
    http::delete(url).send()?.found()?;
    Ok(Delete::Done)
}
