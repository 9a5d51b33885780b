//! The time, from the host: fixed in replay and while a plugin describes itself.

use crate::host;

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> u64 {
    host::with(|host| host.now_ms())
}
