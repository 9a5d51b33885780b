//! AWS as moto plays it, on a free port of this machine for as long as a test holds it. `tests/real/setup` installs it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::paths::{repository, target};

/// A server that takes any credentials; killed when it is dropped.
pub struct Moto {
    child: Child,
    address: SocketAddr,
    // Removed with it.
    _folder: tempfile::TempDir,
}

impl Moto {
    /// Starts one, with nothing in it.
    #[must_use]
    pub fn start() -> Self {
        let program = target().join("real/moto/bin/python");
        assert!(program.is_file(), "`{}` is not there; run `tests/real/setup` first", program.display());
        let mut said = String::new();
        // A port can be taken by somebody else between the look and the start.
        for _ in 0..3 {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let listener = TcpListener::bind("127.0.0.1:0").expect("this machine has a free port");
            let address = listener.local_addr().expect("a bound socket has an address");
            drop(listener);
            let log = folder.path().join("log");
            let output = File::create(&log).expect("the folder is new");
            let mut command = Command::new(&program);
            command.arg(repository().join("tests/real/moto_in_turn.py"));
            command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]).current_dir(folder.path());
            command.env("HOME", folder.path()).env("TMPDIR", folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
            command.stdin(Stdio::null()).stdout(output.try_clone().expect("it is open")).stderr(output);
            let child = command.spawn().expect("the program was just seen");
            let mut moto = Self { child, address, _folder: folder };
            if moto.answers() {
                return moto;
            }
            said = std::fs::read_to_string(&log).unwrap_or_default();
        }
        panic!("moto does not start:\n{said}");
    }

    /// The URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a key that encrypts and decrypts; its ARN.
    #[must_use]
    pub fn make_key(&self) -> String {
        let address = self.address;
        let made = self.exchange(&format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 2\r\n\
             Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.CreateKey\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKIDTEST/20200101/us-east-1/kms/aws4_request, \
             SignedHeaders=host, Signature=none\r\n\r\n{{}}"
        ));
        let made = made.expect("moto answers");
        let (_, rest) = made.split_once("\"Arn\"").unwrap_or_else(|| panic!("no key was made: {made}"));
        rest.split('"').nth(1).expect("an ARN is a text").to_owned()
    }

    fn answers(&mut self) -> bool {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        for _ in 0..600 {
            if self.exchange(&request).is_ok_and(|answer| answer.starts_with("HTTP/")) {
                return true;
            }
            if self.child.try_wait().expect("it is a child of this process").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }

    fn exchange(&self, request: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
