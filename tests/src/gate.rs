//! A gate in the way of a server's answers: a test closes it to hold a run in the middle of a request.

use std::sync::{Condvar, Mutex, PoisonError};

/// Closed when made; stays open once opened.
#[derive(Default)]
pub struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    /// Waits until the gate is open.
    pub fn pass(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let _open = self.changed.wait_while(open, |open| !*open).unwrap_or_else(PoisonError::into_inner);
    }

    /// Lets everybody pass, now and from now on.
    pub fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}
