//! Evaluates `grant` blocks: what the user allows a plugin.

use std::path::PathBuf;

use cofferdam_model::assets::AssetPath;
use cofferdam_model::capabilities::{
    AwsRole, AwsSource, CredentialGrant, CredentialSource, DirectoryGrant, Grant, GrantedLimits, HostPattern,
};
use cofferdam_model::{Data, SecretName, Value};
use hcl_edit::expr::Expression;

use crate::constants::Constants;
use crate::declare::{Fields, GrantBlock, NamedFields};
use crate::eval::Scope;
use crate::findings::{Findings, quoted};
use crate::source::span;
use crate::units;

/// The grants of every provider block, in their order.
pub(crate) fn evaluate(scope: &Scope, findings: &mut Findings) -> Vec<Grant> {
    let grants = scope.declarations.providers.iter().map(|block| {
        let mut constants = Constants { scope, file: &block.place.file, findings };
        block.grant.as_ref().map(|grant| read(grant, &mut constants)).unwrap_or_default()
    });
    grants.collect()
}

fn read(block: &GrantBlock, constants: &mut Constants<'_>) -> Grant {
    let mut grant = Grant { hosts: hosts(block.hosts.as_ref(), constants), ..Grant::default() };
    for credential in &block.credentials {
        if let Some(found) = read_credential(credential, constants) {
            grant.credentials.insert(credential.name.clone(), found);
        }
    }
    for directory in &block.directories {
        if let Some(found) = read_directory(directory, constants) {
            grant.directories.insert(directory.name.clone(), found);
        }
    }
    grant.assets = assets(block.assets.as_ref(), constants);
    grant.limits = block.limits.as_ref().map(|limits| read_limits(limits, constants)).unwrap_or_default();
    grant
}

fn hosts(expression: Option<&Expression>, constants: &mut Constants<'_>) -> Vec<HostPattern> {
    let Some(expression) = expression else { return Vec::new() };
    let mut found = Vec::new();
    for (text, range) in constants.texts(expression) {
        match HostPattern::parse(&text) {
            Ok(pattern) => found.push(pattern),
            Err(error) => constants.error_at(span(constants.file, range), &error.to_string(), None),
        }
    }
    found
}

fn assets(expression: Option<&Expression>, constants: &mut Constants<'_>) -> Vec<AssetPath> {
    let Some(expression) = expression else { return Vec::new() };
    let mut found = Vec::new();
    for (text, range) in constants.texts(expression) {
        match AssetPath::parse(&text) {
            Ok(path) => found.push(path),
            Err(error) => constants.error_at(span(constants.file, range), &error.to_string(), None),
        }
    }
    found
}

fn read_credential(block: &NamedFields, constants: &mut Constants<'_>) -> Option<CredentialGrant> {
    let hosts = hosts(block.fields.get("hosts").map(|attribute| &attribute.value), constants);
    let Some(from) = block.fields.get("from") else {
        let summary = format!("the credential `{}` does not say where it comes from", quoted(&block.name));
        constants.error_at(block.place.span(), &summary, Some("add `from = \"env:NAME\"`"));
        return None;
    };
    let text = constants.text(&from.value)?;
    let name = match text.split_once(':') {
        Some(("env", name)) => name,
        Some(("secret", name)) => {
            let name = SecretName::new(name).map_err(|error| {
                constants.error(&from.value, &error.to_string(), Some("write `from = \"secret:NAME\"`"));
            });
            return name.ok().map(|name| CredentialGrant { from: CredentialSource::Secret(name), hosts });
        }
        Some(("profile", name)) if !name.is_empty() => {
            return Some(CredentialGrant { from: aws(block, Some(name), constants)?, hosts });
        }
        Some(("file" | "command", _)) => {
            let scheme = text.split(':').next().unwrap_or_default();
            let summary = format!("credentials from `{scheme}:` are not supported by this version");
            constants.error(&from.value, &summary, Some("put it into the environment: `from = \"env:NAME\"`"));
            return None;
        }
        _ if text == "default" => return Some(CredentialGrant { from: aws(block, None, constants)?, hosts }),
        _ => {
            let summary = format!("`{}` is no source of a credential", quoted(&text));
            constants.error(&from.value, &summary, Some("write `from = \"env:NAME\"`"));
            return None;
        }
    };
    no_aws(block, constants);
    let valid = !name.is_empty() && !name.contains(['=', '\0']);
    if !valid {
        constants.error(&from.value, "this names no environment variable", Some("write `from = \"env:NAME\"`"));
    }
    valid.then(|| CredentialGrant { from: CredentialSource::Env(name.to_owned()), hosts })
}

const OF_AWS: [&str; 4] = ["expected_account", "role", "endpoint", "path_style"];

/// What only credentials of AWS have.
fn no_aws(block: &NamedFields, constants: &mut Constants<'_>) {
    for key in OF_AWS {
        if let Some(attribute) = block.fields.get(key) {
            let summary = format!("`{key}` belongs to credentials of AWS");
            let hint = "those come `from = \"default\"` or `\"profile:NAME\"`";
            constants.error(&attribute.value, &summary, Some(hint));
        }
    }
}

fn aws(block: &NamedFields, profile: Option<&str>, constants: &mut Constants<'_>) -> Option<CredentialSource> {
    let value = |key: &str| block.fields.get(key).map(|attribute| &attribute.value);
    let mut source = AwsSource { profile: profile.map(str::to_owned), ..AwsSource::default() };
    if let Some(account) = value("expected_account") {
        let text = constants.text(account)?;
        if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            constants.error(account, "an account of AWS has twelve digits", None);
            return None;
        }
        source.expected_account = Some(text);
    }
    if let Some(endpoint) = value("endpoint") {
        source.endpoint = Some(constants.text(endpoint)?);
    }
    if let Some(path_style) = value("path_style") {
        source.path_style = constants.flag(path_style)?;
    }
    if let Some(role) = value("role") {
        let found = constants.any(role)?;
        match read_role(&found) {
            Ok(read) => source.role = Some(read),
            Err(summary) => {
                let hint = "write `role = { arn = \"arn:aws:iam::123456789012:role/deploy\" }`, with `external_id` and \
                            `session_name` where they are needed";
                constants.error(role, &summary, Some(hint));
                return None;
            }
        }
    }
    Some(CredentialSource::Aws(Box::new(source)))
}

fn read_role(value: &Value) -> Result<AwsRole, String> {
    let fields = value.as_object().ok_or("a `role` is an object")?;
    let text = |key: &str| {
        let found = fields.get(key).filter(|value| !value.is_null());
        let text = found.map(|value| value.as_str().map(str::to_owned).ok_or_else(|| format!("`{key}` is a text")));
        text.transpose()
    };
    if let Some(unknown) = fields.keys().find(|key| !["arn", "external_id", "session_name"].contains(&key.as_str())) {
        return Err(format!("a `role` has no setting `{}`", quoted(unknown)));
    }
    let arn = text("arn")?.ok_or("a `role` has an `arn`")?;
    Ok(AwsRole { arn, external_id: text("external_id")?, session_name: text("session_name")? })
}

fn read_directory(block: &NamedFields, constants: &mut Constants<'_>) -> Option<DirectoryGrant> {
    let write = block.fields.get("write").map(|attribute| constants.flag(&attribute.value));
    let Some(path) = block.fields.get("path") else {
        let summary = format!("the directory `{}` has no `path`", quoted(&block.name));
        let hint = format!("add `path = \"./{}\"`", quoted(&block.name));
        constants.error_at(block.place.span(), &summary, Some(&hint));
        return None;
    };
    let text = constants.text(&path.value)?;
    if text.is_empty() || text.contains('\0') {
        constants.error(&path.value, "this names no directory", None);
        return None;
    }
    // A flag that could not be read has been reported; nothing is granted by mistake.
    Some(DirectoryGrant { path: PathBuf::from(text), write: write.flatten().unwrap_or(false) })
}

fn read_limits(fields: &Fields, constants: &mut Constants<'_>) -> GrantedLimits {
    let mut limit = |key: &str, parse: fn(&str) -> Result<u64, &'static str>| {
        let expression = &fields.get(key)?.value;
        let text = constants.text(expression)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(rule) => {
                constants.error(expression, &format!("`{}` is no valid `{key}`", quoted(&text)), Some(rule));
                None
            }
        }
    };
    let mut granted = GrantedLimits {
        memory_bytes: limit("memory", units::bytes),
        cpu_ms: limit("cpu", units::milliseconds),
        wall_ms: limit("wall", units::milliseconds),
        http_body_bytes: limit("http_body", units::bytes),
        store_bytes: limit("memory_in_all", units::bytes),
        copied_bytes: limit("copied", units::bytes),
        plan_cpu_ms: limit("plan_cpu", units::milliseconds),
        log_bytes: limit("log", units::bytes),
        log_line_bytes: limit("log_line", units::bytes).map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX)),
        ..GrantedLimits::default()
    };
    let mut count = |key: &str| {
        let expression = &fields.get(key)?.value;
        let value = constants.any(expression)?;
        let number = match value.data() {
            Data::Number(number) => number.as_i64().and_then(|number| u32::try_from(number).ok()),
            _ => None,
        };
        if number.is_none_or(|number| number == 0) {
            constants.error(expression, &format!("`{key}` is a whole number from 1 to {}", u32::MAX), None);
            return None;
        }
        number
    };
    granted.host_calls = count("host_calls").map(u64::from);
    granted.table_elements = count("table_elements");
    granted.memories = count("memories");
    granted.handles = count("handles");
    granted
}
