//! `web_published`: looks at an asset, reads its beginning, and publishes it; in plans as far as it is told to.

use cofferdam_sdk::assets;
use cofferdam_sdk::prelude::*;

use crate::Config;

pub(crate) struct WebPublished;

/// What to publish.
#[properties]
pub(crate) struct Inputs {
    /// The asset.
    asset: String,
    /// The scope; none to look at the asset alone.
    #[serde(default)]
    scope: Option<Value>,
    /// Whether to try to publish while planning.
    #[serde(default)]
    in_plan: bool,
    /// Tells resources apart that publish the same.
    #[serde(default)]
    note: String,
}

#[properties]
pub(crate) struct Outputs {
    digest: String,
    size: u64,
    media_type: Option<String>,
    /// Its first bytes as text.
    beginning: String,
    bucket: Option<String>,
    key: Option<String>,
    version: Option<String>,
}

impl Resource for WebPublished {
    const TYPE: &'static str = "web_published";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create).plan(plan).create_only(["asset", "scope", "in_plan", "note"]).create_is_idempotent()
    }
}

fn plan(
    _: &Cx<Config>,
    prior: Option<&Prior<WebPublished>>,
    draft: &Draft,
    mut planned: Planned,
) -> Result<Planned, Error> {
    let (None, Some(asset)) = (prior, draft.text("asset")) else { return Ok(planned) };
    let info = assets::stat(asset)?;
    if draft.get("in_plan").and_then(Value::as_bool) == Some(true) {
        assets::publish(asset, draft.get("scope").unwrap_or(&Value::Null))?;
    }
    planned.after.set("digest", info.digest);
    Ok(planned)
}

fn create(_: &Cx<Config>, inputs: &Inputs) -> Result<Write<WebPublished>, Failure> {
    let assets::Info { digest, size, media_type } = assets::stat(&inputs.asset)?;
    let beginning = String::from_utf8_lossy(&assets::read(&inputs.asset, 0, 5)?).into_owned();
    let location = inputs.scope.as_ref().map(|scope| assets::publish(&inputs.asset, scope)).transpose()?;
    let (bucket, key, version) = match location {
        Some(location) => (Some(location.bucket), Some(location.key), location.version),
        None => (None, None, None),
    };
    Ok(Write::done(Outputs { digest, size, media_type, beginning, bucket, key, version }))
}
