//! What a request must satisfy before anything is resolved, signed or sent. Everything here is decided on the parsed
//! URL, the very one that is connected to.

use cofferdam_model::capabilities::HostPattern;
use cofferdam_model::provider::Mode;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

const MAX_URL: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// Headers that belong to the host.
pub(super) const OWNED: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "proxy-authorization"];

/// A request that passed.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub host: String,
    pub port: u16,
}

/// Why a request did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The grant or the mode forbids it.
    Denied(String),
    /// It is no request that HTTP knows.
    Malformed(String),
}

pub(crate) fn check(
    method: &str,
    url: &str,
    headers: &[(String, String)],
    hosts: &[HostPattern],
    mode: Mode,
    plugin: &str,
) -> Result<Allowed, Refusal> {
    let malformed = |text: String| Err(Refusal::Malformed(text));
    if url.len() > MAX_URL {
        return malformed(format!("the URL is longer than {MAX_URL} bytes"));
    }
    let url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return malformed(format!("the URL cannot be parsed: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return malformed(format!("the scheme `{}` is not served; use `https`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Denied("a URL with user information is refused; use a credential".into()));
    }
    let (Some(host), Some(port)) = (url.host_str().map(str::to_owned), url.port_or_known_default()) else {
        return malformed("the URL has no host".into());
    };
    if url.scheme() == "http" && port == 443 {
        return Err(Refusal::Denied("plain HTTP on port 443 is refused; use `https`".into()));
    }
    if !hosts.iter().any(|pattern| pattern.allows(&host, port)) {
        let name = if port == 443 { host.clone() } else { format!("{host}:{port}") };
        return Err(Refusal::Denied(format!(
            "plugin `{plugin}` may not reach `{host}:{port}`; to allow it, add \"{name}\" to `hosts` in the `grant` block"
        )));
    }
    let method = match Method::from_bytes(method.as_bytes()) {
        // TRACE would send the credential back in the body.
        Ok(method) if method != Method::CONNECT && method != Method::TRACE => method,
        _ => return malformed("the method is none that HTTP knows".into()),
    };
    if mode == Mode::ReadOnly && method != Method::GET && method != Method::HEAD {
        return Err(Refusal::Denied(format!(
            "`{method} {}` may change something and is refused while planning",
            url.path()
        )));
    }
    Ok(Allowed { method, headers: check_headers(headers)?, host, port, url })
}

fn check_headers(headers: &[(String, String)]) -> Result<HeaderMap, Refusal> {
    let malformed = |text: String| Err(Refusal::Malformed(text));
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return malformed(format!("a request has at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes in all"));
    }
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
            return malformed(format!("`{shown}` is no header name"));
        };
        if OWNED.contains(&parsed.as_str()) {
            return Err(Refusal::Denied(format!("the header `{shown}` belongs to the host")));
        }
        let Ok(value) = HeaderValue::from_str(value) else {
            return malformed(format!("the value of the header `{shown}` has characters that no header may have"));
        };
        map.append(parsed, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(method: &str, url: &str, headers: &[(&str, &str)], mode: Mode) -> Result<(), Refusal> {
        let hosts =
            [HostPattern::parse("api.acme.test").expect("valid"), HostPattern::parse("127.0.0.1:8080").expect("valid")];
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        check(method, url, &headers, &hosts, mode, "acme 0.1.0").map(|_| ())
    }

    #[test]
    fn lets_the_granted_through() {
        for url in [
            "https://api.acme.test/v1",
            "https://API.Acme.Test:443/",
            "http://127.0.0.1:8080/",
            "http://2130706433:8080/",
        ] {
            assert_eq!(decide("POST", url, &[], Mode::Write), Ok(()), "{url}");
        }
    }

    #[test]
    fn refuses_every_trick_with_the_host() {
        for url in [
            "https://api.acme.test.evil.test/",
            "https://evil.test/?api.acme.test",
            "https://api.acme.test:8443/",
            "http://api.acme.test/",
            "http://api.acme.test:443/",
            "https://api.acme.test@evil.test/",
            "https://user:pw@api.acme.test/",
            "https://api.acme.test./",
            "http://127.0.0.1/",
            "ftp://api.acme.test/",
            "https:///x",
            "/relative",
        ] {
            assert!(decide("GET", url, &[], Mode::Write).is_err(), "{url}");
        }
    }

    #[test]
    fn a_refusal_names_the_line() {
        let Err(Refusal::Denied(text)) = decide("GET", "https://evil.test/", &[], Mode::Write) else {
            panic!("denied")
        };
        assert_eq!(
            text,
            "plugin `acme 0.1.0` may not reach `evil.test:443`; to allow it, add \"evil.test\" to `hosts` in the `grant` block"
        );
    }

    #[test]
    fn planning_reads_only() {
        assert!(decide("HEAD", "https://api.acme.test/", &[], Mode::ReadOnly).is_ok());
        for method in ["TRACE", "CONNECT", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "get"] {
            assert!(decide(method, "https://api.acme.test/", &[], Mode::ReadOnly).is_err(), "{method}");
        }
    }

    #[test]
    fn headers_cannot_be_smuggled() {
        for (name, value) in
            [("host", "evil.test"), ("Transfer-Encoding", "chunked"), ("x", "a\r\nb: c"), ("a b", "c"), ("", "c")]
        {
            assert!(decide("GET", "https://api.acme.test/", &[(name, value)], Mode::Write).is_err(), "{name:?}");
        }
    }
}
