//! Evaluates `grant` blocks: what the user allows a plugin.

use std::path::PathBuf;

use cofferdam_model::capabilities::{
    CredentialGrant, CredentialSource, DirectoryGrant, Grant, GrantedLimits, HostPattern,
};
use cofferdam_model::{Data, SecretName};
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
        Some(("file" | "command" | "profile", _)) => {
            let scheme = text.split(':').next().unwrap_or_default();
            let summary = format!("credentials from `{scheme}:` are not supported by this version");
            constants.error(&from.value, &summary, Some("put it into the environment: `from = \"env:NAME\"`"));
            return None;
        }
        _ if text == "default" => {
            let summary = "the credential source `default` is not supported by this version";
            constants.error(&from.value, summary, Some("put it into the environment: `from = \"env:NAME\"`"));
            return None;
        }
        _ => {
            let summary = format!("`{}` is no source of a credential", quoted(&text));
            constants.error(&from.value, &summary, Some("write `from = \"env:NAME\"`"));
            return None;
        }
    };
    let valid = !name.is_empty() && !name.contains(['=', '\0']);
    if !valid {
        constants.error(&from.value, "this names no environment variable", Some("write `from = \"env:NAME\"`"));
    }
    valid.then(|| CredentialGrant { from: CredentialSource::Env(name.to_owned()), hosts })
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
