//! A bucket of S3 on a server that nobody here wrote (moto), for as long as a test holds it. `tests/real/setup` installs
//! the server.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use regex::Regex;

use crate::client::send;
use crate::paths;

/// The bucket's name.
const NAME: &str = "homes";
/// What moto wants of every request; it checks no signature.
const AUTHORIZATION: &str = "authorization: AWS4-HMAC-SHA256 Credential=AKIDTEST/20200101/us-east-1/s3/aws4_request, \
                             SignedHeaders=host, Signature=none\r\n";

/// The server and its one bucket.
pub struct Bucket {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Bucket {
    /// Starts the server, and makes the bucket.
    #[must_use]
    pub fn start() -> Self {
        let python = paths::target().join("real/moto/bin/python");
        assert!(python.is_file(), "`{}` is not there; install it with: tests/real/setup", python.display());
        let mut said = String::new();
        // A port can be taken by somebody else between the look and the start.
        for _ in 0..3 {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let address = free_address();
            let log = folder.path().join("log");
            let output = File::create(&log).expect("made");
            let mut command = Command::new(&python);
            command.arg(paths::repository().join("tests/real/moto_in_turn.py"));
            command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
            command.current_dir(folder.path()).stdin(Stdio::null());
            command.stdout(output.try_clone().expect("open")).stderr(output);
            // Nothing of the user's own configuration.
            command.env("HOME", folder.path()).env("TMPDIR", folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
            let child = command.spawn().expect("starts");
            let mut bucket = Self { child, address, _folder: folder };
            if bucket.answers() {
                bucket.ask("PUT", &format!("/{NAME}"), b"");
                return bucket;
            }
            said = std::fs::read_to_string(&log).unwrap_or_default();
        }
        panic!("moto does not start:\n{said}");
    }

    /// Where the server is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The setting of a `stack` block that makes the bucket its home, reached at an address.
    #[must_use]
    pub fn home_at(&self, address: SocketAddr) -> String {
        format!(
            "  home = {{ s3 = {{ bucket = \"{NAME}\", region = \"us-east-1\", endpoint = \"http://{address}\", path_style \
             = true }} }}\n"
        )
    }

    /// The same at its own address.
    #[must_use]
    pub fn home(&self) -> String {
        self.home_at(self.address)
    }

    /// The names of all objects, in order.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let key = Regex::new("<Key>([^<]*)</Key>").expect("a valid pattern");
        let mut names: Vec<String> = Vec::new();
        loop {
            let after =
                names.last().map_or_else(String::new, |last| format!("&start-after={}", last.replace('/', "%2F")));
            let page = self.ask("GET", &format!("/{NAME}?list-type=2&max-keys=1000{after}"), b"");
            let page = String::from_utf8(page).expect("XML is text");
            let found: Vec<String> = key.captures_iter(&page).map(|found| found[1].to_owned()).collect();
            if found.is_empty() {
                return names;
            }
            names.extend(found);
        }
    }

    /// An object.
    #[must_use]
    pub fn get(&self, name: &str) -> Vec<u8> {
        self.ask("GET", &format!("/{NAME}/{name}"), b"")
    }

    /// Writes an object.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.ask("PUT", &format!("/{NAME}/{name}"), bytes);
    }

    /// Removes an object.
    pub fn delete(&self, name: &str) {
        self.ask("DELETE", &format!("/{NAME}/{name}"), b"");
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let line = format!("{method} {path}");
        let (status, answer) =
            send(self.address, &line, AUTHORIZATION, body).unwrap_or_else(|error| panic!("moto, {line}: {error}"));
        assert!((200..300).contains(&status), "moto, {line}: {status}: {}", String::from_utf8_lossy(&answer));
        answer
    }

    fn answers(&mut self) -> bool {
        for _ in 0..600 {
            if send(self.address, "GET /", "", b"").is_ok_and(|(status, _)| status > 0) {
                return true;
            }
            if self.child.try_wait().expect("ours").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}
