//! WASI 0.2 with no authority: no preopened directories, no environment, no arguments, no sockets. Clocks and random
//! work; stdout and stderr become log lines.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::clock::Time;
use super::lines::LineBuffer;
use super::log::{CallLog, LogLevel};
use super::{Guest, random};

const MAX_RANDOM_BYTES: u64 = 4096;
/// What a guest may write at once.
const CHUNK: usize = 8 * 1024;

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

pub(crate) fn context(time: &Time, random: &random::Source, log: &Arc<CallLog>) -> WasiCtx {
    WasiCtx::builder()
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }))
        .wall_clock(time.clone())
        .monotonic_clock(time.clone())
        .secure_random(random.clone())
        .insecure_random(random.clone())
        .insecure_random_seed(0)
        .max_random_size(MAX_RANDOM_BYTES)
        .stdout(Lines::new(log, LogLevel::Info))
        .stderr(Lines::new(log, LogLevel::Warn))
        .build()
}

/// Every WASI function passes here, so this is where their calls are counted. The trap comes with the next tick.
impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.usage.host_calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A stream that ends up in the log, line by line.
#[derive(Clone)]
struct Lines {
    log: Arc<CallLog>,
    level: LogLevel,
    // Guards memory alone, of one stream of one call.
    buffer: Arc<Mutex<LineBuffer>>,
}

impl Lines {
    fn new(log: &Arc<CallLog>, level: LogLevel) -> Self {
        Self { log: log.clone(), level, buffer: Arc::default() }
    }

    fn push(&self, bytes: &[u8]) {
        let lines = self.buffer.lock().push(bytes, self.log.redactor());
        lines.iter().for_each(|line| self.log.stream_line(self.level, line));
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if Arc::strong_count(&self.buffer) == 1 {
            let lines = self.buffer.lock().finish(self.log.redactor());
            lines.iter().for_each(|line| self.log.stream_line(self.level, line));
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Streams of WASI 0.3, which this host does not link.
        Box::new(tokio::io::sink())
    }
}

#[async_trait::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}
