//! The thread that keeps a lease: writes the token again and again, looks whether somebody has taken a higher one, and
//! releases it at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Leased, Standing, TokenFile};
use crate::places::number_of;
use crate::store::{Hold, Store, StoreError, Trouble};

/// The wait after a heartbeat that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// The running thread. To drop it releases the lease and waits for the thread.
pub(super) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    store: Arc<dyn Store>,
    leased: Leased,
    file: TokenFile,
    standing: Arc<Standing>,
    hold: Option<Box<dyn Hold>>,
}

impl Keeper {
    pub(super) fn spawn(
        store: Arc<dyn Store>,
        leased: Leased,
        file: TokenFile,
        standing: Arc<Standing>,
        hold: Option<Box<dyn Hold>>,
    ) -> Result<Self, StoreError> {
        let (stop, stopped) = channel();
        let place = store.place(&leased.token(file.token));
        let work = Work { store, leased, file, standing, hold };
        let thread = std::thread::Builder::new().name("cofferdam-lease".to_owned());
        let thread = thread.spawn(move || work.run(&stopped)).map_err(|source| StoreError {
            action: "start the keeper of",
            place,
            trouble: Trouble::Lasting,
            hint: None,
            source: source.into(),
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        // It fails only where the thread is gone, which is what is wanted.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Work {
    fn run(mut self, stopped: &Receiver<()>) {
        let heartbeat = self.standing.times.heartbeat();
        let mut wait = heartbeat;
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
            wait = match self.beat() {
                Ok(()) => heartbeat,
                Err(_) => AGAIN.min(heartbeat),
            };
            if self.standing.lost.load(Ordering::Acquire) {
                // Nothing more to keep; what is left is to be told to stop.
                let _ = stopped.recv();
                return;
            }
        }
        self.release();
    }

    fn beat(&mut self) -> Result<(), StoreError> {
        let began_ms = self.standing.clock.monotonic_ms();
        self.file.beat += 1;
        self.store.replace(&self.leased.token(self.file.token), &self.file.text())?;
        let listed = self.store.list(&self.leased.prefix)?;
        if listed.iter().filter_map(|object| number_of(&object.key, "json")).any(|token| token > self.file.token) {
            let _ = self.standing.lose();
        } else {
            self.standing.renewed(began_ms);
        }
        Ok(())
    }

    /// Marks the token released, unless the next holder must fence.
    fn release(mut self) {
        if self.standing.lost.load(Ordering::Acquire) || self.standing.suspect.load(Ordering::Acquire) {
            return;
        }
        self.file.released = true;
        // Where this fails, the lease ends by itself.
        let _ = self.store.replace(&self.leased.token(self.file.token), &self.file.text());
        drop(self.hold.take());
    }
}
