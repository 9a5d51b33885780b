//! Limits of one call that are enforced here: memories and tables, and the number of host calls. CPU and wall-clock
//! time are the caller's, copied bytes and handles the engine's.

use std::sync::atomic::Ordering;

use cofferdam_model::error::LimitKind;
use cofferdam_model::limits::Limits;
use wasmtime::ResourceLimiter;

use super::Usage;

const TABLE_ELEMENT_BYTES: usize = 8;

/// A limit was reached. Carried by the trap, so that the caller can tell which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct LimitReached {
    pub kind: LimitKind,
    pub text: String,
}

/// Bounds linear memories and tables: each one, their number, and all of a store together.
pub(crate) struct StoreLimiter {
    memory: usize,
    store: usize,
    memories: usize,
    table_elements: usize,
    used: usize,
    /// The most that was in use, in bytes.
    pub peak: usize,
}

impl StoreLimiter {
    pub fn new(limits: &Limits) -> Self {
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            memory: bytes(limits.memory_bytes),
            store: bytes(limits.store_bytes),
            memories: limits.memories as usize,
            table_elements: limits.table_elements as usize,
            used: 0,
            peak: 0,
        }
    }

    fn take(&mut self, more: usize) -> bool {
        match self.used.checked_add(more).filter(|used| *used <= self.store) {
            Some(used) => {
                self.used = used;
                self.peak = self.peak.max(used);
                true
            }
            None => false,
        }
    }
}

fn over(text: String) -> wasmtime::Error {
    wasmtime::Error::from(LimitReached { kind: LimitKind::Memory, text })
}

impl ResourceLimiter for StoreLimiter {
    // A trap rather than -1: a guest that cannot get memory has no good way on, and the user learns why.
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.memory {
            return Err(over(format!("needed more than {} of memory", mebibytes(self.memory))));
        }
        if !self.take(desired.saturating_sub(current)) {
            return Err(over(format!("needed more than {} of memory in all", mebibytes(self.store))));
        }
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.table_elements {
            return Err(over(format!("needed a table of more than {} elements", self.table_elements)));
        }
        if !self.take(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT_BYTES)) {
            return Err(over(format!("needed more than {} of memory in all", mebibytes(self.store))));
        }
        Ok(true)
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

fn mebibytes(bytes: usize) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

/// Counts a host call.
pub(crate) fn count(usage: &Usage, limits: &Limits) -> wasmtime::Result<()> {
    if usage.host_calls.fetch_add(1, Ordering::Relaxed) < limits.host_calls {
        return Ok(());
    }
    Err(wasmtime::Error::from(too_many_calls(limits)))
}

pub(crate) fn too_many_calls(limits: &Limits) -> LimitReached {
    LimitReached {
        kind: LimitKind::HostCalls,
        text: format!("made more than {} host calls in one call", limits.host_calls),
    }
}
