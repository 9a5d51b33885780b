//! `web_unserved`: asks for the parts of the contract that this version of the host answers with `unsupported`.

use cofferdam_sdk::prelude::*;

use crate::Config;

pub(crate) struct WebUnserved;

/// One call of an import.
#[properties]
pub(crate) struct Inputs {
    /// Which one.
    import: Import,
}

#[properties]
#[serde(rename_all = "lowercase")]
pub(crate) enum Import {
    Sigv4,
}

impl Resource for WebUnserved {
    const TYPE: &'static str = "web_unserved";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = ();

    fn define() -> Definition<Self> {
        Definition::new(create).create_only(["import"])
    }
}

fn create(cx: &Cx<Config>, inputs: &Inputs) -> Result<Write<WebUnserved>, Failure> {
    match inputs.import {
        Import::Sigv4 => {
            http::get(cx.session().url("/signed")).sigv4("token", "sqs", "eu-west-1").send()?.ok()?;
        }
    }
    Ok(Write::done(()))
}
