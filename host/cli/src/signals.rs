//! Ctrl-C and its relatives: the first asks the run to stop, the second stops it at once.

use cofferdam_engine::{Cancel, Event, EventSink, Stop};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

use crate::render::events::Reporter;

/// Listens for as long as the process lives.
pub fn listen(cancel: Cancel, reporter: Arc<Reporter>) {
    tokio::spawn(async move {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let Ok(mut signals) = kinds.into_iter().map(signal).collect::<Result<Vec<_>, _>>() else { return };
        for stop in [Stop::Soft, Stop::Hard] {
            let [interrupt, terminate, hangup] = &mut signals[..] else { return };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            reporter.emit(Event::Stopping { stop });
            cancel.request(stop);
        }
    });
}
