//! The setting `encryption` of the `stack` block: who opens the secrets of the home, beside whoever makes it, and what of
//! a state is encrypted.

use std::collections::BTreeMap;

use cofferdam_model::{Data, SourceSpan, Value};
use serde::{Deserialize, Serialize};

use crate::constants::Constants;
use crate::declare::StackBlock;
use crate::eval::{Scope, range};
use crate::fields::{Fields, RoleSetting};
use crate::findings::{Findings, quoted, suggestion};
use crate::source::span;

/// Who opens the secrets of the home, and what of a state is encrypted. Recipients are texts whose form the caller checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptionSetting {
    /// Public keys.
    pub recipients: Vec<String>,
    /// The public key for the day on which every other is lost, or `none`; nothing where that is not set.
    pub recovery: Option<String>,
    /// Whether the keys have to be wrapped with a passphrase, too.
    pub passphrase: bool,
    /// Keys of AWS KMS.
    pub kms: Vec<KmsKey>,
    /// Whether states and journals are encrypted as a whole, and not their secret values alone.
    pub state: bool,
    /// Where the setting stands; none where there is none.
    pub span: Option<SourceSpan>,
}

/// A key of AWS KMS, whose form the caller checks, and how the service is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsKey {
    /// Its ARN, the ARN of an alias, `alias/NAME`, or its id.
    pub key: String,
    /// The key's region, where it is no ARN.
    pub region: Option<String>,
    /// The profile of the AWS configuration.
    pub profile: Option<String>,
    /// Another server than Amazon's.
    pub endpoint: Option<String>,
    /// A role to take.
    pub role: Option<RoleSetting>,
}

const NAMES: [&str; 5] = ["kms", "passphrase", "recipients", "recovery", "state"];
const EXAMPLE: &str = "write `encryption = { recipients = [\"age1…\", \"ssh-ed25519 AAAA…\"], recovery = \"age1…\" }`";
const KMS_EXAMPLE: &str = "write `kms = { key = \"arn:aws:kms:eu-west-1:123456789012:key/…\" }`, where needed with `region`, \
                           `profile`, `role = { arn = \"…\" }` or `endpoint`; several keys are a list of these";

/// Reads `encryption`; nobody else where it is not set.
pub(crate) fn encryption(block: &StackBlock, scope: &Scope, findings: &mut Findings) -> EncryptionSetting {
    let Some(field) = block.fields.get("encryption") else { return EncryptionSetting::default() };
    let mut constants = Constants { scope, file: &block.place.file, findings };
    let Some(value) = constants.any(&field.value) else { return EncryptionSetting::default() };
    let read = match value.data() {
        Data::Object(fields) => read(fields),
        _ => Err(("`encryption` is an object".to_owned(), EXAMPLE.to_owned())),
    };
    match read {
        Ok(setting) => EncryptionSetting { span: Some(span(&block.place.file, range(&field.value))), ..setting },
        Err((summary, hint)) => {
            constants.error(&field.value, &summary, Some(&hint));
            EncryptionSetting::default()
        }
    }
}

type Fault = (String, String);

fn read(fields: &BTreeMap<String, Value>) -> Result<EncryptionSetting, Fault> {
    if let Some(unknown) = fields.keys().find(|key| !NAMES.contains(&key.as_str())) {
        let summary = format!("`encryption` has no setting `{}`", quoted(unknown));
        return Err((summary, suggestion(unknown, NAMES).unwrap_or_else(|| EXAMPLE.to_owned())));
    }
    let set = |key: &str| fields.get(key).filter(|value| !value.is_null());
    let mut setting = EncryptionSetting::default();
    if let Some(recipients) = set("recipients") {
        let texts = recipients.as_list().and_then(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let texts = texts.ok_or_else(|| ("`recipients` is a list of strings".to_owned(), EXAMPLE.to_owned()))?;
        setting.recipients = texts.into_iter().map(str::to_owned).collect();
    }
    if let Some(recovery) = set("recovery") {
        let wrong = || ("`recovery` is a string".to_owned(), "write `recovery = \"age1…\"` or `\"none\"`".to_owned());
        setting.recovery = Some(recovery.as_str().ok_or_else(wrong)?.to_owned());
    }
    if let Some(passphrase) = set("passphrase") {
        let Data::Bool(passphrase) = passphrase.data() else {
            let hint = "a passphrase itself does not stand in a stack: it comes from COFFERDAM_PASSPHRASE";
            return Err(("`passphrase` is `true` or `false`".to_owned(), hint.to_owned()));
        };
        setting.passphrase = *passphrase;
    }
    if let Some(kms) = set("kms") {
        setting.kms = kms_keys(kms).map_err(|summary| (summary, KMS_EXAMPLE.to_owned()))?;
    }
    if let Some(state) = set("state") {
        let Data::Bool(state) = state.data() else {
            let hint = "write `state = true` to encrypt states and journals as a whole";
            return Err(("`state` is `true` or `false`".to_owned(), hint.to_owned()));
        };
        setting.state = *state;
    }
    Ok(setting)
}

/// One key, or a list of them.
fn kms_keys(value: &Value) -> Result<Vec<KmsKey>, String> {
    let keys: Vec<KmsKey> = match value.as_list() {
        Some(items) => items.iter().map(kms_key).collect::<Result<_, _>>()?,
        None => vec![kms_key(value)?],
    };
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].iter().any(|before| before.key == key.key) {
            return Err(format!("the key `{}` of `kms` is named twice", quoted(&key.key)));
        }
    }
    Ok(keys)
}

fn kms_key(value: &Value) -> Result<KmsKey, String> {
    let mut fields = Fields::of(value, "kms")?;
    let key = fields.text("key")?.ok_or("`kms` has a `key`")?;
    let (region, profile, endpoint) = (fields.text("region")?, fields.text("profile")?, fields.text("endpoint")?);
    let role = fields.role()?;
    fields.nothing_left()?;
    Ok(KmsKey { key, region, profile, endpoint, role })
}
