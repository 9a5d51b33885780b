//! Ctrl-C and its relatives: the first asks the run to stop, the second stops it at once.

use cofferdam_engine::{Cancel, Stop};
use tokio::signal::unix::{SignalKind, signal};

/// Listens for as long as the process lives. The engine says what it makes of a request to stop.
pub fn listen(cancel: Cancel) {
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
            cancel.request(stop);
        }
    });
}
