//! A service in a process of its own, which outlives the cofferdam that is killed beside it: objects of three kinds, and
//! the counting of them. Prints its address, and ends when its stdin does.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use cofferdam_tests::{Request, Response, Server};
use serde_json::{Value, json};

/// What a request takes, so that a process can be killed while it waits for the answer.
const WORK: Duration = Duration::from_millis(2);

#[derive(Default)]
struct Service {
    kinds: Mutex<BTreeMap<String, Kind>>,
}

/// The objects of one kind.
#[derive(Default)]
struct Kind {
    made: usize,
    objects: BTreeMap<String, Value>,
    by_operation: BTreeMap<String, String>,
    asked: BTreeMap<String, usize>,
}

fn main() {
    let service = Service::default();
    let server = Server::start(move |request| service.answer(request));
    writeln!(std::io::stdout(), "{}", server.host()).expect("somebody reads the address");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

impl Service {
    fn answer(&self, request: &Request) -> Response {
        let parts: Vec<&str> = request.path.split('/').skip(1).collect();
        match (request.method.as_str(), parts[..].first().copied().unwrap_or_default(), &parts[1..]) {
            ("GET", "count", []) => Response::json(200, &self.count()),
            (method, kind @ ("found" | "once" | "slow"), rest) => {
                // Half of the work before the change and half after it: a kill falls on either side.
                thread::sleep(WORK / 2);
                let response = self.kinds().entry(kind.to_owned()).or_default().answer(kind, method, rest, request);
                thread::sleep(WORK / 2);
                response
            }
            _ => Response::status(404),
        }
    }

    /// For every kind: how many objects there are, how many were ever made, and how many share a name.
    fn count(&self) -> Value {
        let count = |kind: &Kind| {
            let mut names: Vec<String> = kind.objects.values().map(|object| object["name"].to_string()).collect();
            names.sort();
            names.dedup();
            json!({ "kept": kind.objects.len(), "made": kind.made, "duplicates": kind.objects.len() - names.len() })
        };
        self.kinds().iter().map(|(name, kind)| (name.clone(), count(kind))).collect()
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<String, Kind>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    fn answer(&mut self, kind: &str, method: &str, rest: &[&str], request: &Request) -> Response {
        match (method, rest) {
            ("POST", []) => self.create(kind == "found", request),
            ("GET", ["by", operation]) => match self.by_operation.get(*operation).and_then(|id| self.objects.get(id)) {
                Some(object) => Response::json(200, object),
                None => Response::status(404),
            },
            ("POST", [id, "asked"]) if self.objects.contains_key(*id) => {
                let asked = self.asked.entry((*id).to_owned()).or_default();
                *asked += 1;
                Response::status(if *asked > 2 { 200 } else { 202 })
            }
            ("GET", [id]) => match self.objects.get(*id) {
                Some(object) => Response::json(200, object),
                None => Response::status(404),
            },
            ("PUT", [id]) if self.objects.contains_key(*id) => {
                let object = named(request.json(), id);
                self.objects.insert((*id).to_owned(), object.clone());
                Response::json(200, &object)
            }
            ("DELETE", [id]) => match self.objects.remove(*id) {
                Some(_) => Response::status(204),
                None => Response::status(404),
            },
            _ => Response::status(404),
        }
    }

    /// Makes an object: for every request, or once for each operation.
    fn create(&mut self, every: bool, request: &Request) -> Response {
        let operation = request.header("idempotency-key").unwrap_or_default().to_owned();
        if let Some(object) = self.by_operation.get(&operation).and_then(|id| self.objects.get(id)).filter(|_| !every) {
            return Response::json(200, object);
        }
        self.made += 1;
        let id = format!("object-{}", self.made);
        let object = named(request.json(), &id);
        self.objects.insert(id.clone(), object.clone());
        self.by_operation.insert(operation, id);
        Response::json(201, &object)
    }
}

fn named(mut object: Value, id: &str) -> Value {
    object["id"] = json!(id);
    object
}
