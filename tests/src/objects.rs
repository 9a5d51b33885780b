//! A small service: named objects behind a REST interface, made at most once per operation id.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::wire::{Request, Response};

/// The header that makes a repeated create harmless.
const OPERATION: &str = "idempotency-key";

/// The objects of the service.
pub struct Objects {
    path: &'static str,
    store: Mutex<Store>,
}

#[derive(Default)]
struct Store {
    made: usize,
    by_id: BTreeMap<String, Value>,
    by_operation: BTreeMap<String, String>,
}

impl Default for Objects {
    fn default() -> Self {
        Self::at("/objects")
    }
}

impl Objects {
    /// A service without objects, at a path such as `/objects`.
    #[must_use]
    pub fn at(path: &'static str) -> Self {
        Self { path, store: Mutex::default() }
    }

    /// Answers `POST` of the path, `GET`, `PUT` and `DELETE` of an object's id below it, and `GET` of `by/` and the
    /// operation that made one.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Response {
        let mut store = self.store();
        match (request.method.as_str(), request.path.strip_prefix(self.path)) {
            ("POST", Some("")) => store.create(request),
            (method, Some(path)) => store.one(method, path.trim_start_matches('/'), request),
            _ => Response::status(404),
        }
    }

    /// How many objects were ever made.
    #[must_use]
    pub fn made(&self) -> usize {
        self.store().made
    }

    /// The objects that there are.
    #[must_use]
    pub fn all(&self) -> Vec<Value> {
        self.store().by_id.values().cloned().collect()
    }

    /// Changes an object behind everybody's back.
    pub fn edit(&self, id: &str, edit: impl FnOnce(&mut Value)) {
        edit(self.store().by_id.get_mut(id).expect("the test edits an object that is there"));
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    fn create(&mut self, request: &Request) -> Response {
        let operation = request.header(OPERATION).unwrap_or_default().to_owned();
        if let Some(object) = self.by_operation.get(&operation).and_then(|id| self.by_id.get(id)) {
            return Response::json(200, object);
        }
        self.made += 1;
        let id = format!("object-{}", self.made);
        let object = with_id(request.json(), &id);
        self.by_id.insert(id.clone(), object.clone());
        self.by_operation.insert(operation, id);
        Response::json(201, &object)
    }

    fn one(&mut self, method: &str, id: &str, request: &Request) -> Response {
        let id = match id.strip_prefix("by/") {
            Some(operation) => self.by_operation.get(operation).map_or("", String::as_str),
            None => id,
        };
        let Some(object) = self.by_id.get_mut(id) else { return Response::status(404) };
        match method {
            "GET" => Response::json(200, object),
            "PUT" => {
                *object = with_id(request.json(), id);
                Response::json(200, object)
            }
            "DELETE" => {
                self.by_id.remove(id);
                Response::status(204)
            }
            _ => Response::status(405),
        }
    }
}

fn with_id(mut object: Value, id: &str) -> Value {
    object["id"] = json!(id);
    object
}
