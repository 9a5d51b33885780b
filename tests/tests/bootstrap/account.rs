//! An account of AWS as moto plays it, behind a proxy that keeps every request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_tests::{Invocation, KEYS, Moto, Onward, Proxy, Request, Sandbox};

/// The account.
pub struct Account {
    moto: Moto,
    proxy: Proxy,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Account {
    /// A new one.
    pub fn new() -> Self {
        Self::behind(|_, onward| onward.send().ok())
    }

    /// A new one whose requests go by way of a function.
    pub fn behind(pass: impl Fn(&Request, Onward) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let moto = Moto::start();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let proxy = Proxy::before(moto.address(), move |request, onward| {
            locked(&kept).push(request.line());
            pass(request, onward)
        });
        Self { moto, proxy, seen }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.proxy.url()
    }

    /// The settings of a credential, or of a home.
    pub fn reached(&self) -> String {
        format!("endpoint = \"{}\"\n      path_style = true", self.proxy.url())
    }

    /// A stack of as many resources as there are scopes, each of which asks for its own.
    pub fn stack(&self, scopes: &[&str]) -> String {
        let reached = self.reached();
        let mut text = format!(
            r#"stack "shop" {{}}
provider "web" {{
  source = "./web.wasm"
  config = {{ host = "127.0.0.1:9" }}
  grant {{
    credential "aws" {{
      from = "default"
      {reached}
    }}
  }}
}}
"#
        );
        for (i, scope) in scopes.iter().enumerate() {
            text += &format!("resource \"web_prepared\" \"r{i}\" {{\n  scope = {{ {scope} }}\n}}\n");
        }
        text
    }

    /// A folder with that stack.
    pub fn sandbox(&self, scopes: &[&str]) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.plugin("web").stack(&self.stack(scopes));
        sandbox
    }

    /// The buckets that bootstraps have made, in order.
    pub fn buckets(&self) -> Vec<String> {
        self.moto.buckets().into_iter().filter(|name| name.starts_with("cofferdam-")).collect()
    }

    /// The names of a bucket's objects below a prefix.
    pub fn objects(&self, bucket: &str, prefix: &str) -> Vec<String> {
        self.moto.list(bucket, prefix)
    }

    /// Reads an object.
    pub fn object(&self, bucket: &str, key: &str) -> String {
        String::from_utf8(self.moto.get(bucket, key)).expect("text")
    }

    /// Writes an object.
    pub fn put(&self, bucket: &str, key: &str, content: &str) {
        self.moto.put(bucket, key, content.as_bytes());
    }

    /// Removes a bucket with every version of what is in it.
    pub fn remove(&self, bucket: &str) {
        self.moto.remove_bucket(bucket);
    }

    /// How many uploads in parts have not ended in a bucket.
    pub fn open_uploads(&self, bucket: &str) -> usize {
        let listed = self.moto.get(bucket, "?uploads");
        String::from_utf8_lossy(&listed).matches("<UploadId>").count()
    }

    /// The requests so far that begin with a text.
    pub fn requests(&self, beginning: &str) -> usize {
        locked(&self.seen).iter().filter(|line| line.starts_with(beginning)).count()
    }

    /// How often the token service was asked whose the credentials are.
    pub fn asked_who(&self) -> usize {
        locked(&self.seen).iter().filter(|line| *line == "POST /").count()
    }

    /// All requests so far.
    pub fn all(&self) -> Vec<String> {
        locked(&self.seen).clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        locked(&self.seen).clear();
    }
}

/// A command with credentials.
pub fn run(sandbox: &Sandbox, args: &[&str]) -> Invocation {
    let run = sandbox.cofferdam(args).env("AWS_REGION", "us-east-1");
    KEYS.iter().fold(run, |run, (name, value)| run.env(name, value))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
