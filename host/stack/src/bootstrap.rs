//! The setting `bootstrap` of the `stack` block: how accounts are prepared.

use std::collections::BTreeMap;
use std::time::Duration;

use cofferdam_model::{Data, Value};
use serde::{Deserialize, Serialize};

use crate::constants::Constants;
use crate::declare::StackBlock;
use crate::eval::Scope;
use crate::findings::{Findings, quoted, suggestion};
use crate::units;

/// How accounts are prepared. Nothing set: the usual way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BootstrapSetting {
    /// Tells several preparations of one account and region apart.
    pub namespace: Option<String>,
    /// What names of buckets begin with.
    pub prefix: Option<String>,
    /// Tags of what is made.
    pub tags: BTreeMap<String, String>,
    /// The key that buckets are encrypted with.
    pub kms_key: Option<String>,
    /// A bucket of the user's for states.
    pub state_bucket: Option<String>,
    /// A bucket of the user's for assets.
    pub asset_bucket: Option<String>,
    /// Whether everything is there already, so that nothing is made.
    pub provisioned: bool,
    /// The longest time that one preparation for a plugin may take.
    pub timeout: Option<Duration>,
}

const NAMES: [&str; 8] =
    ["asset_bucket", "kms_key", "namespace", "prefix", "provisioned", "state_bucket", "tags", "timeout"];
const EXAMPLE: &str = "write `bootstrap = { prefix = \"acme\", tags = { team = \"web\" } }`";
/// More tags than a bucket may have, one less for our own.
const MAX_TAGS: usize = 49;

/// Reads `bootstrap`.
pub(crate) fn bootstrap(block: &StackBlock, scope: &Scope, findings: &mut Findings) -> BootstrapSetting {
    let Some(field) = block.fields.get("bootstrap") else { return BootstrapSetting::default() };
    let mut constants = Constants { scope, file: &block.place.file, findings };
    let Some(value) = constants.any(&field.value) else { return BootstrapSetting::default() };
    let read = match value.data() {
        Data::Object(fields) => read(fields),
        _ => Err(("`bootstrap` is an object".to_owned(), EXAMPLE.to_owned())),
    };
    read.unwrap_or_else(|(summary, hint)| {
        constants.error(&field.value, &summary, Some(&hint));
        BootstrapSetting::default()
    })
}

fn read(fields: &BTreeMap<String, Value>) -> Result<BootstrapSetting, (String, String)> {
    if let Some(unknown) = fields.keys().find(|key| !NAMES.contains(&key.as_str())) {
        let summary = format!("`bootstrap` has no setting `{}`", quoted(unknown));
        return Err((summary, suggestion(unknown, NAMES).unwrap_or_else(|| EXAMPLE.to_owned())));
    }
    let set = |key: &str| fields.get(key).filter(|value| !value.is_null());
    let wrong = |key: &str, what: &str| (format!("`{key}` of `bootstrap` is {what}"), EXAMPLE.to_owned());
    let text = |key: &str| {
        let text = set(key).map(|value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned));
        text.map(|text| text.ok_or_else(|| wrong(key, "a text"))).transpose()
    };
    let mut tags = BTreeMap::new();
    if let Some(value) = set("tags") {
        let entries = value.as_object().ok_or_else(|| wrong("tags", "an object of texts"))?;
        for (key, value) in entries {
            let value = value.as_str().ok_or_else(|| wrong("tags", "an object of texts"))?;
            if key.starts_with("aws:") || key.starts_with("cofferdam:") || key.len() > 128 || value.len() > 256 {
                return Err((format!("`{}` is no tag that can be set", quoted(key)), EXAMPLE.to_owned()));
            }
            tags.insert(key.clone(), value.to_owned());
        }
        if tags.len() > MAX_TAGS {
            return Err((format!("a bucket has {MAX_TAGS} tags at most"), EXAMPLE.to_owned()));
        }
    }
    let provisioned = match set("provisioned").map(Value::data) {
        None => false,
        Some(Data::Bool(flag)) => *flag,
        Some(_) => return Err(wrong("provisioned", "`true` or `false`")),
    };
    let timeout = text("timeout")?.map(|text| {
        let ms = units::milliseconds(&text).ok().filter(|ms| *ms > 0);
        ms.map(Duration::from_millis).ok_or_else(|| wrong("timeout", "a time such as \"5m\""))
    });
    let timeout = timeout.transpose()?;
    Ok(BootstrapSetting {
        namespace: text("namespace")?,
        prefix: text("prefix")?,
        tags,
        kms_key: text("kms_key")?,
        state_bucket: text("state_bucket")?,
        asset_bucket: text("asset_bucket")?,
        provisioned,
        timeout,
    })
}
