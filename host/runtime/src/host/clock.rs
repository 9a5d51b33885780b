//! `clock`, and the clocks of WASI: the host's time, or a fixed one.

use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use super::Guest;
use crate::contract::v0_1::imports::clock;

/// The time, passed in from outside.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
    /// Nanoseconds that only grow, from any start.
    fn monotonic_ns(&self) -> u64;
}

/// The time that one call sees.
#[derive(Clone)]
pub(crate) enum Time {
    /// Stands still, so that an answer depends on the component alone.
    Fixed,
    Running(Arc<dyn Clock>),
}

impl Time {
    pub fn now_ms(&self) -> u64 {
        match self {
            // 2026-01-01T00:00:00Z: late enough for code that checks its clock.
            Self::Fixed => 1_767_225_600_000,
            Self::Running(clock) => clock.now_ms(),
        }
    }

    fn monotonic_ns(&self) -> u64 {
        match self {
            Self::Fixed => 0,
            Self::Running(clock) => clock.monotonic_ns(),
        }
    }
}

impl HostWallClock for Time {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms())
    }
}

impl HostMonotonicClock for Time {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.monotonic_ns()
    }
}

impl clock::Host for Guest {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.count()?;
        Ok(self.time.now_ms())
    }
}
