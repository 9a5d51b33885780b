//! Repeats calls that failed for a reason that may pass: exponential backoff with full jitter, or the wait that the
//! service asked for.

use std::future::Future;
use std::time::Duration;

use cofferdam_model::error::{CallError, WriteFailure};
use cofferdam_model::journal::JournalError;

use crate::calls::{Failed, Subject};
use crate::run::Run;
use crate::{Event, Stop, Task};

/// The most attempts at one call.
pub(crate) const MAX_ATTEMPTS: u32 = 8;
const FIRST_WAIT_MS: u64 = 200;
const MAX_WAIT_MS: u64 = 60_000;

/// An error that may hold the error of a call.
pub(crate) trait HoldsCallError {
    /// None where no call was made.
    fn call_error(&self) -> Option<&CallError>;
}

impl HoldsCallError for CallError {
    fn call_error(&self) -> Option<&CallError> {
        Some(self)
    }
}

/// Why an attempt at a write has no outcome.
pub(crate) enum Unmade {
    /// The call failed.
    Failed(WriteFailure),
    /// The run may not write any more: no call was made.
    Barred(JournalError),
}

impl HoldsCallError for Unmade {
    fn call_error(&self) -> Option<&CallError> {
        match self {
            Self::Failed(failure) => Some(&failure.error),
            Self::Barred(_) => None,
        }
    }
}

/// Calls until it succeeds, fails for good, has been tried [`MAX_ATTEMPTS`] times, or the run is asked to stop.
/// `call` gets the number of the attempt, from 1.
pub(crate) async fn retried<T, E, F>(
    run: &Run,
    subject: &Subject,
    task: Task,
    mut call: impl FnMut(u32) -> F + Send,
) -> Result<T, Failed<E>>
where
    E: HoldsCallError,
    F: Future<Output = Result<T, E>> + Send,
{
    let mut attempt = 1;
    loop {
        let error = match call(attempt).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let Some(CallError::Provider(said)) = error.call_error() else {
            return Err(Failed { error, attempts: attempt });
        };
        if !said.kind.is_retried() || attempt >= MAX_ATTEMPTS {
            return Err(Failed { error, attempts: attempt });
        }
        let wait_ms = wait_ms(run, attempt, said.retry_after_ms);
        run.emit(Event::StepWaiting {
            address: subject.address.clone(),
            task,
            operation: subject.operation.clone(),
            note: Some(run.ctx.redactor.redact(&format!("{}: {}", said.kind, said.message))),
            attempt: Some(attempt + 1),
            wait_ms,
        });
        if !slept(run, wait_ms).await {
            return Err(Failed { error, attempts: attempt });
        }
        attempt += 1;
    }
}

fn wait_ms(run: &Run, attempt: u32, asked: Option<u64>) -> u64 {
    let [a, b, c, d, ..] = run.ctx.entropy.bytes();
    let random = u64::from(u32::from_le_bytes([a, b, c, d]));
    match asked {
        // A little later than asked, so that all who were asked the same do not come back at once.
        Some(asked) => asked.min(MAX_WAIT_MS) + random % FIRST_WAIT_MS,
        None => random % ((FIRST_WAIT_MS << attempt.min(16)).min(MAX_WAIT_MS) + 1),
    }
}

/// Sleeps; false when the run was asked to stop before the time was over.
pub(crate) async fn slept(run: &Run, ms: u64) -> bool {
    tokio::select! {
        biased;
        () = run.ctx.cancel.reached(Stop::Soft) => false,
        () = tokio::time::sleep(Duration::from_millis(ms)) => true,
    }
}
