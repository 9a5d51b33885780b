//! The contract's export `bootstrapper` for any [`Bootstrapper`].

use serde::de::DeserializeOwned;

use crate::bindings::bootstrapper::exports::cofferdam::provider::bootstrapper as exports;
use crate::bindings::cofferdam::provider::types::{CallContext, Document, Pending, ProviderError};
use crate::bootstrapper::{Bootstrapper, Scope, StepCall, StepOutcome};
use crate::context::Cx;
use crate::error::Error;
use crate::guest::decode;

/// Every exported function, by its name in the contract.
pub struct BootstrapperExports;

/// The arguments that calls of a step end with: scope, name and record.
pub type Call<'a> = (&'a Document, String, &'a Document);

impl BootstrapperExports {
    /// `steps`.
    pub fn steps<P: Bootstrapper>(session: &[u8], scope: &Document) -> Result<Vec<exports::Step>, ProviderError> {
        let steps = P::steps(&decode(session)?, &parse::<Scope>(scope)?)?;
        Ok(steps.into_iter().map(|step| exports::Step { name: step.name, title: step.title }).collect())
    }

    /// `perform`.
    pub fn perform<P: Bootstrapper>(
        session: &[u8],
        context: CallContext,
        call: Call<'_>,
    ) -> Result<exports::StepOutcome, ProviderError> {
        Ok(outcome(P::perform(&cx::<P>(session, context)?, &step(call)?)?)?)
    }

    /// `verify`.
    pub fn verify<P: Bootstrapper>(
        session: &[u8],
        context: CallContext,
        scope: &Document,
        record: &Document,
    ) -> Result<Vec<String>, ProviderError> {
        Ok(P::verify(&cx::<P>(session, context)?, &parse(scope)?, &parse(record)?)?)
    }

    /// `undo`.
    pub fn undo<P: Bootstrapper>(
        session: &[u8],
        context: CallContext,
        call: Call<'_>,
    ) -> Result<exports::StepOutcome, ProviderError> {
        Ok(outcome(P::undo(&cx::<P>(session, context)?, &step(call)?)?)?)
    }
}

fn cx<P: Bootstrapper>(session: &[u8], context: CallContext) -> Result<Cx<P::Session>, Error> {
    Ok(Cx::new(decode(session)?, context, Vec::new()))
}

fn step((scope, step, record): Call<'_>) -> Result<StepCall, Error> {
    Ok(StepCall { scope: parse(scope)?, step, record: parse(record)? })
}

fn parse<T: DeserializeOwned>(document: &Document) -> Result<T, Error> {
    serde_json::from_str(&document.json)
        .map_err(|error| Error::internal(format!("the host's document has another shape: {error}")))
}

fn outcome(outcome: StepOutcome) -> Result<exports::StepOutcome, Error> {
    Ok(match outcome {
        StepOutcome::Done(output) => {
            exports::StepOutcome::Done(Document { json: output.to_string(), unknown: Vec::new(), secret: Vec::new() })
        }
        StepOutcome::Pending { after, note } => exports::StepOutcome::Pending(Pending {
            checkpoint: Vec::new(),
            poll_after_ms: u32::try_from(after.as_millis()).unwrap_or(u32::MAX),
            note: Some(note),
            partial: None,
        }),
    })
}

/// Exports `bootstrapper` for a provider that is a [`Bootstrapper`]: once, beside `export!`.
#[macro_export]
macro_rules! export_bootstrapper {
    ($provider:ty) => {
        #[doc(hidden)]
        mod __cofferdam_bootstrapper {
            use $crate::bindings::bootstrapper::exports::cofferdam::provider::bootstrapper::{Guest, Step, StepOutcome};
            use $crate::bindings::cofferdam::provider::types::{CallContext, Document, ProviderError};
            use $crate::guest_bootstrapper::BootstrapperExports as Exports;

            #[allow(unused_imports, reason = "the provider may be named by any path")]
            use super::*;

            type P = $provider;
            type Bytes = ::std::vec::Vec<u8>;

            struct Component;

            impl Guest for Component {
                fn steps(s: Bytes, scope: Document) -> Result<::std::vec::Vec<Step>, ProviderError> {
                    Exports::steps::<P>(&s, &scope)
                }
                fn perform(s: Bytes, cx: CallContext, scope: Document, step: String, record: Document) -> Result<StepOutcome, ProviderError> {
                    Exports::perform::<P>(&s, cx, (&scope, step, &record))
                }
                fn verify(s: Bytes, cx: CallContext, scope: Document, record: Document) -> Result<::std::vec::Vec<String>, ProviderError> {
                    Exports::verify::<P>(&s, cx, &scope, &record)
                }
                fn undo(s: Bytes, cx: CallContext, scope: Document, step: String, record: Document) -> Result<StepOutcome, ProviderError> {
                    Exports::undo::<P>(&s, cx, (&scope, step, &record))
                }
            }

            $crate::bindings::bootstrapper::export_bootstrapper!(Component with_types_in $crate::bindings::bootstrapper);
        }
    };
}
