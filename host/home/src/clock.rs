//! Time, passed in.

/// What tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch. For people alone: nothing is decided by it.
    fn now_ms(&self) -> u64;

    /// Milliseconds since any fixed moment; never goes back, and goes on while the process is stopped and while the
    /// machine sleeps.
    fn monotonic_ms(&self) -> u64;
}
