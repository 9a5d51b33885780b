//! Three registries as people write them first. Each has to fail the tests that the real one passes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::registry::Refused;
use crate::sync::Mutex;
use crate::{Ensures, Failing, Name, Work};

type Answer = Result<u32, Refused<Name, Failing>>;

fn answer(result: Result<u32, crate::registry::Failure<Failing>>) -> Answer {
    result.map_err(Refused::Failed)
}

/// Looks under the lock, works without it, and writes under the lock.
#[derive(Clone)]
pub(crate) struct CheckThenAct(Arc<Mutex<HashMap<Name, u32>>>);

impl Ensures for CheckThenAct {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(HashMap::new())))
    }

    async fn ensure(&self, key: Name, _: Option<Name>, work: Work) -> Answer {
        let found = self.0.lock().get(&key).copied();
        if let Some(value) = found {
            return Ok(value);
        }
        let value = answer(work.await)?;
        self.0.lock().insert(key, value);
        Ok(value)
    }
}

/// Holds one lock over all work.
#[derive(Clone)]
pub(crate) struct LockOverWork(Arc<Mutex<HashMap<Name, u32>>>);

impl Ensures for LockOverWork {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(HashMap::new())))
    }

    async fn ensure(&self, key: Name, _: Option<Name>, work: Work) -> Answer {
        let mut map = self.0.lock();
        if let Some(value) = map.get(&key) {
            return Ok(*value);
        }
        let value = answer(work.await)?;
        map.insert(key, value);
        Ok(value)
    }
}

/// One flight per key, but what comes of it is kept for ever, whatever it is.
#[derive(Clone)]
pub(crate) struct FailureKept {
    right: crate::Real,
    landed: Arc<Mutex<HashMap<Name, u32>>>,
}

impl Ensures for FailureKept {
    fn new() -> Self {
        Self { right: crate::Real::new(), landed: Arc::new(Mutex::new(HashMap::new())) }
    }

    async fn ensure(&self, key: Name, from: Option<Name>, work: Work) -> Answer {
        let landed = self.landed.lock().get(&key).copied();
        if let Some(value) = landed {
            return Ok(value);
        }
        let result = self.right.ensure(key, from, work).await;
        self.landed.lock().insert(key, result.clone().unwrap_or_default());
        result
    }

    fn pass(&self, seconds: u64) {
        self.right.pass(seconds);
    }
}
