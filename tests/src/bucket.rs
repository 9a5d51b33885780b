//! A home in a bucket of a server of its own, with every request on the way to it kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::moto::{KEYS, Moto};
use crate::proxy::Proxy;
use crate::wire::Request;
use crate::{Invocation, Sandbox};

const NAME: &str = "homes";

/// The bucket.
pub struct Bucket {
    moto: Moto,
    proxy: Proxy,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Bucket {
    /// A new server with one bucket, and a home in it that nothing has used yet.
    #[must_use]
    pub fn start() -> Self {
        let moto = Moto::start();
        moto.make_bucket(NAME);
        // Before a home is made in a bucket, hundreds of requests find out whether the server is fit for one: that is
        // for other tests to wait for. In a directory it is made at once, and is the same.
        let sandbox = Sandbox::new();
        sandbox.stack("stack \"shop\" {}\n").deploy();
        moto.put(NAME, "home.json", sandbox.read(".cofferdam/home.json").as_bytes());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let proxy = Proxy::that_sees(moto.address(), move |request| locked(&kept).push(request.clone()));
        Self { moto, proxy, seen }
    }

    /// The setting of a `stack` block that makes it the home.
    #[must_use]
    pub fn setting(&self) -> String {
        let url = self.proxy.url();
        format!(
            "  home = {{ s3 = {{ bucket = \"{NAME}\", region = \"us-east-1\", endpoint = \"{url}\", path_style = true }} }}\n"
        )
    }

    /// Gives a run credentials.
    #[must_use]
    pub fn reach(&self, run: Invocation) -> Invocation {
        KEYS.iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    /// The names of all objects, in order.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.moto.list(NAME, "")
    }

    /// Reads an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Vec<u8> {
        self.moto.get(NAME, key)
    }

    /// Writes an object, past the proxy.
    pub fn put(&self, key: &str, content: &[u8]) {
        self.moto.put(NAME, key, content);
    }

    /// Removes an object, past the proxy.
    pub fn delete(&self, key: &str) {
        self.moto.delete(NAME, key);
    }

    /// The requests of all runs so far, in the order of their arrival, but for the first ones.
    #[must_use]
    pub fn requests(&self, first: usize) -> Vec<Request> {
        locked(&self.seen)[first..].to_vec()
    }
}

fn locked(seen: &Mutex<Vec<Request>>) -> MutexGuard<'_, Vec<Request>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
