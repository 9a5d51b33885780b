//! What the engine is given from outside: the stack, its plugins, where events go, time, randomness and limits.

use std::num::NonZeroUsize;
use std::sync::Arc;

use cofferdam_model::program::Program;
use cofferdam_model::provider::Providers;
use cofferdam_model::redact::Redactor;

use crate::{Cancel, EventSink};

/// Time. Sleeping is `tokio::time`'s.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Milliseconds since any fixed moment; never goes back.
    fn monotonic_ms(&self) -> u64;
}

/// Randomness: operation ids and the jitter of retries.
pub trait Entropy: Send + Sync {
    /// 16 fresh random bytes.
    fn bytes(&self) -> [u8; 16];
}

/// Everything that one run of the engine works with.
#[derive(Clone)]
pub struct EngineCtx {
    /// The stack.
    pub program: Arc<dyn Program>,
    /// Its plugins.
    pub providers: Arc<dyn Providers>,
    /// Where the events of the run go.
    pub events: Arc<dyn EventSink>,
    /// Learns every secret that the engine sees and takes it out of every text.
    pub redactor: Arc<Redactor>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Stops the run from outside.
    pub cancel: Cancel,
    /// The most calls of providers at one time; [`EngineCtx::PARALLELISM`] by default.
    pub parallelism: NonZeroUsize,
}

impl EngineCtx {
    /// The default of [`EngineCtx::parallelism`].
    pub const PARALLELISM: NonZeroUsize = NonZeroUsize::new(10).expect("ten is not zero");
}
