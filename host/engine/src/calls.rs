//! Calls of providers: on a task of their own, so that they run in parallel, and with errors that say what was tried.

use std::future::Future;

use cofferdam_model::error::{CallError, PluginFault, ProviderError};
use cofferdam_model::state::PluginIdentity;
use cofferdam_model::{Address, Diagnostic, OperationId, ProviderKey};

use crate::run::Run;
use crate::{Cause, StepError, Task};

/// What calls are about.
#[derive(Clone)]
pub(crate) struct Subject {
    pub address: Address,
    pub provider: ProviderKey,
    pub plugin: Option<PluginIdentity>,
    pub operation: Option<OperationId>,
}

/// A call that did not succeed, after all attempts.
pub(crate) struct Failed<E> {
    pub error: E,
    pub attempts: u32,
}

impl Subject {
    pub(crate) fn new(address: &Address, provider: &ProviderKey) -> Self {
        Self { address: address.clone(), provider: provider.clone(), plugin: None, operation: None }
    }

    /// The error of a call, redacted.
    pub(crate) fn error(&self, run: &Run, task: Task, error: CallError) -> Box<StepError> {
        self.error_after(run, task, Failed { error, attempts: 1 })
    }

    pub(crate) fn error_after(&self, run: &Run, task: Task, failed: Failed<CallError>) -> Box<StepError> {
        let (cause, diagnostics) = redacted(run, &self.address, failed.error);
        let mut error = self.cause(task, cause, diagnostics);
        error.attempts = failed.attempts;
        error
    }

    /// An error of the engine's own.
    pub(crate) fn cause(&self, task: Task, cause: Cause, diagnostics: Vec<Diagnostic>) -> Box<StepError> {
        Box::new(StepError {
            address: self.address.clone(),
            task,
            provider: self.provider.clone(),
            plugin: self.plugin.clone(),
            operation: self.operation.clone(),
            attempts: 0,
            cause: Box::new(cause),
            diagnostics,
        })
    }

    /// Inputs that are not valid.
    pub(crate) fn invalid(&self, task: Task, diagnostics: Vec<Diagnostic>) -> Box<StepError> {
        self.cause(task, Cause::Inputs, diagnostics)
    }
}

fn redacted(run: &Run, address: &Address, error: CallError) -> (Cause, Vec<Diagnostic>) {
    let redact = |text: String| run.ctx.redactor.redact(&text);
    match error {
        CallError::Provider(error) => {
            let located = error.diagnostics.into_iter().map(|finding| run.located(address, finding)).collect();
            let error = ProviderError {
                message: redact(error.message),
                diagnostics: Vec::new(),
                request_id: error.request_id.map(redact),
                ..ProviderError { diagnostics: Vec::new(), message: String::new(), request_id: None, ..error }
            };
            (Cause::Provider(error), located)
        }
        CallError::Fault(fault) => {
            let fault = match fault {
                PluginFault::Trap(text) => PluginFault::Trap(redact(text)),
                PluginFault::Limit { kind, text } => PluginFault::Limit { kind, text: redact(text) },
                PluginFault::Contract(text) => PluginFault::Contract(redact(text)),
                PluginFault::Cancelled => PluginFault::Cancelled,
            };
            (Cause::Fault(fault), Vec::new())
        }
    }
}

/// Runs a call apart as soon as the run has a permit left for it.
pub(crate) async fn bounded<T: Send + 'static>(
    run: &Run,
    call: impl Future<Output = Result<T, CallError>> + Send + 'static,
) -> Result<T, CallError> {
    let _permit = run.permits.acquire().await;
    apart(call).await?
}

/// Runs a call on a task of its own and ends it when the caller is dropped.
async fn apart<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> Result<T, PluginFault> {
    struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);
    impl<T> Drop for AbortOnDrop<T> {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let mut handle = AbortOnDrop(tokio::spawn(call));
    (&mut handle.0).await.map_err(|error| {
        if error.is_cancelled() { PluginFault::Cancelled } else { PluginFault::Trap("the host's side panicked".into()) }
    })
}
