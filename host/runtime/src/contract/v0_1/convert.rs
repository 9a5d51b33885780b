//! The contract's types to the host's and back. Everything that comes in is checked: documents, pointers, sizes.

use cofferdam_model::error::{ErrorKind, PluginFault, ProviderError, WriteFailure};
use cofferdam_model::provider::{Call, Checked, Mode, Pending, Planned, ReplaceOrder, Target, WriteOutcome};
use cofferdam_model::redact::Redactor;
use cofferdam_model::state::{Identity, ResourceState};
use cofferdam_model::{Diagnostic, Document, Pointer, Value};

use super::exported;
use super::imports::types as wit;

/// Provider-private data and checkpoints, in bytes.
pub(crate) const MAX_OPAQUE_BYTES: usize = 64 * 1024;
/// A message or a note, in bytes.
const MAX_TEXT_BYTES: usize = 8 * 1024;
const MAX_DIAGNOSTICS: usize = 100;
const MAX_IDENTITY_KEYS: usize = 32;

type Checkedly<T> = Result<T, PluginFault>;

fn broken(text: impl Into<String>) -> PluginFault {
    PluginFault::Contract(text.into())
}

/// Guest text for people: bounded, without control characters except line breaks. Redacted, because a cut text that is
/// redacted later may end in a part of a secret.
pub(crate) fn text(raw: &str, redactor: &Redactor) -> String {
    let bounded = redactor.redact_start(raw, MAX_TEXT_BYTES);
    bounded.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

pub(crate) fn document_out(value: &Value) -> wit::Document {
    let Document { json, unknown, secret } = Document::from_value(value);
    wit::Document { json, unknown, secret }
}

pub(crate) fn document_in(document: wit::Document, redactor: &Redactor) -> Checkedly<Value> {
    let wit::Document { json, unknown, secret } = document;
    Document { json, unknown, secret }.to_value().map_err(|error| broken(text(&error.to_string(), redactor)))
}

pub(crate) fn error_kind_in(kind: wit::ErrorKind) -> ErrorKind {
    match kind {
        wit::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
        wit::ErrorKind::NotFound => ErrorKind::NotFound,
        wit::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        wit::ErrorKind::Conflict => ErrorKind::Conflict,
        wit::ErrorKind::Throttled => ErrorKind::Throttled,
        wit::ErrorKind::Unavailable => ErrorKind::Unavailable,
        wit::ErrorKind::NotStabilized => ErrorKind::NotStabilized,
        wit::ErrorKind::QuotaExceeded => ErrorKind::QuotaExceeded,
        wit::ErrorKind::AccessDenied => ErrorKind::AccessDenied,
        wit::ErrorKind::BadCredentials => ErrorKind::BadCredentials,
        wit::ErrorKind::Unsupported => ErrorKind::Unsupported,
        wit::ErrorKind::Internal => ErrorKind::Internal,
        wit::ErrorKind::Other => ErrorKind::Other,
    }
}

pub(crate) fn diagnostics_in(diagnostics: Vec<wit::Diagnostic>, redactor: &Redactor) -> Vec<Diagnostic> {
    let diagnostic = |raw: wit::Diagnostic| {
        let summary = text(&raw.summary, redactor);
        let mut diagnostic = match raw.severity {
            wit::Severity::Warning => Diagnostic::warning(summary),
            wit::Severity::Error => Diagnostic::error(summary),
        };
        diagnostic.detail = raw.detail.map(|detail| text(&detail, redactor));
        // A place that is none costs the place, not the finding.
        diagnostic.at = raw.at.and_then(|at| Pointer::parse(&at).ok());
        diagnostic
    };
    diagnostics.into_iter().take(MAX_DIAGNOSTICS).map(diagnostic).collect()
}

pub(crate) fn error_in(error: wit::ProviderError, redactor: &Redactor) -> ProviderError {
    ProviderError {
        kind: error_kind_in(error.kind),
        message: text(&error.message, redactor),
        diagnostics: diagnostics_in(error.diagnostics, redactor),
        retry_after_ms: error.retry_after_ms,
        request_id: error.request_id.map(|id| text(&id, redactor)),
    }
}

pub(crate) fn error_out(kind: wit::ErrorKind, message: impl Into<String>) -> wit::ProviderError {
    wit::ProviderError {
        kind,
        message: message.into(),
        diagnostics: Vec::new(),
        retry_after_ms: None,
        request_id: None,
    }
}

pub(crate) fn provider_error_out(error: &ProviderError) -> wit::ProviderError {
    wit::ProviderError {
        retry_after_ms: error.retry_after_ms,
        request_id: error.request_id.clone(),
        ..error_out(error_kind_out(error.kind), error.message.clone())
    }
}

fn error_kind_out(kind: ErrorKind) -> wit::ErrorKind {
    match kind {
        ErrorKind::InvalidInput => wit::ErrorKind::InvalidInput,
        ErrorKind::NotFound => wit::ErrorKind::NotFound,
        ErrorKind::AlreadyExists => wit::ErrorKind::AlreadyExists,
        ErrorKind::Conflict => wit::ErrorKind::Conflict,
        ErrorKind::Throttled => wit::ErrorKind::Throttled,
        ErrorKind::Unavailable => wit::ErrorKind::Unavailable,
        ErrorKind::NotStabilized => wit::ErrorKind::NotStabilized,
        ErrorKind::QuotaExceeded => wit::ErrorKind::QuotaExceeded,
        ErrorKind::AccessDenied => wit::ErrorKind::AccessDenied,
        ErrorKind::BadCredentials => wit::ErrorKind::BadCredentials,
        ErrorKind::Unsupported => wit::ErrorKind::Unsupported,
        ErrorKind::Internal => wit::ErrorKind::Internal,
        ErrorKind::Other => wit::ErrorKind::Other,
    }
}

pub(crate) fn state_out(state: &ResourceState) -> wit::ResourceState {
    wit::ResourceState {
        identity: wit::Identity { keys: state.identity.0.clone() },
        properties: document_out(&state.properties),
        hidden: state.hidden.clone(),
        schema_version: state.schema_version,
    }
}

pub(crate) fn state_in(state: wit::ResourceState, redactor: &Redactor) -> Checkedly<ResourceState> {
    if state.hidden.len() > MAX_OPAQUE_BYTES {
        return Err(broken(format!(
            "hidden data of {} bytes, more than the {MAX_OPAQUE_BYTES} allowed",
            state.hidden.len()
        )));
    }
    let properties = document_in(state.properties, redactor)?;
    if properties.as_object().is_none() {
        return Err(broken(format!("properties that are a {}, not an object", properties.kind())));
    }
    if !properties.is_wholly_known() {
        return Err(broken("a state with unknown places"));
    }
    let keys = state.identity.keys;
    let valid = keys.len() <= MAX_IDENTITY_KEYS
        && keys.iter().all(|(pointer, value)| Pointer::parse(pointer).is_ok() && value.len() <= MAX_TEXT_BYTES);
    if !valid {
        return Err(broken("an identity that is no list of pointers and values"));
    }
    Ok(ResourceState {
        identity: Identity(keys),
        properties,
        hidden: state.hidden,
        schema_version: state.schema_version,
    })
}

pub(crate) fn failure_in(failure: wit::Failure, is_uncertain: bool, redactor: &Redactor) -> WriteFailure {
    let error = error_in(failure.error, redactor).into();
    match failure.partial.map(|state| state_in(state, redactor)).transpose() {
        Ok(partial) => WriteFailure { error, partial, is_uncertain },
        Err(fault) => fault.into(),
    }
}

pub(crate) fn context_out(call: &Call, remaining_ms: u64) -> wit::CallContext {
    wit::CallContext {
        mode: match call.mode {
            Mode::ReadOnly => wit::Mode::ReadOnly,
            Mode::Write => wit::Mode::Write,
        },
        operation_id: call.operation.as_ref().map(ToString::to_string).unwrap_or_default(),
        attempt: call.attempt,
        remaining_ms,
    }
}

fn pending_in(pending: wit::Pending, redactor: &Redactor) -> Checkedly<WriteOutcome> {
    if pending.checkpoint.len() > MAX_OPAQUE_BYTES {
        return Err(broken(format!(
            "a checkpoint of {} bytes, more than the {MAX_OPAQUE_BYTES} allowed",
            pending.checkpoint.len()
        )));
    }
    Ok(WriteOutcome::Pending(Pending {
        checkpoint: pending.checkpoint,
        poll_after_ms: pending.poll_after_ms,
        note: pending.note.map(|note| text(&note, redactor)),
        partial: pending.partial.map(|state| state_in(state, redactor)).transpose()?,
    }))
}

pub(crate) fn write_in(outcome: wit::WriteOutcome, redactor: &Redactor) -> Checkedly<WriteOutcome> {
    match outcome {
        wit::WriteOutcome::Done(state) => Ok(WriteOutcome::Written(state_in(state, redactor)?)),
        wit::WriteOutcome::Pending(pending) => pending_in(pending, redactor),
    }
}

pub(crate) fn delete_in(outcome: wit::DeleteOutcome, redactor: &Redactor) -> Checkedly<WriteOutcome> {
    match outcome {
        wit::DeleteOutcome::Done => Ok(WriteOutcome::Deleted),
        wit::DeleteOutcome::Pending(pending) => pending_in(pending, redactor),
    }
}

pub(crate) fn resume_in(outcome: wit::ResumeOutcome, redactor: &Redactor) -> Checkedly<WriteOutcome> {
    match outcome {
        wit::ResumeOutcome::Written(state) => Ok(WriteOutcome::Written(state_in(state, redactor)?)),
        wit::ResumeOutcome::Deleted => Ok(WriteOutcome::Deleted),
        wit::ResumeOutcome::Pending(pending) => pending_in(pending, redactor),
    }
}

pub(crate) fn checked_in(checked: exported::Checked, redactor: &Redactor) -> Checkedly<Checked> {
    let inputs = document_in(checked.inputs, redactor)?;
    if inputs.as_object().is_none() {
        return Err(broken(format!("inputs that are a {}, not an object", inputs.kind())));
    }
    Ok(Checked { inputs, diagnostics: diagnostics_in(checked.diagnostics, redactor) })
}

pub(crate) fn planned_in(planned: exported::Planned, redactor: &Redactor) -> Checkedly<Planned> {
    let after = document_in(planned.after, redactor)?;
    if after.as_object().is_none() {
        return Err(broken(format!("planned properties that are a {}, not an object", after.kind())));
    }
    let replace = planned
        .replace
        .into_iter()
        .map(|(pointer, reason)| {
            Ok((Pointer::parse(&pointer).map_err(|error| broken(error.to_string()))?, text(&reason, redactor)))
        })
        .collect::<Checkedly<Vec<_>>>()?;
    Ok(Planned {
        after,
        replace,
        order: match planned.order {
            exported::ReplaceOrder::Either => ReplaceOrder::Either,
            exported::ReplaceOrder::CreateFirst => ReplaceOrder::CreateFirst,
            exported::ReplaceOrder::DeleteFirst => ReplaceOrder::DeleteFirst,
        },
        diagnostics: diagnostics_in(planned.diagnostics, redactor),
    })
}

pub(crate) fn target_out(target: &Target) -> exported::Target {
    match target {
        Target::State(state) => exported::Target::State(state_out(state)),
        Target::Identity(identity) => exported::Target::Identity(wit::Identity { keys: identity.0.clone() }),
        Target::Operation(operation) => exported::Target::Operation(operation.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_at_the_cut_of_a_text_is_not_shown_in_part() {
        let redactor = Redactor::default();
        redactor.learn_text("correct-horse-battery-staple");
        for lead in MAX_TEXT_BYTES - 30..MAX_TEXT_BYTES + 2 {
            let shown = text(&format!("{}correct-horse-battery-staple", "x".repeat(lead)), &redactor);
            assert!(!shown.contains('o') && shown.len() <= MAX_TEXT_BYTES + 8, "{lead}");
        }
    }
}
