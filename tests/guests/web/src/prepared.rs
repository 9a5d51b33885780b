//! `web_prepared`: asks for a bootstrap, as often as it is told, and passes on the record.

use cofferdam_sdk::bootstrap::{Ensured, ensure};
use cofferdam_sdk::prelude::*;

use crate::Config;

pub(crate) struct WebPrepared;

/// What to ask for.
#[properties]
pub(crate) struct Inputs {
    /// The scope.
    scope: Value,
    /// How often.
    #[serde(default = "once")]
    times: u32,
    /// Whether to crash afterwards.
    #[serde(default)]
    crash: bool,
}

fn once() -> u32 {
    1
}

#[properties]
pub(crate) struct Outputs {
    /// The record.
    record: Value,
}

impl Resource for WebPrepared {
    const TYPE: &'static str = "web_prepared";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create).create_only(["scope", "times", "crash"]).create_is_idempotent()
    }
}

fn create(_: &Cx<Config>, inputs: &Inputs) -> Result<Write<WebPrepared>, Failure> {
    let mut record = Value::Null;
    for _ in 0..inputs.times {
        match ensure(&inputs.scope)? {
            Ensured::Ready(found) => record = found,
            Ensured::WouldBootstrap(steps) => {
                return Err(Error::internal(format!("a deploy only would: {}", steps.join(", "))).into());
            }
        }
    }
    assert!(!inputs.crash, "it crashes as it was told");
    Ok(Write::done(Outputs { record }))
}
