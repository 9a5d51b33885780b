//! The limits of one plugin: the host's defaults, lowered by the manifest, raised only by the user.

use serde::{Deserialize, Serialize};

/// Limits on one plugin, enforced by the runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// One linear memory, bytes.
    pub memory_bytes: u64,
    /// All linear memories and tables of one call, bytes.
    pub store_bytes: u64,
    /// Linear memories in one instance.
    pub memories: u32,
    /// Elements of one table.
    pub table_elements: u32,
    /// Resource handles alive at once.
    pub handles: u32,
    /// Bytes copied into the host by one host call, and out of the guest by one result.
    pub copied_bytes: u64,
    /// Time spent running guest code in one call, milliseconds.
    pub cpu_ms: u64,
    /// The same for `check` and `plan`, milliseconds.
    pub plan_cpu_ms: u64,
    /// Wall-clock time of one call, milliseconds.
    pub wall_ms: u64,
    /// Host calls made by one call.
    pub host_calls: u64,
    /// One log line, bytes.
    pub log_line_bytes: u32,
    /// All log lines of one call, bytes.
    pub log_bytes: u64,
    /// One HTTP body, request or response, bytes.
    pub http_body_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            memory_bytes: 256 * MIB,
            store_bytes: 512 * MIB,
            memories: 4,
            table_elements: 1_000_000,
            handles: 10_000,
            copied_bytes: 16 * MIB,
            cpu_ms: 10_000,
            plan_cpu_ms: 2_000,
            wall_ms: 60_000,
            host_calls: 100_000,
            log_line_bytes: 8 * 1024,
            log_bytes: MIB,
            http_body_bytes: 32 * MIB,
        }
    }
}

/// The largest component, in bytes.
pub const MAX_COMPONENT_BYTES: u64 = 64 * 1024 * 1024;
/// The longest compilation, in seconds.
pub const MAX_COMPILE_SECONDS: u64 = 120;
