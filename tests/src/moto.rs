//! moto, a server of S3 and other services of AWS that nobody here wrote: on a free port of this machine for as long as a test holds it.
//! `tests/real/setup` installs it. One request at a time, so that its conditions hold.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::paths::{repository, target};

/// Credentials in requests; the server takes any.
pub const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIDTEST"), ("AWS_SECRET_ACCESS_KEY", "hunter2-test")];

/// A server that runs; killed when it is dropped.
pub struct Moto {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Moto {
    /// Starts one without buckets.
    #[must_use]
    pub fn start() -> Self {
        let python = target().join("real/moto/bin/python");
        assert!(python.is_file(), "`{}` is not there; install it with: tests/real/setup", python.display());
        let mut said = String::new();
        // A port can be taken by somebody else between the look and the start.
        for _ in 0..3 {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let address = free_address();
            let log = folder.path().join("log");
            let output = File::create(&log).expect("a file can be made in a new folder");
            let process = Command::new(&python)
                .arg(repository().join("tests/real/moto_in_turn.py"))
                .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
                .current_dir(folder.path())
                .env("HOME", folder.path())
                .env("TMPDIR", folder.path())
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .stdin(Stdio::null())
                .stdout(output.try_clone().expect("an open file"))
                .stderr(output)
                .spawn()
                .expect("the server starts");
            let mut moto = Self { process, address, _folder: folder };
            if moto.answers() {
                return moto;
            }
            said = std::fs::read_to_string(&log).unwrap_or_default();
        }
        panic!("moto does not start:\n{said}");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a key that encrypts and decrypts; its ARN.
    #[must_use]
    pub fn make_key(&self) -> String {
        let headers = "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.CreateKey\r\n";
        let made = self.ask("kms", "POST", "/", headers, b"{}");
        let made = String::from_utf8_lossy(&made);
        let (_, rest) = made.split_once("\"Arn\"").unwrap_or_else(|| panic!("no key was made: {made}"));
        rest.split('"').nth(1).expect("an ARN is a text").to_owned()
    }

    /// Makes a bucket.
    pub fn make_bucket(&self, bucket: &str) {
        self.request("PUT", &format!("/{bucket}"), b"");
    }

    /// Removes a bucket with every version of what is in it.
    pub fn remove_bucket(&self, bucket: &str) {
        let part = |text: &str, name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split('<').next().unwrap_or_default().to_owned())
        };
        loop {
            let listing =
                String::from_utf8(self.request("GET", &format!("/{bucket}?versions"), b"")).expect("XML in UTF-8");
            let versions: Vec<_> = listing
                .split("<Key>")
                .skip(1)
                .filter_map(|version| Some((version.split('<').next()?.to_owned(), part(version, "VersionId")?)))
                .collect();
            if versions.is_empty() {
                break;
            }
            for (key, version) in versions {
                self.request("DELETE", &format!("/{bucket}/{key}?versionId={version}"), b"");
            }
        }
        self.request("DELETE", &format!("/{bucket}"), b"");
    }

    /// The names of all buckets, in order.
    #[must_use]
    pub fn buckets(&self) -> Vec<String> {
        let listing = String::from_utf8(self.request("GET", "/", b"")).expect("XML in UTF-8");
        let names = listing.split("<Name>").skip(1).filter_map(|rest| rest.split_once("</Name>"));
        let mut names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// Writes an object.
    pub fn put(&self, bucket: &str, key: &str, content: &[u8]) {
        self.request("PUT", &format!("/{bucket}/{key}"), content);
    }

    /// Reads an object.
    #[must_use]
    pub fn get(&self, bucket: &str, key: &str) -> Vec<u8> {
        self.request("GET", &format!("/{bucket}/{key}"), b"")
    }

    /// Removes an object.
    pub fn delete(&self, bucket: &str, key: &str) {
        self.request("DELETE", &format!("/{bucket}/{key}"), b"");
    }

    /// The names of the objects below a prefix, in order.
    #[must_use]
    pub fn list(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().map_or_else(String::new, |last| format!("&start-after={last}"));
            let listing = self.request("GET", &format!("/{bucket}?list-type=2&prefix={prefix}{after}"), b"");
            let listing = String::from_utf8(listing).expect("XML in UTF-8");
            let keys = listing.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
            let before = names.len();
            names.extend(keys.map(|(key, _)| key.to_owned()));
            if names.len() == before {
                return names;
            }
        }
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        self.ask("s3", method, path, "Content-Type: application/octet-stream\r\n", body)
    }

    fn ask(&self, service: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let (address, length) = (self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\
             Authorization: AWS4-HMAC-SHA256 Credential=AKIDTEST/20200101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=none\r\n\r\n"
        );
        let answer = exchange(address, &[head.as_bytes(), body].concat()).expect("moto answers");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP answer");
        let head = String::from_utf8_lossy(&answer[..end]);
        assert!(head.starts_with("HTTP/1.1 20"), "{method} {path}: {}", String::from_utf8_lossy(&answer));
        answer[end + 4..].to_vec()
    }

    fn answers(&mut self) -> bool {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        for _ in 0..600 {
            if exchange(self.address, request.as_bytes()).is_ok_and(|answer| answer.starts_with(b"HTTP/")) {
                return true;
            }
            if self.process.try_wait().expect("it is ours").is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(100));
        }
        false
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address where nothing listens.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("this machine has a free port");
    listener.local_addr().expect("a bound socket has an address")
}

/// Sends a request that ends its connection, and reads all of the answer.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
