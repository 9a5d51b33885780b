//! What the registry takes from the world: a lock, and tasks of the host. The model checker in `tests/registry` puts
//! its own in their place.

pub(crate) use parking_lot::Mutex;

/// Runs a future in a task of the host, which no caller can drop.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}
