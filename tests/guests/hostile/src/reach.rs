//! Deeds that reach for what was not granted, and say what they found.
#![expect(clippy::disallowed_methods, reason = "this plugin looks where it should not")]

use cofferdam_sdk::bindings::cofferdam::provider::types::{Document, Failure, WriteOutcome};
use cofferdam_sdk::{Error, files, http};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

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
    let (network, family) = (instance_network(), IpAddressFamily::Ipv4);
    let local = |port| IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) });
    let tcp = create_tcp_socket(family).and_then(|socket| socket.start_connect(&network, local(22)));
    let udp = create_udp_socket(family).and_then(|socket| socket.start_bind(&network, local(0)));
    let name = resolve_addresses(&network, "localhost").map(drop);
    let said = |result: Result<(), ErrorCode>| {
        result.map_or_else(|error| error.name().to_owned(), |()| "let through".to_owned())
    };
    let (tcp, udp, name) = (said(tcp), said(udp), said(name));
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
