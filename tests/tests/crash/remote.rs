//! The service, and stacks that use it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The service's process, killed when this is dropped.
pub struct Remote {
    process: Child,
    host: String,
}

/// How many objects there are.
#[derive(Debug, PartialEq, Eq)]
pub struct Count {
    /// Objects of all kinds.
    pub kept: u64,
    /// Objects that share their name with another.
    pub duplicates: u64,
}

impl Remote {
    pub fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_remote"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut host = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut host).expect("it prints its address");
        Self { process, host: host.trim().to_owned() }
    }

    /// Counts the objects.
    pub fn count(&self) -> Count {
        let mut stream = TcpStream::connect(&self.host).expect("the service answers");
        let request = format!("GET /count HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.host);
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        // It may keep the connection open: what counts is one line of JSON.
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a header");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        reader.take(length).read_to_string(&mut answer).expect("a body");
        let kinds: Value = serde_json::from_str(&answer).expect("JSON");
        let sum = |field: &str| {
            let kinds = kinds.as_object().into_iter().flatten();
            kinds.map(|(_, kind)| kind[field].as_u64().expect("a count")).sum()
        };
        Count { kept: sum("kept"), duplicates: sum("duplicates") }
    }

    /// A stack of so many resources, three kinds in turn, in chains of five, and with a variable that they all depend on.
    /// `home` is the stack block's setting.
    pub fn stack(&self, resources: usize, home: &str) -> String {
        let host = &self.host;
        let mut text = format!(
            "stack \"shop\" {{\n{home}}}\n\nvariable \"size\" {{\n  type = number\n  default = 0\n}}\n\nprovider \"web\" {{\n  \
             source = \"./web.wasm\"\n  config = {{ host = \"{host}\" }}\n  grant {{\n    hosts = [\"{host}\"]\n  }}\n}}\n"
        );
        let kind = |i: usize| ["web_found", "web_once", "web_slow"][i % 3];
        for i in 0..resources {
            let _ = write!(text, "\nresource \"{}\" \"r{i}\" {{\n  name = \"thing-{i}\"\n  size = var.size\n", kind(i));
            if i % 5 > 0 {
                let _ = writeln!(text, "  depends_on = [{}.r{}]", kind(i - 1), i - 1);
            }
            text.push_str("}\n");
        }
        text
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
