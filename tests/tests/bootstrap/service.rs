//! A service in which plugins prepare things: one thing a path, made once for each operation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_tests::{Request, Response, Sandbox, Server};

/// The service.
pub struct Service {
    pub server: Server,
    made: Arc<Mutex<Made>>,
}

#[derive(Default)]
struct Made {
    /// By path, the operations that made it.
    things: BTreeMap<String, BTreeSet<String>>,
    /// How often each path was posted to.
    posts: BTreeMap<String, usize>,
}

impl Service {
    /// A new one, with nothing in it.
    pub fn new() -> Self {
        Self::before(|_| None)
    }

    /// A new one that first asks a function for the answer.
    pub fn before(answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> Self {
        let made: Arc<Mutex<Made>> = Arc::default();
        let kept = Arc::clone(&made);
        let server = Server::start(move |request| answer(request).unwrap_or_else(|| locked(&kept).answer(request)));
        Self { server, made }
    }

    /// A folder with a stack whose resources each ask for a scope, and with a provider that does a deed.
    pub fn sandbox(&self, deed: &str, scopes: &[&str]) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.plugin("preparing").stack(&self.stack(deed, scopes));
        sandbox
    }

    /// That stack.
    pub fn stack(&self, deed: &str, scopes: &[&str]) -> String {
        let mut text = format!("stack \"shop\" {{}}\n{}", self.provider("preparing", deed, ""));
        for (number, scope) in scopes.iter().enumerate() {
            text += &resource("preparing", &format!("r{number}"), scope, "");
        }
        text
    }

    /// A provider of the plugin under a name.
    pub fn provider(&self, name: &str, deed: &str, credential: &str) -> String {
        let host = self.server.host();
        format!(
            "provider \"{name}\" {{\n  source = \"./preparing.wasm\"\n  config = {{ host = \"{host}\", deed = \"{deed}\" \
             }}\n  grant {{\n    hosts = [\"{host}\"]\n    {credential}\n    limits {{\n      cpu = \"1s\"\n    }}\n  }}\n}}\n"
        )
    }

    /// The paths of what there is.
    pub fn things(&self) -> Vec<String> {
        locked(&self.made).things.keys().cloned().collect()
    }

    /// How often anything was made; twice the same operation counts once.
    pub fn makings(&self) -> usize {
        locked(&self.made).things.values().map(BTreeSet::len).sum()
    }

    /// The requests that asked to make something.
    pub fn posts(&self) -> usize {
        locked(&self.made).posts.values().sum()
    }

    /// The operations that made a thing.
    pub fn operations(&self, path: &str) -> Vec<String> {
        locked(&self.made).things.get(path).into_iter().flatten().cloned().collect()
    }

    /// Loses a thing.
    pub fn lose(&self, path: &str) {
        locked(&self.made).things.remove(path);
    }
}

/// A resource that asks for a scope.
pub fn resource(provider: &str, name: &str, scope: &str, more: &str) -> String {
    format!(
        "resource \"preparing_prepared\" \"{name}\" {{\n  provider = {provider}\n  scope = {{ of = \"self\", {scope} }}\n  \
         {more}\n}}\n"
    )
}

impl Made {
    fn answer(&mut self, request: &Request) -> Response {
        let path = request.path.clone();
        match request.method.as_str() {
            "POST" => {
                *self.posts.entry(path.clone()).or_default() += 1;
                let operation = request.header("idempotency-key").unwrap_or_default().to_owned();
                self.things.entry(path).or_default().insert(operation);
                Response::status(200)
            }
            "GET" if self.things.contains_key(&path) => Response::status(200),
            "DELETE" if self.things.remove(&path).is_some() => Response::status(200),
            _ => Response::status(404),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
