//! A service with objects of three kinds, as `web_found`, `web_once` and `web_slow` need it, and the counting of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::{Request, Response};

/// What a request takes, so that a process can be killed while it waits for the answer.
const WORK: Duration = Duration::from_millis(2);

/// The service. Its path `/count` tells the counts of every kind.
#[derive(Default)]
pub struct Service {
    kinds: Mutex<BTreeMap<String, Kind>>,
}

/// The objects of a service at one moment.
pub struct Kept(BTreeMap<String, Kind>);

/// The objects of one kind.
#[derive(Clone, Default)]
struct Kind {
    made: usize,
    objects: BTreeMap<String, Value>,
    by_operation: BTreeMap<String, String>,
    asked: BTreeMap<String, usize>,
}

impl Service {
    /// Answers a request.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Response {
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

    /// How many objects there are of all kinds, and how many share their name with another.
    #[must_use]
    pub fn totals(&self) -> (usize, usize) {
        let kinds = self.kinds();
        let sum = |count: fn(&Kind) -> usize| kinds.values().map(count).sum();
        (sum(|kind| kind.objects.len()), sum(Kind::duplicates))
    }

    /// Everything as it is now, to come back to.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept(self.kinds().clone())
    }

    /// Makes everything as it was.
    pub fn put_back(&self, kept: &Kept) {
        self.kinds().clone_from(&kept.0);
    }

    /// For every kind: how many objects there are, how many were ever made, and how many share a name.
    fn count(&self) -> Value {
        let count =
            |kind: &Kind| json!({ "kept": kind.objects.len(), "made": kind.made, "duplicates": kind.duplicates() });
        self.kinds().iter().map(|(name, kind)| (name.clone(), count(kind))).collect()
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<String, Kind>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    fn duplicates(&self) -> usize {
        let mut names: Vec<String> = self.objects.values().map(|object| object["name"].to_string()).collect();
        names.sort();
        names.dedup();
        self.objects.len() - names.len()
    }

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
