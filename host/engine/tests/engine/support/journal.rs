//! A journal in memory that can be slow, fail, end with its run, or forbid writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cofferdam_model::journal::{InFlight, Journal, JournalError, Record};
use cofferdam_model::state::StackState;
use cofferdam_model::{StackName, StageName};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::Fuse;

#[derive(Default)]
pub struct MemoryJournal {
    pub records: Mutex<Vec<Record>>,
    pub delay_ms: u64,
    /// From this record on, counted from 0, nothing is written.
    pub fails_from: Option<usize>,
    /// From this call on, counted from 0, the run may not write.
    pub bars_from: Option<usize>,
    pub asked: AtomicUsize,
    pub fuse: Fuse,
}

fn broken(what: &str) -> JournalError {
    JournalError { place: "memory".into(), hint: None, source: Arc::new(std::io::Error::other(what.to_owned())) }
}

impl Journal for MemoryJournal {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        // Killed before the record is written, or before anybody hears of it.
        if !self.fuse.passes() {
            return std::future::pending().boxed();
        }
        let mut records = self.records.lock();
        if self.fails_from.is_some_and(|limit| records.len() >= limit) {
            return async { Err(broken("disk full")) }.boxed();
        }
        records.push(record);
        if !self.fuse.passes() {
            return std::future::pending().boxed();
        }
        let delay = Duration::from_millis(self.delay_ms);
        async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn may_write(&self) -> Result<(), JournalError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if self.bars_from.is_some_and(|limit| asked >= limit) { Err(broken("the lease ran out")) } else { Ok(()) }
    }
}

impl MemoryJournal {
    /// What a home would report as in flight.
    pub fn in_flight(&self) -> Vec<InFlight> {
        self.replay(StackState::empty(StackName::new("test").expect("valid"), StageName::new("dev").expect("valid"))).1
    }

    /// What a home would make of the records and the state before them.
    pub fn replay(&self, mut state: StackState) -> (StackState, Vec<InFlight>) {
        let mut open: Vec<InFlight> = Vec::new();
        let mut began = None;
        for record in self.records.lock().iter().cloned() {
            match record {
                Record::RunStarted { command, .. } => began = Some(command),
                Record::Intent { operation, address, kind, provider, plugin, inputs, desired } => {
                    if open.iter().any(|write| write.operation == operation) {
                        continue;
                    }
                    let (command, checkpoint, partial) = (began.clone(), None, None);
                    let write = InFlight {
                        operation,
                        address,
                        kind,
                        provider,
                        plugin,
                        inputs,
                        desired,
                        command,
                        checkpoint,
                        partial,
                    };
                    open.push(write);
                }
                Record::Checkpoint { operation, checkpoint, partial } => {
                    if let Some(write) = open.iter_mut().find(|write| write.operation == operation) {
                        write.checkpoint = Some(checkpoint);
                        write.partial = partial;
                    }
                }
                Record::Result { operation, address, entry } => {
                    open.retain(|write| Some(&write.operation) != operation.as_ref());
                    match entry {
                        Some(entry) => state.resources.insert(address, Arc::unwrap_or_clone(entry)),
                        None => state.resources.remove(&address),
                    };
                }
                Record::Outputs { outputs } => state.outputs = outputs,
                Record::RunFinished { .. } => {}
            }
        }
        (state, open)
    }

    /// The kinds of the records, in order.
    pub fn kinds(&self) -> Vec<&'static str> {
        let kind = |record: &Record| match record {
            Record::RunStarted { .. } => "run-started",
            Record::Intent { .. } => "intent",
            Record::Checkpoint { .. } => "checkpoint",
            Record::Result { .. } => "result",
            Record::Outputs { .. } => "outputs",
            Record::RunFinished { .. } => "run-finished",
        };
        self.records.lock().iter().map(kind).collect()
    }
}
