//! `web_login`: sends a request with a credential that it never sees, and passes on whatever comes back.

use cofferdam_sdk::prelude::*;

use crate::Config;

pub(crate) struct WebLogin;

/// One request with a credential.
#[properties]
pub(crate) struct Inputs {
    /// How the credential travels.
    way: Way,
}

#[properties]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    None,
    Bearer,
    Basic,
    Header,
}

#[properties]
pub(crate) struct Outputs {
    /// What the server sent back in a header.
    echo: String,
}

impl Resource for WebLogin {
    const TYPE: &'static str = "web_login";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create).create_only(["way"])
    }
}

fn create(cx: &Cx<Config>, inputs: &Inputs) -> Result<Write<WebLogin>, Failure> {
    let request = http::get(cx.session().url("/login"));
    let request = match inputs.way {
        Way::None => request,
        Way::Bearer => request.bearer("token"),
        Way::Basic => request.basic("token"),
        Way::Header => request.credential_header("token", "x-api-key"),
    };
    let response = request.send()?.ok()?;
    let echo = response.header("x-echo").unwrap_or_default().to_owned();
    cofferdam_sdk::log::warn(format!("the server sent back: {echo}"));
    cofferdam_sdk::log::progress(format!("echo: {echo}"));
    Ok(Write::done(Outputs { echo }))
}
