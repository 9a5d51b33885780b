//! A stack with its user, its server and its home, and the search through everything that a run leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_tests::{Bucket, Gate, Invocation, Objects, Output, Request, Response, Sandbox, Server};
use serde_json::{Value, json};

use crate::planted::{PLANTED, Way, by, text};
use crate::search::Search;
use crate::stack::{MARKER, stack};

/// Where a secret has to be: what the user wrote himself, and what was deployed.
const MEANT: [(&str, &str); 4] = [
    ("stack/given.json", "json"),
    ("stack/given.vars", "in_file"),
    ("stack/key.pem", "tls_key"),
    ("stack/out/tls.pem", "tls_key"),
];

/// The state of the server that the plugin talks to.
pub struct Service {
    pub objects: Objects,
    /// Creates wait here.
    pub gate: Gate,
    /// Whether creates wait.
    pub closed: AtomicBool,
    /// Whether what is pending ends.
    pub ready: AtomicBool,
}

/// One home and everything around it.
pub struct World {
    pub sandbox: Sandbox,
    pub service: Arc<Service>,
    server: Server,
    /// None for a local home.
    remote: Option<Bucket>,
    search: Search,
    /// Objects of the bucket that were looked at.
    looked: BTreeSet<String>,
    /// Requests to the bucket that were looked at.
    tapped: usize,
    turn: bool,
    moved: bool,
    /// Secrets where none may be.
    pub leaks: Vec<String>,
    /// Places where the marker was found, by their kind.
    pub marked: BTreeMap<&'static str, usize>,
    /// Files, objects, requests and outputs that were searched.
    pub searched: usize,
}

impl World {
    /// A home in a bucket, or in a directory.
    pub fn new(remote: Option<Bucket>) -> Self {
        let sandbox = Sandbox::new();
        let service = Arc::new(Service {
            objects: Objects::default(),
            gate: Gate::default(),
            closed: AtomicBool::new(false),
            ready: AtomicBool::new(false),
        });
        let answering = service.clone();
        let server = Server::start(move |request| answering.answer(request));
        let mut search = Search::default();
        PLANTED.iter().for_each(|planted| search.add(planted.name, planted.text));
        search.add(MARKER, MARKER);
        sandbox.plugin("leaky");
        let given: BTreeMap<&str, &str> = by(Way::JsonFile).map(|planted| (planted.name, planted.text)).collect();
        sandbox.file("given.json", json!(given).to_string());
        sandbox.file("given.vars", format!("in_file = \"{}\"\n", text("in_file")));
        sandbox.file("key.pem", text("tls_key"));
        Self {
            sandbox,
            service,
            server,
            remote,
            search,
            looked: BTreeSet::new(),
            tapped: 0,
            turn: false,
            moved: false,
            leaks: Vec::new(),
            marked: BTreeMap::new(),
            searched: 0,
        }
    }

    /// Writes the stack.
    pub fn stack(&self, version: u32, more: &str) {
        let moved = if self.moved { "  home = { local = { path = \"./moved\" } }\n" } else { "" };
        let home = self.remote.as_ref().map_or_else(|| moved.to_owned(), Bucket::setting);
        self.sandbox.stack(&stack(&home, &self.server.host(), version, more));
    }

    /// Looks for one more secret from now on.
    pub fn learn(&mut self, name: &str, secret: &str) {
        self.search.add(name, secret);
        self.looked.clear();
        self.tapped = 0;
    }

    /// How many texts are looked for, in how many forms.
    pub fn looked_for(&self) -> (usize, usize) {
        (self.search.texts(), self.search.forms())
    }

    /// A command with everything that it needs to know.
    pub fn command(&self, args: &[&str]) -> Invocation {
        let mut command = self.sandbox.cofferdam(args).env("USER", MARKER).env("LEAKY_TOKEN", text("bearer"));
        command = command.env("AWS_ACCESS_KEY_ID", "AKIDTEST");
        for planted in PLANTED {
            command = match planted.way {
                Way::Environment => command.env(&format!("COFFERDAM_VAR_{}", planted.name), planted.text),
                Way::Opening(variable) => command.env(variable, planted.text),
                _ => command,
            };
        }
        let takes_variables = !matches!(args, ["show" | "home", ..] | ["deploy", "release.plan", ..]);
        if takes_variables {
            command = command.arg("--var-file").arg("given.json").arg("--var-file").arg("given.vars");
            command = by(Way::Flag)
                .fold(command, |command, flag| command.arg("--var").arg(format!("{}={}", flag.name, flag.text)));
        }
        command
    }

    /// Runs a command, and searches what it said and everything that it left.
    #[track_caller]
    pub fn run(&mut self, code: i32, args: &[&str]) -> Output {
        let output = self.command(args).run();
        self.look(args, code, output)
    }

    /// The same for people and for programs; with a bucket, where every command takes long and says the same, in turn.
    #[track_caller]
    pub fn both(&mut self, code: i32, args: &[&str]) {
        self.turn = !self.turn;
        if self.remote.is_none() || self.turn {
            self.run(code, args);
        }
        if self.remote.is_none() || !self.turn {
            self.run(code, &[args, &["--format", "json"]].concat());
        }
    }

    /// Moves a local home elsewhere.
    pub fn migrate(&mut self) {
        if self.remote.is_none() {
            self.run(0, &["home", "migrate", "local:.cofferdam", "local:moved", "--yes"]);
            self.moved = true;
        }
    }

    /// Takes the lease from a run that was killed: a bucket does not know that it is dead.
    pub fn unlock(&mut self) {
        if self.remote.is_some() {
            self.both(0, &["unlock", "--force", "--yes"]);
        }
    }

    /// Searches what a run said, and everything that there is now.
    #[track_caller]
    pub fn look(&mut self, args: &[&str], code: i32, output: Output) -> Output {
        let moment = args.join(" ");
        let output = output.exits(code);
        let json = args.contains(&"json");
        self.bytes(if json { "events" } else { "stdout" }, &moment, output.stdout.as_bytes());
        self.bytes("stderr", &moment, output.stderr.as_bytes());
        self.files(&moment);
        self.requests(&moment);
        // Whatever is in the bucket was sent to it, and looked at then.
        if self.turn {
            self.objects(&moment);
        }
        output
    }

    /// The files of the sandbox: stack, home, user and temporary folder.
    fn files(&mut self, moment: &str) {
        let root = self.sandbox.root().to_owned();
        let mut meant = Vec::new();
        for path in self.sandbox.tree(&root) {
            let file = root.join(&path);
            if !file.is_file() || path.ends_with(".wasm") {
                continue;
            }
            let bytes = fs::read(&file).unwrap_or_default();
            self.searched += 1;
            for (name, form) in self.search.hits(&bytes) {
                if is_meant(&path, &name) {
                    meant.push((path.clone(), name));
                } else if name == MARKER {
                    *self.marked.entry(kind_of(&path)).or_default() += 1;
                } else {
                    self.leaks.push(format!("`{name}` ({form}) in `{path}` after `{moment}`"));
                }
            }
        }
        // What has to be there is found, in files like all others.
        for (path, name) in MEANT.iter().filter(|(path, _)| root.join(path).is_file()) {
            let found = meant.iter().any(|(found, by)| found == path && is_meant(found, by));
            assert!(found, "`{name}` was not found in `{path}`, where it is, after `{moment}`");
        }
    }

    /// Everything that is sent to the bucket.
    fn requests(&mut self, moment: &str) {
        let Some(bucket) = &self.remote else { return };
        let requests = bucket.requests(self.tapped);
        self.tapped += requests.len();
        for request in requests {
            let line = request.line();
            let headers: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            self.bytes("request", &format!("{line} by {moment}"), format!("{line}\n{headers}").as_bytes());
            self.bytes(kind_of(&request.path), &format!("{line} by {moment}"), &request.body);
        }
    }

    /// The objects of the bucket.
    pub fn objects(&mut self, moment: &str) {
        let Some(bucket) = &self.remote else { return };
        let mut found: Vec<(&'static str, String, Vec<u8>)> = Vec::new();
        let names = bucket.list();
        let leases = names.iter().filter(|name| name.contains("/lease/")).count();
        let mut lease = 0;
        for name in names {
            // Only the newest lease is written again.
            lease += usize::from(name.contains("/lease/"));
            let again = name.contains("/lease/") && lease == leases;
            if self.looked.insert(name.clone()) || again {
                let bytes = bucket.get(&name);
                found.push((kind_of(&name), name, bytes));
            }
        }
        for (kind, name, bytes) in found {
            self.bytes(kind, &format!("{name} after {moment}"), &bytes);
        }
    }

    /// One thing that may hold no secret.
    fn bytes(&mut self, kind: &'static str, moment: &str, bytes: &[u8]) {
        self.searched += 1;
        for (name, form) in self.search.hits(bytes) {
            match (name.as_str(), kind, form) {
                (MARKER, ..) => *self.marked.entry(kind).or_default() += 1,
                // S3 is told who asks: that is what the token is for.
                ("s3_token", "request", _) => {}
                _ => self.leaks.push(format!("`{name}` ({form}) in {kind}: `{moment}`")),
            }
        }
    }

    /// The cache of compiled plugins, once; what it surely has is a text of the plugin.
    pub fn cache(&mut self) {
        let cache = self.sandbox.cache().to_owned();
        let mut said = false;
        for path in self.sandbox.tree(&cache) {
            let bytes = fs::read(cache.join(&path)).unwrap_or_default();
            said |= bytes.windows(17).any(|window| window == b" cannot go on wit");
            self.bytes("cache", &path, &bytes);
        }
        assert!(said, "the compiled plugin was not searched");
    }

    /// The names of the home's objects, as a bucket has them.
    pub fn home_objects(&self) -> Vec<String> {
        match &self.remote {
            Some(bucket) => bucket.list(),
            None => {
                let home = self.sandbox.path(".cofferdam");
                self.sandbox.tree(&home).into_iter().filter(|path| !path.ends_with('/')).collect()
            }
        }
    }

    /// Changes an object of the home behind its back.
    pub fn damage(&mut self, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        match &self.remote {
            Some(bucket) => bucket.put(name, &change(bucket.get(name))),
            None => {
                let path = self.sandbox.path(".cofferdam").join(name);
                fs::write(&path, change(fs::read(&path).expect("read"))).expect("written");
            }
        }
        self.looked.remove(name);
    }

    /// Everything of the user that others may not read.
    pub fn private(&self) -> Vec<PathBuf> {
        let mode = |path: &Path| fs::metadata(path).map_or(0, |found| found.permissions().mode() & 0o777);
        let files = [self.sandbox.user().join(".config/cofferdam/identity.txt")];
        files.into_iter().filter(|path| mode(path) != 0o600).collect()
    }
}

impl Service {
    fn answer(&self, request: &Request) -> Response {
        let path = request.path.split('?').next().unwrap_or_default();
        match (request.method.as_str(), path) {
            ("POST", "/refused") => {
                let said = json!({ "error": "refused", "you_sent": request.json(), "as_text": request.path });
                let headers = Value::from(format!("{:?}", request.headers));
                Response::json(400, &json!({ "said": said, "headers": headers })).header("x-request-id", &request.path)
            }
            ("GET", "/ready") => Response::status(if self.ready.load(Ordering::Relaxed) { 200 } else { 202 }),
            ("POST", _) => {
                let plain = Request { path: path.to_owned(), ..request.clone() };
                let answer = self.objects.answer(&plain);
                if self.closed.load(Ordering::Relaxed) {
                    self.gate.pass();
                }
                answer
            }
            _ => self.objects.answer(request),
        }
    }
}

fn is_meant(path: &str, name: &str) -> bool {
    let is_json = by(Way::JsonFile).any(|planted| planted.name == name);
    MEANT.iter().any(|(meant, by)| *meant == path && (*by == name || (*by == "json" && is_json)))
        || (path == "stack/out/app.conf" && name.starts_with("generated"))
        || (path == "stack/out/app.conf" && name == "edited")
        || (path.starts_with("stack/document") && name != MARKER)
        || (path == "user/.config/cofferdam/identity.txt" && name == "identity")
}

/// What kind of place it is, by its name.
fn kind_of(path: &str) -> &'static str {
    let kinds = [
        ("/damaged/", "aside"),
        ("/lease/", "lease"),
        ("/journal/", "journal"),
        ("/states/", "snapshot"),
        ("/secrets/", "list of secrets"),
        ("keys/", "keyring"),
        ("release.plan", "saved plan"),
        ("stack/out/", "deployed file"),
        ("stack/", "file of the stack"),
    ];
    kinds.into_iter().find(|(part, _)| path.contains(part)).map_or("other", |(_, kind)| kind)
}
