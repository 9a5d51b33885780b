//! A journal in memory that can be slow or fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_model::OperationId;
use cofferdam_model::journal::{InFlight, Journal, JournalError, Record};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

#[derive(Default)]
pub struct MemoryJournal {
    pub records: Mutex<Vec<Record>>,
    pub delay_ms: u64,
    /// From this record on, counted from 0, nothing is written.
    pub fails_from: Option<usize>,
}

impl Journal for MemoryJournal {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let mut records = self.records.lock();
        if self.fails_from.is_some_and(|limit| records.len() >= limit) {
            let source = Arc::new(std::io::Error::other("disk full"));
            return async move { Err(JournalError { place: "memory".into(), source }) }.boxed();
        }
        records.push(record);
        let delay = Duration::from_millis(self.delay_ms);
        async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Ok(())
        }
        .boxed()
    }
}

impl MemoryJournal {
    /// What a home would report as in flight.
    pub fn in_flight(&self) -> Vec<InFlight> {
        let mut open: BTreeMap<OperationId, InFlight> = BTreeMap::new();
        for record in self.records.lock().iter().cloned() {
            match record {
                Record::Intent { operation, address, kind, provider, plugin, inputs } => {
                    let id = operation.clone();
                    open.insert(
                        id,
                        InFlight {
                            operation,
                            address,
                            kind,
                            provider,
                            plugin,
                            inputs,
                            checkpoint: None,
                            partial: None,
                        },
                    );
                }
                Record::Checkpoint { operation, checkpoint, partial } => {
                    if let Some(write) = open.get_mut(&operation) {
                        write.checkpoint = Some(checkpoint);
                        write.partial = partial;
                    }
                }
                Record::Result { operation: Some(operation), .. } => {
                    open.remove(&operation);
                }
                _ => {}
            }
        }
        open.into_values().collect()
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
