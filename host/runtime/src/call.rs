//! One call of a guest: a fresh store and instance, CPU and wall-clock limits, and faults that name what happened.
//!
//! CPU time is what the thread uses inside `poll`: a guest that waits in a host call uses none, and neither does one
//! that waits for a processor. The epoch callback looks at
//! it every few milliseconds and yields, so that a guest that computes without end can be timed out and cancelled.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use cofferdam_model::error::{LimitKind, PluginFault};
use cofferdam_model::limits::Limits;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::contract::v0_1::{bootstrapper, exported};
use crate::engine::Shared;
use crate::host::clock::Time;
use crate::host::limits::{LimitReached, StoreLimiter, too_many_calls};
use crate::host::log::CallLog;
use crate::host::{Caller, Guest, Reach, Usage, random, wasi};

/// Everything that one call starts from.
pub(crate) struct Setup {
    pub shared: Arc<Shared>,
    pub caller: Caller,
    pub limits: Arc<Limits>,
    /// Milliseconds of CPU time.
    pub cpu_ms: u64,
    /// None: no capability, a fixed clock and a fixed seed.
    pub reach: Option<Reach>,
}

/// Runs `work` against the `provider` of a fresh instance within the limits.
pub(crate) async fn run<T>(
    setup: Setup,
    pre: &crate::contract::v0_1::ProviderPluginPre<Guest>,
    work: impl for<'a> FnOnce(&'a mut Store<Guest>, &'a exported::Guest) -> BoxFuture<'a, wasmtime::Result<T>> + Send,
) -> Result<T, PluginFault> {
    let (mut store, bounds) = begin(setup);
    let call = async {
        let instance = pre.instantiate_async(&mut store).await?;
        work(&mut store, instance.cofferdam_provider_provider()).await
    };
    bounds.hold(call).await
}

/// The same against its `bootstrapper`.
pub(crate) async fn run_bootstrapper<T>(
    setup: Setup,
    pre: &bootstrapper::BootstrappingPre<Guest>,
    work: impl for<'a> FnOnce(&'a mut Store<Guest>, &'a bootstrapper::exported::Guest) -> BoxFuture<'a, wasmtime::Result<T>>
    + Send,
) -> Result<T, PluginFault> {
    let (mut store, bounds) = begin(setup);
    let call = async {
        let instance = pre.instantiate_async(&mut store).await?;
        work(&mut store, instance.cofferdam_provider_bootstrapper()).await
    };
    bounds.hold(call).await
}

/// A fresh store, and what bounds the call that is made in it.
fn begin(setup: Setup) -> (Store<Guest>, Bounds) {
    let Setup { shared, caller, limits, cpu_ms, reach } = setup;
    let log = Arc::new(CallLog::new(caller, &limits, shared.log.clone(), shared.redactor.clone()));
    let meter = Arc::new(CpuMeter::new());
    let guest = guest(&shared, &log, &limits, reach);
    let usage = Arc::clone(&guest.usage);
    let mut store = Store::new(&shared.engine, guest);
    limit(&mut store, &limits, &meter, cpu_ms);
    (store, Bounds { shared, limits, log, meter, usage })
}

/// What bounds one call.
struct Bounds {
    shared: Arc<Shared>,
    limits: Arc<Limits>,
    log: Arc<CallLog>,
    meter: Arc<CpuMeter>,
    usage: Arc<Usage>,
}

impl Bounds {
    async fn hold<T>(self, call: impl Future<Output = wasmtime::Result<T>>) -> Result<T, PluginFault> {
        let Self { shared, limits, log, meter, usage } = self;
        let metered = Metered { meter: &meter, inner: std::pin::pin!(call) };
        let result = tokio::select! {
            biased;
            ended = metered => Ok(ended),
            () = usage.waived.passed(Duration::from_millis(limits.wall_ms)) => Err(()),
        };
        match result {
            // The last calls to WASI may lie behind the last look at their number.
            Ok(Ok(_)) if usage.host_calls.load(Ordering::Relaxed) > limits.host_calls => {
                let LimitReached { kind, text } = too_many_calls(&limits);
                Err(PluginFault::Limit { kind, text })
            }
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(fault(&error, &log, &shared, &limits)),
            Err(()) => Err(PluginFault::Limit {
                kind: LimitKind::Wall,
                text: format!("took longer than {} for one call", seconds(limits.wall_ms)),
            }),
        }
    }
}

fn guest(shared: &Shared, log: &Arc<CallLog>, limits: &Arc<Limits>, reach: Option<Reach>) -> Guest {
    let (time, random) = match &reach {
        Some(_) => (Time::Running(shared.clock.clone()), random::Source::System),
        None => (Time::Fixed, random::Source::Fixed(0)),
    };
    let mut table = wasmtime::component::ResourceTable::new();
    table.set_max_capacity(limits.handles as usize);
    Guest {
        wasi: wasi::context(&time, &random, log),
        table,
        limiter: StoreLimiter::new(limits),
        limits: limits.clone(),
        usage: Arc::new(Usage::default()),
        time,
        random,
        log: log.clone(),
        ends_at: Instant::now() + Duration::from_millis(limits.wall_ms),
        reach,
    }
}

fn limit(store: &mut Store<Guest>, limits: &Arc<Limits>, meter: &Arc<CpuMeter>, cpu_ms: u64) {
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(usize::try_from(limits.copied_bytes).unwrap_or(usize::MAX));
    store.set_max_component_handles(limits.handles as usize);
    store.set_epoch_deadline(1);
    let (limits, meter) = (limits.clone(), meter.clone());
    store.epoch_deadline_callback(move |context| {
        if context.data().usage.host_calls.load(Ordering::Relaxed) > limits.host_calls {
            return Err(wasmtime::Error::from(too_many_calls(&limits)));
        }
        if meter.used_ms() > cpu_ms {
            let text = format!("used more than {} of CPU time in one call", seconds(cpu_ms));
            return Err(wasmtime::Error::from(LimitReached { kind: LimitKind::Cpu, text }));
        }
        Ok(UpdateDeadline::Yield(1))
    });
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}

/// What a failed call means. The text never holds a secret.
fn fault(error: &wasmtime::Error, log: &CallLog, shared: &Shared, limits: &Limits) -> PluginFault {
    if let Some(reached) = error.downcast_ref::<LimitReached>() {
        return PluginFault::Limit { kind: reached.kind, text: reached.text.clone() };
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return PluginFault::Trap(format!("it called exit with status {}", exit.0));
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::StackOverflow) {
        return PluginFault::Limit {
            kind: LimitKind::Stack,
            text: "recursed without end and used up its stack".into(),
        };
    }
    let text = error.root_cause().to_string();
    if text.contains("hostcalls has been exhausted") {
        return PluginFault::Limit {
            kind: LimitKind::Copied,
            text: "handed the host more data at once than it may".into(),
        };
    }
    if text.contains("too many handles") || text.contains("resource table has no free keys") {
        return PluginFault::Limit { kind: LimitKind::Handles, text: "held more handles than it may".into() };
    }
    if text.contains("memory count too high") {
        let text = format!("wanted more than {} memories", limits.memories);
        return PluginFault::Limit { kind: LimitKind::Memory, text };
    }
    // Types of exports are compared when a function is first looked up, not when the component is loaded.
    if error.chain().any(|cause| cause.to_string().contains("failed to convert function to given type")) {
        return PluginFault::Contract(format!("a function that it exports has another type: {text}"));
    }
    let said = match (trap, log.last_words()) {
        (Some(Trap::UnreachableCodeReached), Some(words)) => words,
        (_, Some(words)) => format!("{text}; its last words: {words}"),
        (_, None) => text,
    };
    PluginFault::Trap(shared.redactor.redact(&said))
}

/// CPU time used inside `poll`. One poll stays on one thread, and so does the epoch callback within it.
struct CpuMeter {
    used_ns: AtomicU64,
    /// The thread's CPU time when the present poll began; `u64::MAX` outside of one.
    since_ns: AtomicU64,
}

impl CpuMeter {
    fn new() -> Self {
        Self { used_ns: AtomicU64::new(0), since_ns: AtomicU64::new(u64::MAX) }
    }

    fn used_ms(&self) -> u64 {
        let since = self.since_ns.load(Ordering::Relaxed);
        let running = if since == u64::MAX { 0 } else { thread_cpu_ns().saturating_sub(since) };
        (self.used_ns.load(Ordering::Relaxed) + running) / 1_000_000
    }

    fn enter(&self) {
        self.since_ns.store(thread_cpu_ns(), Ordering::Relaxed);
    }

    fn leave(&self) {
        let since = self.since_ns.swap(u64::MAX, Ordering::Relaxed);
        self.used_ns.fetch_add(thread_cpu_ns().saturating_sub(since), Ordering::Relaxed);
    }
}

/// The CPU time that the present thread has used.
fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let part = |part: i64| u64::try_from(part).unwrap_or_default();
    part(time.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(time.tv_nsec))
}

struct Metered<'a, F> {
    meter: &'a CpuMeter,
    inner: Pin<&'a mut F>,
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.enter();
        let polled = self.inner.as_mut().poll(context);
        self.meter.leave();
        polled
    }
}
