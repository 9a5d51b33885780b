//! Servers that speak S3 and that nobody here wrote, each on a free port of this machine for as long as a test holds it.
//! `tests/real/setup` installs them.

#![allow(clippy::panic, reason = "an expectation that fails ends the test")]
#![allow(dead_code, reason = "every test binary uses a part")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cofferdam_home::store::{S3Settings, S3Store};
use cofferdam_home::{AwsAccess, AwsKeys};

/// The bucket that every server has.
pub const BUCKET: &str = "homes";

/// Runs moto so that its conditions hold.
const MOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/real/moto_in_turn.py");

/// A server that runs; killed when it is dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    name: &'static str,
    keys: AwsKeys,
    directory: tempfile::TempDir,
}

impl Server {
    /// moto, which takes any credentials.
    pub fn moto() -> Self {
        let server = Self::start("moto", "moto/bin/python", |command, port| {
            command.arg(MOTO).args(["-H", "127.0.0.1", "-p", port]);
        });
        server.make_bucket();
        server
    }

    /// moto, which checks signatures and permissions. A user `ada` has what a policy allows, which may be asked for
    /// while nothing is checked yet; the settings have her keys.
    pub fn moto_that_checks(policy: impl FnOnce(&Self) -> String) -> Self {
        let mut server = Self::start("moto", "moto/bin/python", |command, port| {
            command.arg(MOTO).args(["-H", "127.0.0.1", "-p", port]).env("INITIAL_NO_AUTH_ACTION_COUNT", "1000");
        });
        server.make_bucket();
        let policy: String = policy(&server).bytes().map(|byte| format!("%{byte:02X}")).collect();
        server.iam("Action=CreateUser&UserName=ada");
        server.iam(&format!("Action=PutUserPolicy&UserName=ada&PolicyName=home&PolicyDocument={policy}"));
        let made = server.iam("Action=CreateAccessKey&UserName=ada");
        let part = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).expect("an access key");
            rest.split_once('<').expect("closed").0.to_owned()
        };
        server.keys = AwsKeys { id: part("AccessKeyId"), secret: part("SecretAccessKey"), token: None };
        server.request("iam", "POST", "/moto-api/reset-auth", "0");
        server
    }

    /// Asks moto's IAM.
    pub fn iam(&self, query: &str) -> String {
        self.request("iam", "POST", "/", &format!("Version=2010-05-08&{query}"))
    }

    /// ministack, which takes any credentials.
    pub fn ministack() -> Self {
        let server = Self::start("ministack", "ministack/bin/ministack", |command, port| {
            command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port);
        });
        server.make_bucket();
        server
    }

    /// s3s-fs, which checks signatures, and whose conditions do not hold while others write.
    pub fn s3s() -> Self {
        let keys = AwsKeys { id: "AKIDS3S".into(), secret: "hunter2-s3s".into(), token: None };
        let mut server = Self::start("s3s-fs", "bin/s3s-fs", |command, port| {
            command.args([
                "--host",
                "127.0.0.1",
                "--port",
                port,
                "--access-key",
                &keys.id,
                "--secret-key",
                &keys.secret,
            ]);
            command.arg("data");
        });
        server.keys = keys;
        server
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As whom and where it is asked.
    pub fn access(&self) -> AwsAccess {
        AwsAccess {
            endpoint: Some(self.endpoint()),
            keys: Some(self.keys.clone()),
            region: Some("us-east-1".into()),
            ..AwsAccess::default()
        }
    }

    /// A home below a prefix of its own.
    pub fn settings(&self, prefix: &str) -> S3Settings {
        S3Settings {
            bucket: BUCKET.into(),
            prefix: prefix.into(),
            access: self.access(),
            path_style: true,
            owner: None,
        }
    }

    /// The same by way of another address.
    pub fn settings_through(&self, endpoint: &str, prefix: &str) -> S3Settings {
        let access = AwsAccess { endpoint: Some(endpoint.to_owned()), ..self.access() };
        S3Settings { access, ..self.settings(prefix) }
    }

    pub fn store(&self, prefix: &str) -> S3Store {
        S3Store::open(&self.settings(prefix)).expect("opens")
    }

    /// A request without a signature; the body of the answer.
    pub fn request(&self, service: &str, method: &str, path: &str, body: &str) -> String {
        let kind = if body.contains('=') { "application/x-www-form-urlencoded" } else { "text/plain" };
        self.send(service, method, path, &format!("Content-Type: {kind}\r\n"), body)
    }

    /// Asks the service of keys; the body of the answer is JSON.
    pub fn kms(&self, action: &str, body: &str) -> String {
        let headers = format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.{action}\r\n");
        self.send("kms", "POST", "/", &headers, body)
    }

    /// A new key; its ARN.
    pub fn make_kms_key(&self) -> String {
        let made = self.kms("CreateKey", "{}");
        let (_, rest) = made.split_once("\"Arn\"").expect("an ARN");
        rest.split('"').nth(1).expect("an ARN").to_owned()
    }

    fn send(&self, service: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
        let (address, length) = (self.address, body.len());
        let scope = format!("Credential=AKIDTEST/20200101/us-east-1/{service}/aws4_request");
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\
             Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none\r\n\r\n{body}"
        );
        let answer = exchange(self.address, &text).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        assert!(head.starts_with("HTTP/1.1 20"), "{}: {answer}", self.name);
        body.to_owned()
    }

    fn make_bucket(&self) {
        self.request("s3", "PUT", &format!("/{BUCKET}"), "");
    }

    fn start(name: &'static str, program: &str, arguments: impl Fn(&mut Command, &str)) -> Self {
        let real = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/real");
        let path = real.join(program);
        assert!(path.is_file(), "`{}` is not there; install it with: {}", path.display(), installation(name));
        let mut said = String::new();
        // A port can be taken by somebody else between the look and the start.
        for _ in 0..3 {
            let directory = tempfile::tempdir().expect("temporary directory");
            let address = free_address();
            std::fs::create_dir_all(directory.path().join("data").join(BUCKET)).expect("made");
            let log = directory.path().join("log");
            let output = File::create(&log).expect("made");
            let mut command = Command::new(&path);
            command.current_dir(directory.path()).stdin(Stdio::null());
            command.stdout(output.try_clone().expect("open")).stderr(output);
            // Nothing of the user's own configuration.
            command.env("HOME", directory.path()).env("TMPDIR", directory.path()).env("PYTHONDONTWRITEBYTECODE", "1");
            arguments(&mut command, &address.port().to_string());
            let child = command.spawn().expect("starts");
            let keys = AwsKeys { id: "AKIDTEST".into(), secret: "hunter2-test".into(), token: None };
            let mut server = Self { child, address, name, keys, directory };
            if server.answers() {
                return server;
            }
            said = std::fs::read_to_string(&log).unwrap_or_default();
        }
        panic!("{name} does not start:\n{said}");
    }

    fn answers(&mut self) -> bool {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        for _ in 0..600 {
            if exchange(self.address, &request).is_ok_and(|answer| answer.starts_with("HTTP/")) {
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

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn installation(name: &str) -> &'static str {
    if name == "s3s-fs" { "tests/real/setup --full" } else { "tests/real/setup" }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

/// An address where nothing listens.
pub fn dead_address() -> SocketAddr {
    free_address()
}

fn exchange(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
