//! What went wrong, in the contract's taxonomy, and what a failed write left behind.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::bindings::cofferdam::provider::{http, types};
use crate::pointer;

pub use types::{Diagnostic, ErrorKind, Severity};

/// A typed failure. The kind tells the host what to do: it retries conflict, throttled, unavailable and not-stabilized
/// by itself; everything else stops the resource.
///
/// Messages are one lowercase sentence without a final stop: what was tried, on what, what the outside said. Never a
/// secret.
#[derive(Clone, Debug)]
pub struct Error(types::ProviderError);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(ErrorKind::$kind, message)
        }
    )*};
}

impl Error {
    /// An error of any kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(types::ProviderError { kind, message, diagnostics: Vec::new(), retry_after_ms: None, request_id: None })
    }

    kinds! {
        /// The inputs are wrong; the user must change them.
        invalid_input => InvalidInput;
        /// What the call is about does not exist.
        not_found => NotFound;
        /// An object with this identity exists and was not made by this operation.
        already_exists => AlreadyExists;
        /// Retried: something else changed the object at the same time.
        conflict => Conflict;
        /// Retried: the service asked for fewer requests.
        throttled => Throttled;
        /// Retried: the service or the network failed.
        unavailable => Unavailable;
        /// Retried: accepted, but the object did not become usable in time.
        not_stabilized => NotStabilized;
        /// A limit of the account is reached.
        quota_exceeded => QuotaExceeded;
        /// The credential is valid and may not do this.
        access_denied => AccessDenied;
        /// The credential is missing, wrong or expired.
        bad_credentials => BadCredentials;
        /// This plugin cannot do what was asked.
        unsupported => Unsupported;
        /// A bug in the plugin.
        internal => Internal;
        /// None of the other kinds; the message says what.
        other => Other;
    }

    /// Names the property that is to blame, such as `length` or `/rules/0/port`; the host shows its line.
    #[must_use]
    pub fn at(mut self, property: &str) -> Self {
        let at = Some(pointer::from_property(property));
        let summary = self.0.message.clone();
        self.0.diagnostics.push(Diagnostic { severity: Severity::Error, summary, detail: None, at });
        self
    }

    /// Adds a finding of its own.
    #[must_use]
    pub fn diagnostic(mut self, diagnostic: Diagnostic) -> Self {
        self.0.diagnostics.push(diagnostic);
        self
    }

    /// The wait that the service asked for; read for the retried kinds only.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The id that the remote service gave the failed request.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// Puts what was being done before the message: `what: message`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The findings with places.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.0.diagnostics
    }

    /// Makes it a failed write that left something behind; `outputs` are the properties known so far.
    #[must_use]
    pub fn with_partial(self, outputs: impl Serialize) -> Failure {
        Failure::from(self).with_partial(outputs)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<types::ProviderError> for Error {
    fn from(error: types::ProviderError) -> Self {
        Self(error)
    }
}

impl From<Error> for types::ProviderError {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl From<http::HttpError> for Error {
    fn from(error: http::HttpError) -> Self {
        use http::HttpError as E;
        match error {
            E::Denied(text) => Self::access_denied(text),
            E::Dns(text) | E::Connect(text) | E::Tls(text) => Self::unavailable(text),
            E::Timeout => Self::unavailable("the request timed out"),
            E::TooLarge => Self::other("the request or the response is over the host's size limit"),
            E::Cancelled => Self::other("the run is being stopped"),
            E::Unsupported(text) => Self::unsupported(text),
            E::Other(text) => Self::other(text),
        }
    }
}

/// A failed write: the error, and the object as far as it was made. The host saves that before it reports the error, so
/// that a half-made object is never lost.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) error: Error,
    pub(crate) partial: Option<Box<Partial>>,
}

/// The outputs known so far of an object that is not finished.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partial {
    pub(crate) outputs: Value,
    pub(crate) hidden: Option<Vec<u8>>,
}

impl Failure {
    /// Says what exists now; `outputs` are the output properties known so far, for instance `json!({"id": id})`. The
    /// inputs are added by the SDK.
    #[must_use]
    pub fn with_partial(mut self, outputs: impl Serialize) -> Self {
        // What does not serialize is dropped: the error is worth more than the reason why.
        let outputs = serde_json::to_value(outputs).unwrap_or_default();
        self.partial.get_or_insert_default().outputs = outputs;
        self
    }

    /// Private bytes to keep beside the partial object.
    #[must_use]
    pub fn hidden(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.partial.get_or_insert_default().hidden = Some(bytes.into());
        self
    }

    /// The error alone.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The outputs known so far, where there is something.
    #[must_use]
    pub fn partial(&self) -> Option<&Value> {
        self.partial.as_ref().map(|partial| &partial.outputs)
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), partial: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_become_diagnostics() {
        let error = Error::invalid_input("must be at least 1").at("length").at("/rules/0");
        let places: Vec<_> = error.diagnostics().iter().filter_map(|d| d.at.as_deref()).collect();
        assert_eq!(places, ["/length", "/rules/0"]);
    }

    #[test]
    fn http_errors_get_the_right_kind() {
        let kind = |error: http::HttpError| Error::from(error).kind();
        assert_eq!(kind(http::HttpError::Denied("x".into())), ErrorKind::AccessDenied);
        assert_eq!(kind(http::HttpError::Dns("x".into())), ErrorKind::Unavailable);
        assert_eq!(kind(http::HttpError::Timeout), ErrorKind::Unavailable);
        assert_eq!(kind(http::HttpError::TooLarge), ErrorKind::Other);
        assert_eq!(kind(http::HttpError::Unsupported("x".into())), ErrorKind::Unsupported);
    }

    #[test]
    fn huge_waits_do_not_overflow() {
        let error: types::ProviderError = Error::throttled("slow down").retry_after(Duration::MAX).into();
        assert_eq!(error.retry_after_ms, Some(u64::MAX));
    }

    #[test]
    fn a_partial_is_kept() {
        let failure = Error::unavailable("gone").with_partial(json!({"id": "x"})).hidden([1]);
        let partial = failure.partial.expect("a partial was given");
        assert_eq!((partial.outputs, partial.hidden), (json!({"id": "x"}), Some(vec![1])));
    }
}
