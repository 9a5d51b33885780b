//! Deeds that reach for what was not granted, and say what they found.
#![expect(clippy::disallowed_methods, reason = "this plugin looks where it should not")]

use std::net::{TcpStream, UdpSocket};

use cofferdam_sdk::bindings::cofferdam::provider::types::{Document, Failure, WriteOutcome};
use cofferdam_sdk::{Error, files, http};

use crate::{IntoFailure, done};

/// None: there is no such deed here.
pub(crate) fn perform(inputs: &Document, deed: &str, target: &str) -> Option<Result<WriteOutcome, Failure>> {
    let found = match deed {
        "nothing" | "flood" => Ok("nothing".to_owned()),
        "look-around" => Ok(look_around()),
        "files" => file(target),
        "fetch" => fetch(http::get(target)),
        "own-authorization" => fetch(http::get(target).header("Authorization", "Bearer mine").bearer("token")),
        "own-host" => fetch(http::get(target).header("Host", "elsewhere.test")),
        "user-information" => fetch(http::get(target.replace("http://", "http://user:word@"))),
        "requests-at-once" => Ok(http::send_all(vec![http::get(target); 65]).len().to_string()),
        _ => return None,
    };
    Some(found.map(|found| done(inputs, &found)).map_err(|error| failure(&error)))
}

/// What a program usually finds around it.
fn look_around() -> String {
    let error = |error: std::io::Error| format!("{:?}", error.kind());
    let file = std::fs::read_to_string("/etc/passwd").unwrap_or_else(error);
    let folder = std::fs::read_dir("/").map_or_else(error, |entries| format!("{} entries", entries.count()));
    let written = std::fs::write("/tmp/hostile", "was here").map_or_else(error, |()| "written".to_owned());
    let tcp = TcpStream::connect("127.0.0.1:22").map_or_else(error, |_| "connected".to_owned());
    let udp = UdpSocket::bind("127.0.0.1:0").map_or_else(error, |_| "bound".to_owned());
    let name = std::net::ToSocketAddrs::to_socket_addrs("localhost:80").map_or_else(error, |_| "resolved".to_owned());
    format!(
        "{} arguments, {} variables, file: {file}, folder: {folder}, writing: {written}, tcp: {tcp}, udp: {udp}, name: {name}",
        std::env::args().count(),
        std::env::vars().count(),
    )
}

fn file(path: &str) -> Result<String, Error> {
    let (directory, path) = path.split_once(':').unwrap_or((path, ""));
    files::read(directory, path, 1 << 20).map(|content| String::from_utf8_lossy(&content).into_owned())
}

fn fetch(request: http::Request) -> Result<String, Error> {
    request.send().map(|response| String::from_utf8_lossy(response.body()).into_owned())
}

fn failure(error: &Error) -> Failure {
    crate::error(error.kind(), error.message()).into_failure()
}
