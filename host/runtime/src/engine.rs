//! The WebAssembly engine: one configuration for compiling and running, the epoch ticker, and what plugins share.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_model::bootstrap::Bootstraps;
use cofferdam_model::redact::Redactor;
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, EngineWeak};

use crate::assets::Assets;
use crate::bootstrap::Ensurer;
use crate::component::cache::{Cache, CacheDirectory, CacheError};
use crate::component::compile::Compiler;
use crate::egress::Egress;
use crate::egress::credentials::Environment;
use crate::host::clock::Clock;
use crate::host::log::PluginLog;
use crate::host::{Guest, add_to_linker};

/// How often a guest that computes is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(10);
const WASM_STACK: usize = 1024 * 1024;
const ASYNC_STACK: usize = 2 * 1024 * 1024;

/// The engine could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine refuses this machine or its configuration.
    #[error("the WebAssembly engine cannot run here: {0}")]
    Engine(String),
    /// The compiled cache cannot be used safely.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(String),
}

/// What the host of the host passes in.
pub struct RuntimeOptions {
    /// Where compiled components are kept.
    pub cache: CacheDirectory,
    /// How components are compiled.
    pub compiler: Compiler,
    /// Where granted credentials are looked up.
    pub environment: Environment,
    /// Where plugins' log lines go.
    pub log: Arc<dyn PluginLog>,
    /// The secrets of the run.
    pub redactor: Arc<Redactor>,
    /// The time that guests see.
    pub clock: Arc<dyn Clock>,
    /// What prepares accounts; none where nothing is prepared.
    pub bootstraps: Option<Arc<dyn Bootstraps>>,
}

/// What every plugin of a process shares. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub engine: Engine,
    pub linker: Linker<Guest>,
    pub cache: Cache,
    pub compiler: Compiler,
    pub egress: Egress,
    pub environment: Environment,
    pub log: Arc<dyn PluginLog>,
    pub redactor: Arc<Redactor>,
    pub clock: Arc<dyn Clock>,
    pub bootstraps: Option<Ensurer>,
    pub assets: Assets,
}

impl Runtime {
    /// Sets the engine up and starts its ticker. Called once per process, inside a tokio runtime.
    ///
    /// # Errors
    /// When the engine does not run here or the cache directory is not private.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let fail = |error: wasmtime::Error| RuntimeError::Engine(format!("{error:#}"));
        let engine = Engine::new(&config()).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker).map_err(fail)?;
        let RuntimeOptions { cache, compiler, environment, log, redactor, clock, bootstraps } = options;
        let bootstraps = bootstraps.map(|host| Ensurer::new(host, &clock));
        let assets = Assets::new(&clock);
        let cache = Cache::open(cache, &engine)?;
        let egress = Egress::new().map_err(|error| RuntimeError::Http(error.to_string()))?;
        tick(engine.weak());
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                linker,
                cache,
                compiler,
                egress,
                environment,
                log,
                redactor,
                clock,
                bootstraps,
                assets,
            }),
        })
    }

    /// Prepares and publishes nothing any more, and waits for the preparations and uploads that go on; they end at
    /// their next step where the run was stopped.
    pub async fn drain(&self) {
        self.shared.assets.drain().await;
        if let Some(bootstraps) = &self.shared.bootstraps {
            bootstraps.drain().await;
        }
    }
}

/// The configuration that both the compiling child and the running parent use: a compiled component fits no other.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .wasm_component_model(true)
        // Threads and wide features stay off: what a plugin needs is small, and so is what can go wrong.
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .memory_init_cow(true);
    config
}

/// Advances the epoch for as long as the engine lives. The thread holds the engine weakly and is never joined, so no
/// command waits for it.
fn tick(engine: EngineWeak) {
    let spawned = std::thread::Builder::new().name("epoch".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
    drop(spawned);
}
