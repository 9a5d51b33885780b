//! What the registry takes from the world, under the model checker: its lock, and its tasks, which can be made to end
//! early.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

/// A lock of the model checker; every `lock` is a point where another thread may go on.
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
        self.0.lock().expect("no thread panicked")
    }
}

thread_local! {
    /// After how many polls the next task is dropped. One schedule runs on one thread.
    static CUT_OFF: AtomicUsize = const { AtomicUsize::new(usize::MAX) };
}

/// The next task is dropped after so many polls.
pub(crate) fn cut_off(polls: usize) {
    CUT_OFF.with(|cut_off| cut_off.store(polls, Ordering::Relaxed));
}

pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let left = CUT_OFF.with(|cut_off| cut_off.swap(usize::MAX, Ordering::Relaxed));
    drop(shuttle::future::spawn(CutOff { task: Some(Box::pin(task)), left }));
}

/// A future that is dropped after so many polls, and is then ready without a result.
pub(crate) struct CutOff<F> {
    pub(crate) task: Option<Pin<Box<F>>>,
    pub(crate) left: usize,
}

impl<F: Future> Future for CutOff<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.left == 0 {
            self.task = None;
        }
        self.left = self.left.saturating_sub(1);
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let polled = task.as_mut().poll(context);
        if polled.is_pending() && self.left == 0 {
            // Dropped at this very await, without another wake.
            self.task = None;
            return Poll::Ready(None);
        }
        polled.map(Some)
    }
}
