//! Ctrl-C and its relatives: the first asks the run to stop, the second stops it at once. A home that does not answer
//! holds up neither what only looks at it, nor the second.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_engine::{Cancel, Stop};
use cofferdam_stack::SourceTexts;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::contact::Contact;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::events::Reporter;
use crate::session::stopped;
use crate::talk;

/// What a run has to come to its end after it was told to stop at once, where the home does not answer.
const GRACE: Duration = Duration::from_secs(1);
/// The same where the home answers, or lies in a directory.
const LONG_GRACE: Duration = Duration::from_secs(10);

/// Listens for as long as the process lives. The engine says what it makes of a request to stop.
pub fn listen(cancel: Cancel, contact: Arc<Contact>, reporter: Arc<Reporter>) {
    tokio::spawn(async move {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let Ok(mut signals) = kinds.into_iter().map(signal).collect::<Result<Vec<_>, _>>() else { return };
        any(&mut signals).await;
        cancel.request(Stop::Soft);
        tokio::select! {
            () = any(&mut signals) => {}
            () = contact.looks_in_vain() => leave(&reporter, &stopped()),
        }
        cancel.request(Stop::Hard);
        let patience = async {
            tokio::select! {
                () = contact.is_silent() => tokio::time::sleep(GRACE).await,
                () = tokio::time::sleep(LONG_GRACE) => {}
            }
        };
        tokio::select! {
            () = any(&mut signals) => {}
            () = patience => {}
        }
        let cut_off = CliError::new(Exit::Interrupted, "stopped before the home had everything that this run did");
        leave(&reporter, &cut_off.hint("the next deploy finds out what became of it"));
    });
}

/// Waits for one of them.
async fn any(signals: &mut [Signal]) {
    let [interrupt, terminate, hangup] = signals else { return std::future::pending().await };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// Ends the process while other threads still wait.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "threads that wait for the home cannot be told to end")]
fn leave(reporter: &Reporter, error: &CliError) -> ! {
    reporter.json(&error.to_json());
    reporter.say(error.render(&SourceTexts::default()).trim_end());
    talk::show_typing();
    std::process::exit(Exit::Interrupted as i32)
}
