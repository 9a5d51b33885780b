//! A stack of objects of three kinds and a secret, with the service that counts the objects.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use cofferdam_tests::{Gate, Output, Sandbox, Server, Service};

/// How many objects the service has when all is well.
pub const OBJECTS: usize = 6;

/// The stack, its user and its service.
pub struct Project {
    pub sandbox: Sandbox,
    pub service: Arc<Service>,
    /// Opened to let everything through that is held.
    pub gate: Arc<Gate>,
    /// What is made and then held back from whoever asked for it, by its name.
    hold: Arc<Mutex<Vec<&'static str>>>,
    server: Server,
}

impl Project {
    /// A stack with the setting of its home, and more behind it.
    pub fn new(home: &str, more: &str) -> Self {
        let sandbox = Sandbox::new();
        let (service, gate) = (Arc::new(Service::default()), Arc::new(Gate::default()));
        let hold: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let (answering, holding, held) = (service.clone(), gate.clone(), hold.clone());
        let server = Server::start(move |request| {
            let answer = answering.answer(request);
            let name = request.json()["name"].as_str().unwrap_or_default().to_owned();
            let is_held = held.lock().unwrap_or_else(PoisonError::into_inner).contains(&name.as_str());
            if request.method == "POST" && is_held {
                holding.pass();
            }
            answer
        });
        let project = Self { sandbox, service, gate, hold, server };
        project.sandbox.plugin("web").stack(&(project.stack(home) + more));
        project
    }

    fn stack(&self, home: &str) -> String {
        let host = self.server.host();
        let mut text = format!(
            "stack \"shop\" {{\n{home}}}\n\nvariable \"size\" {{\n  type    = number\n  default = 0\n}}\n\nprovider \"web\" {{\n  \
             source = \"./web.wasm\"\n  config = {{ host = \"{host}\" }}\n  grant {{\n    hosts = [\"{host}\"]\n  \
             }}\n}}\n\nresource \"random_password\" \"db\" {{\n  length = 20\n}}\n"
        );
        for i in 0..OBJECTS {
            let kind = ["web_found", "web_once", "web_slow"][i % 3];
            let _ = write!(text, "\nresource \"{kind}\" \"r{i}\" {{\n  name = \"thing-{i}\"\n  size = var.size\n}}\n");
        }
        text
    }

    /// Holds back the answers to creates of these names from now on.
    pub fn hold(&self, names: &[&'static str]) {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = names.to_vec();
    }

    /// Waits until the service has had so many requests.
    pub fn server_has(&self, requests: usize) {
        self.server.until(requests);
    }

    /// How many requests there were that change something.
    pub fn requests(&self) -> usize {
        self.server.lines().iter().filter(|line| !line.starts_with("GET ")).count()
    }

    /// Expects every object once, and nothing else.
    #[track_caller]
    pub fn is_whole(&self, what: &str, output: &Output) {
        assert_eq!(self.service.totals(), (OBJECTS, 0), "{what}: {}", output.raw());
    }
}
