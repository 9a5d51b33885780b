//! The one thread that talks to a service: it drives an asynchronous runtime of its own, and callers on any number of
//! plain threads wait for what they gave it.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread. Dropping it cuts off what it still does and waits until it has ended.
pub(crate) struct Worker {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().thread_name("cofferdam-aws-names").build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        // The runtime ends on its own thread, whoever drops the worker, and waits for no lookup of a host's name.
        let drive = move || {
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("cofferdam-aws".to_owned()).spawn(drive)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Waits for a result; none where the thread has ended before it was there.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.begin(work).wait()
    }

    /// Begins work, and leaves it to the caller to wait for it.
    pub(crate) fn begin<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Pending<T> {
        let (give, take) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let _ = give.send(work.await);
        });
        Pending(take)
    }
}

/// A result that is not there yet.
pub(crate) struct Pending<T>(mpsc::Receiver<T>);

impl<T> Pending<T> {
    /// Waits for it; none where the thread has ended before it was there.
    pub(crate) fn wait(self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn many_threads_share_it_and_it_ends() {
        let worker = Worker::start().expect("starts");
        std::thread::scope(|scope| {
            for number in 0..50 {
                let worker = &worker;
                scope.spawn(move || {
                    let work = async move {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        number
                    };
                    assert_eq!(worker.run(work), Some(number));
                });
            }
        });
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        worker.handle.spawn(async move {
            std::future::pending::<()>().await;
            drop(inside);
        });
        drop(worker);
        assert_eq!(Arc::strong_count(&held), 1, "what it did was cut off");
    }

    #[test]
    fn work_that_panics_has_no_result() {
        let worker = Worker::start().expect("starts");
        assert_eq!(worker.run(async { assert!(std::hint::black_box(false), "on purpose") }), None);
        assert_eq!(worker.run(async { 1 }), Some(1));
    }
}
