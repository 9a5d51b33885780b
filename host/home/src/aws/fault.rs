//! What a server or the way to it said, sorted by what follows from it. The text names no credential: requests,
//! signatures and headers are not in it.

use std::error::Error;
use std::fmt;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

use crate::store::Trouble;

const LONGEST_TEXT: usize = 500;

/// Why a request did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The name is taken, by a condition of ours.
    Taken,
    /// Somebody else works on the name at this moment.
    Conflict,
    /// No object has the name.
    NoObject,
    /// The parts of an upload are gone: it was completed or aborted.
    NoUpload,
    NoBucket,
    /// The bucket is in another region; which, where the server tells.
    Region(Option<String>),
    Denied,
    /// The credentials have expired.
    Expired,
    /// The server does not know the credentials.
    WrongKeys,
    /// The clocks differ; the server's time, where it tells.
    Clock(Option<String>),
    NoCredentials,
    /// Credentials were looked for, and looking failed.
    CredentialsFailed,
    /// Nothing answers at the address.
    Refused,
    /// The host has no address.
    NoHost,
    /// Not all of an answer, or one that says to come back later.
    Busy,
    /// No answer in time.
    Silent,
    /// The server cannot do it.
    Unsupported,
    /// Longer than a home's objects are.
    TooLarge,
    /// The service has no such key that encrypts.
    NoKey,
    /// The key is disabled, is about to be deleted, or its material is not there.
    KeyOff,
    /// The key is of a kind that cannot do it.
    WrongKeyKind,
    /// Another key has encrypted it, or what it was encrypted for is something else.
    NotOurs,
    /// The settings do not fit.
    Settings(&'static str),
    Other,
}

/// A request that failed.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) cause: Cause,
    pub(crate) trouble: Trouble,
    pub(crate) text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Fault {}

impl Fault {
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self { cause: Cause::Busy, trouble: Trouble::Passing, text: text.into() }
    }

    pub(crate) fn silent(text: impl Into<String>) -> Self {
        Self { cause: Cause::Silent, ..Self::passing(text) }
    }

    pub(crate) fn lasting(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, trouble: Trouble::Lasting, text: text.into() }
    }

    /// Whether the same request may have another answer in a moment.
    pub(crate) fn is_short(&self) -> bool {
        self.cause == Cause::Busy
    }

    /// What the SDK says of a request. `own` sorts the codes that only this service has.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>, own: Own) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                let meta = answer.err().meta();
                let answer = Answer {
                    status: answer.raw().status().as_u16(),
                    code: meta.code().unwrap_or_default(),
                    message: meta.message().unwrap_or_default(),
                    region: answer.raw().headers().get("x-amz-bucket-region"),
                    date: answer.raw().headers().get("date"),
                    request: meta.request_id(),
                };
                answer.fault(own)
            }
            SdkError::TimeoutError(_) => Self::silent("no answer in time"),
            SdkError::ResponseError(answer) => {
                let status = answer.raw().status().as_u16();
                Self::passing(format!("an answer that cannot be read, with status {status}: {}", chain(error)))
            }
            // Something in the request or the settings, before anything was sent.
            SdkError::ConstructionFailure(_) => match Self::on_the_way(error) {
                Self { cause: Cause::Busy | Cause::Silent, text, .. } => Self::lasting(Cause::Other, text),
                fault => fault,
            },
            _ => Self::on_the_way(error),
        }
    }

    /// No answer came: credentials, connection or TLS.
    fn on_the_way(error: &(dyn Error + 'static)) -> Self {
        let text = chain(error);
        if let Some(credentials) = find::<CredentialsError>(error) {
            return match credentials {
                CredentialsError::CredentialsNotLoaded(_) => Self::lasting(Cause::NoCredentials, "no credentials"),
                CredentialsError::ProviderTimedOut(_) => {
                    Self { cause: Cause::CredentialsFailed, trouble: Trouble::Passing, text }
                }
                _ => Self::lasting(Cause::CredentialsFailed, text),
            };
        }
        let cause = match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Cause::Refused,
            // A certificate that is not trusted, or no TLS at all.
            Some(io::ErrorKind::InvalidData) => return Self::lasting(Cause::Other, text),
            _ if text.contains("dns error") || text.contains("lookup address") => Cause::NoHost,
            _ => Cause::Busy,
        };
        Self { cause, trouble: Trouble::Passing, text }
    }
}

/// Sorts an answer by a code that only one service has; none for any other.
pub(crate) type Own = fn(&Answer<'_>) -> Option<Cause>;

/// The parts of an answer that its meaning depends on.
#[derive(Default)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) date: Option<&'a str>,
    pub(crate) request: Option<&'a str>,
}

impl Answer<'_> {
    pub(crate) fn fault(&self, own: Own) -> Fault {
        let cause = own(self).unwrap_or_else(|| self.cause());
        let passing = matches!(cause, Cause::Busy | Cause::Conflict);
        let trouble = if passing { Trouble::Passing } else { Trouble::Lasting };
        let request = self.request.map(|request| format!(", request {}", plain(request))).unwrap_or_default();
        let status = format!("status {}{request}", self.status);
        let (code, message) = (plain(self.code), plain(self.message));
        let text = match (code.trim(), message.trim()) {
            ("", "") => status,
            ("", one) | (one, "") => format!("{one} ({status})"),
            (code, message) => format!("{code}: {message} ({status})"),
        };
        Fault { cause, trouble, text }
    }

    fn cause(&self) -> Cause {
        match self.code {
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => Cause::Expired,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException" => Cause::WrongKeys,
            // One code for a wrong key and a wrong clock.
            "InvalidSignatureException" if !self.message.contains("Signature expired") => Cause::WrongKeys,
            "RequestTimeTooSkewed" | "InvalidSignatureException" => Cause::Clock(self.date.map(str::to_owned)),
            "AccessDenied" | "AccessDeniedException" => Cause::Denied,
            "Throttling"
            | "ThrottlingException"
            | "TooManyRequests"
            | "RequestTimeout"
            | "InternalError"
            | "InternalFailure"
            | "ServiceUnavailable"
            | "ServiceUnavailableException" => Cause::Busy,
            _ => match self.status {
                301 | 307 | 308 => Cause::Region(self.other_region()),
                401 | 403 => Cause::Denied,
                405 | 501 => Cause::Unsupported,
                409 => Cause::Conflict,
                412 => Cause::Taken,
                408 | 429 | 500..=599 => Cause::Busy,
                _ => Cause::Other,
            },
        }
    }

    /// Where it has to be asked: the header of a redirect, or what the message expects.
    pub(crate) fn other_region(&self) -> Option<String> {
        let expected = || self.message.split_once("expecting '")?.1.split_once('\'').map(|(region, _)| region);
        let region = self.region.or_else(expected)?;
        let plain = region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        (plain && !region.is_empty()).then(|| region.to_owned())
    }
}

/// A server's text without what would control a terminal, and not without end.
fn plain(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The text of an error and of what caused it, each once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !text.is_empty() && parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    plain(&parts.join(": "))
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str, message: &str) -> Fault {
        Answer { status, code, message, ..Answer::default() }.fault(|_| None)
    }

    #[test]
    fn answers_are_sorted_by_what_follows() {
        let cases = [
            (403, "", Cause::Denied, Trouble::Lasting),
            (400, "AccessDeniedException", Cause::Denied, Trouble::Lasting),
            (400, "ExpiredToken", Cause::Expired, Trouble::Lasting),
            (400, "InvalidSignatureException", Cause::WrongKeys, Trouble::Lasting),
            (403, "RequestTimeTooSkewed", Cause::Clock(None), Trouble::Lasting),
            (400, "ThrottlingException", Cause::Busy, Trouble::Passing),
            (500, "", Cause::Busy, Trouble::Passing),
            (429, "", Cause::Busy, Trouble::Passing),
            (404, "", Cause::Other, Trouble::Lasting),
        ];
        for (status, code, cause, trouble) in cases {
            let fault = answer(status, code, "text");
            assert_eq!((fault.cause, fault.trouble), (cause, trouble), "{status} {code}");
        }
        let late = "Signature expired: 20200101T000000Z is now earlier than 20300101T000000Z";
        assert_eq!(answer(400, "InvalidSignatureException", late).cause, Cause::Clock(None));
    }

    #[test]
    fn texts_are_short_and_plain() {
        assert_eq!(answer(503, "SlowDown", "Reduce it.").text, "SlowDown: Reduce it. (status 503)");
        assert_eq!(answer(503, "", "").text, "status 503");
        let asked = Answer { status: 500, request: Some("R1"), ..Answer::default() }.fault(|_| None);
        assert_eq!(asked.text, "status 500, request R1");
        assert_eq!(answer(500, "", "\u{1b}[31mred").text, "[31mred (status 500)");
        assert!(answer(500, "", &"x".repeat(10_000)).text.len() < 600);
    }
}
