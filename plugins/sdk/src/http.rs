//! HTTP through the host, which adds the credential. A plugin names credentials and never sees one.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::cofferdam::provider::http as wit;
use crate::error::{Error, ErrorKind};
use crate::host;

/// The most of a body that an error message quotes, in characters.
const EXCERPT: usize = 300;

/// A request in the making.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    request: wit::Request,
    /// A body that did not serialize; said when the request is sent.
    broken: Option<String>,
}

/// A GET request.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url).idempotent()
}

/// A POST request.
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

/// A PUT request.
pub fn put(url: impl Into<String>) -> Request {
    Request::new("PUT", url).idempotent()
}

/// A PATCH request.
pub fn patch(url: impl Into<String>) -> Request {
    Request::new("PATCH", url)
}

/// A DELETE request.
pub fn delete(url: impl Into<String>) -> Request {
    Request::new("DELETE", url).idempotent()
}

/// Sends up to 64 requests at the same time and answers in their order.
pub fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    let described: Vec<_> = requests.iter().map(Request::describe).collect();
    let broken: Vec<_> = requests.iter().map(|request| request.broken.clone()).collect();
    if let Some(text) = broken.into_iter().flatten().next() {
        return described
            .iter()
            .map(|what| Err(Error::internal(format!("{what}: the body cannot be written: {text}"))))
            .collect();
    }
    let requests: Vec<_> = requests.into_iter().map(|request| request.request).collect();
    let answers = host::with(|host| host.send(&requests));
    let answer = |(what, answer): (String, Result<wit::Response, wit::HttpError>)| match answer {
        Ok(response) => Ok(Response { what, response }),
        Err(error) => Err(Error::from(error).context(what)),
    };
    described.into_iter().zip(answers).map(answer).collect()
}

impl Request {
    /// A request with any method.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let request = wit::Request {
            method: method.to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            auth: wit::Auth::None,
            idempotent: false,
            timeout_ms: None,
        };
        Self { request, broken: None }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.headers.push((name.into(), value.into()));
        self
    }

    /// Sends a value as JSON.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.request.body = body,
            Err(error) => self.broken = Some(error.to_string()),
        }
        self.header("content-type", "application/json")
    }

    /// Sends bytes.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = body.into();
        self
    }

    /// `authorization: Bearer …` from the named credential.
    pub fn bearer(self, credential: &str) -> Self {
        self.auth(wit::Auth::Bearer(credential.to_owned()))
    }

    /// `authorization: Basic …` from the named credential.
    pub fn basic(self, credential: &str) -> Self {
        self.auth(wit::Auth::Basic(credential.to_owned()))
    }

    /// A header of its own, such as `x-api-key`, from the named credential.
    pub fn credential_header(self, credential: &str, header: &str) -> Self {
        let (credential, header) = (credential.to_owned(), header.to_owned());
        self.auth(wit::Auth::Header(wit::HeaderCredential { credential, header }))
    }

    /// AWS Signature Version 4 with the named credential.
    pub fn sigv4(self, credential: &str, service: &str, region: &str) -> Self {
        let (credential, service, region) = (credential.to_owned(), service.to_owned(), region.to_owned());
        self.auth(wit::Auth::Sigv4(wit::Sigv4 { credential, service, region }))
    }

    fn auth(mut self, auth: wit::Auth) -> Self {
        self.request.auth = auth;
        self
    }

    /// Says that repeating the request does no harm, so that the host may.
    pub fn idempotent(mut self) -> Self {
        self.request.idempotent = true;
        self
    }

    /// A shorter time than the call has left.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Sends it. Any status is an answer; [`Response::ok`] makes errors of those from 400.
    ///
    /// # Errors
    ///
    /// What the host refused or the network failed to do.
    pub fn send(self) -> Result<Response, Error> {
        let missing = || Err(Error::internal("the host gave no answer to a request"));
        send_all(vec![self]).pop().unwrap_or_else(missing)
    }

    /// For messages: no query, which may hold what nobody should read.
    fn describe(&self) -> String {
        let url = self.request.url.split(['?', '#']).next().unwrap_or_default();
        format!("{} {url}", self.request.method)
    }
}

/// An answer of any status.
#[derive(Clone, Debug)]
pub struct Response {
    what: String,
    response: wit::Response,
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.response.body
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// `other` where it is not JSON of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.body())
            .map_err(|error| Error::other(format!("{}: unexpected answer: {error}", self.what)))
    }

    /// The answer itself where its status is below 400.
    ///
    /// # Errors
    ///
    /// What [`Response::error`] says.
    pub fn ok(self) -> Result<Self, Error> {
        if self.status() < 400 { Ok(self) } else { Err(self.error()) }
    }

    /// The same, and none for 404 and 410: how reads and deletes see a missing object.
    ///
    /// # Errors
    ///
    /// What [`Response::error`] says, for every other status from 400.
    pub fn found(self) -> Result<Option<Self>, Error> {
        if matches!(self.status(), 404 | 410) { Ok(None) } else { self.ok().map(Some) }
    }

    /// The error that this status usually means, with the wait and the request id that the service sent.
    #[must_use]
    pub fn error(&self) -> Error {
        let status = self.status();
        let mut error = Error::new(kind_of(status), format!("{}: status {status}{}", self.what, self.excerpt()));
        if let Some(seconds) = self.header("retry-after").and_then(|text| text.trim().parse::<u64>().ok()) {
            error = error.retry_after(Duration::from_secs(seconds));
        }
        for name in ["x-request-id", "x-amzn-requestid", "request-id", "x-correlation-id"] {
            if let Some(id) = self.header(name) {
                return error.request_id(id);
            }
        }
        error
    }

    fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(self.body());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(EXCERPT) {
            _ if text.is_empty() => String::new(),
            Some((end, _)) => format!(", {}…", &text[..end]),
            None => format!(", {text}"),
        }
    }
}

fn kind_of(status: u16) -> ErrorKind {
    match status {
        400 | 422 => ErrorKind::InvalidInput,
        401 => ErrorKind::BadCredentials,
        402 => ErrorKind::QuotaExceeded,
        403 => ErrorKind::AccessDenied,
        404 | 410 => ErrorKind::NotFound,
        409 | 412 | 423 => ErrorKind::Conflict,
        408 | 425 | 500 | 502..=599 => ErrorKind::Unavailable,
        429 => ErrorKind::Throttled,
        405 | 501 => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let response = wit::Response { status, headers, body: body.as_bytes().to_vec() };
        Response { what: "GET https://a.test/x".to_owned(), response }
    }

    #[test]
    fn statuses_become_errors() {
        let error =
            response(429, &[("Retry-After", "7"), ("x-request-id", "r1")], "slow\n down").ok().expect_err("429");
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert_eq!(error.message(), "GET https://a.test/x: status 429, slow down");
        assert!(response(204, &[], "").ok().is_ok());
        assert!(response(404, &[], "").found().expect("none").is_none());
        assert_eq!(response(503, &[("retry-after", "Wed, 21 Oct")], "").error().kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn long_bodies_are_cut_between_characters() {
        let error = response(400, &[], &"é".repeat(1000)).error();
        assert!(error.message().ends_with('…') && error.message().chars().count() < 350);
    }

    #[test]
    fn queries_stay_out_of_messages() {
        assert_eq!(get("https://a.test/x?token=1").describe(), "GET https://a.test/x");
    }
}
