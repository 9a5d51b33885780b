//! The contract's exports for any [`Provider`]: finds the resource type or function and hands over.
#![expect(clippy::result_large_err, reason = "the contract's failure record; it is made once a call")]

use serde::Serialize;
use serde_json::Value;

use crate::bindings::cofferdam::provider::types::{
    CallContext, DeleteOutcome, Document, Failure, ProviderError, ResourceState, ResumeOutcome, WriteOutcome,
};
use crate::bindings::exports::cofferdam::provider::provider as exports;
use crate::context::Cx;
use crate::draft::Draft;
use crate::error::Error;
use crate::handlers::{Call, Handlers};
use crate::provider::{Plugin, Provider};

/// Every exported function, by its name in the contract.
pub struct Exports;

impl Exports {
    /// `describe`.
    pub fn describe<P: Provider>(version: &str) -> exports::Manifest {
        let plugin = P::define();
        let text =
            |value: Result<Value, Error>| value.map_or_else(|error| error.to_string(), |value| value.to_string());
        exports::Manifest {
            name: P::NAME.to_owned(),
            version: version.to_owned(),
            // A configuration that is no struct makes a text that is no schema, which the host refuses with it.
            config_schema: text(Plugin::<P>::config_schema()),
            resource_types: plugin.resource_types(),
            functions: plugin.function_names(),
            capabilities: text(
                serde_json::to_value(&plugin.capabilities).map_err(|error| Error::internal(error.to_string())),
            ),
        }
    }

    /// `describe-resource`.
    pub fn describe_resource<P: Provider>(name: &str) -> Result<String, ProviderError> {
        Ok(P::define().handlers(name)?.schema()?.to_string())
    }

    /// `describe-function`.
    pub fn describe_function<P: Provider>(name: &str) -> Result<String, ProviderError> {
        Ok(P::define().callable(name)?.schema()?.to_string())
    }

    /// `configure`.
    pub fn configure<P: Provider>(context: CallContext, config: Document) -> Result<Vec<u8>, ProviderError> {
        let config = Draft::parse(config, "configuration members")?;
        let typed = config.typed().map_err(|error| error.context("configuration"))?;
        let session = P::configure(&Cx::new((), context, config.secrets().to_vec()), typed)?;
        Ok(encode(&session)?)
    }

    /// `check`.
    pub fn check<P: Provider>(
        (session, context, name): Address<'_>,
        inputs: Document,
        prior: Option<ResourceState>,
    ) -> Result<exports::Checked, ProviderError> {
        let (handlers, call) = find::<P>((session, context, name))?;
        Ok(handlers.check(call, inputs, prior)?)
    }

    /// `plan`.
    pub fn plan<P: Provider>(
        address: Address<'_>,
        prior: Option<ResourceState>,
        inputs: Document,
    ) -> Result<exports::Planned, ProviderError> {
        let (handlers, call) = find::<P>(address)?;
        Ok(handlers.plan(call, prior, inputs)?)
    }

    /// `create`.
    pub fn create<P: Provider>(address: Address<'_>, inputs: Document) -> Result<WriteOutcome, Failure> {
        let (handlers, call) = find::<P>(address).map_err(failure)?;
        handlers.create(call, inputs)
    }

    /// `update`.
    pub fn update<P: Provider>(
        address: Address<'_>,
        prior: ResourceState,
        inputs: Document,
        patch: &str,
    ) -> Result<WriteOutcome, Failure> {
        let (handlers, call) = find::<P>(address).map_err(failure)?;
        handlers.update(call, prior, inputs, patch)
    }

    /// `delete`.
    pub fn delete<P: Provider>(address: Address<'_>, prior: ResourceState) -> Result<DeleteOutcome, Failure> {
        let (handlers, call) = find::<P>(address).map_err(failure)?;
        handlers.delete(call, prior)
    }

    /// `resume`.
    pub fn resume<P: Provider>(address: Address<'_>, checkpoint: &[u8]) -> Result<ResumeOutcome, Failure> {
        let (handlers, call) = find::<P>(address).map_err(failure)?;
        handlers.resume(call, checkpoint)
    }

    /// `read`.
    pub fn read<P: Provider>(
        address: Address<'_>,
        target: exports::Target,
    ) -> Result<Option<ResourceState>, ProviderError> {
        let (handlers, call) = find::<P>(address)?;
        Ok(handlers.read(call, target)?)
    }

    /// `list`.
    pub fn list<P: Provider>(
        address: Address<'_>,
        filter: Document,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<exports::Page, ProviderError> {
        let (handlers, call) = find::<P>(address)?;
        Ok(handlers.list(call, filter, cursor, limit)?)
    }

    /// `migrate`.
    pub fn migrate<P: Provider>(
        origin: exports::Origin,
        name: &str,
        properties: Document,
        hidden: Vec<u8>,
    ) -> Result<ResourceState, ProviderError> {
        Ok(P::define().handlers(name)?.migrate(origin, properties, hidden)?)
    }

    /// `invoke`.
    pub fn invoke<P: Provider>(
        (session, context, name): Address<'_>,
        arguments: Document,
    ) -> Result<Document, ProviderError> {
        let plugin = P::define();
        let callable = plugin.callable(name)?;
        Ok(callable.invoke(decode(session)?, context, arguments)?)
    }
}

/// The arguments that most calls begin with: session, circumstances, and the name of a type or function.
pub type Address<'a> = (&'a [u8], CallContext, &'a str);

type Found<S> = (Box<dyn Handlers<S>>, Call<S>);

fn find<P: Provider>((session, context, name): Address<'_>) -> Result<Found<P::Session>, Error> {
    let handlers = P::define().handlers(name)?;
    Ok((handlers, Call { session: decode(session)?, context }))
}

fn failure(error: Error) -> Failure {
    Failure { error: error.into(), partial: None }
}

fn encode(session: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(session).map_err(|error| Error::internal(format!("the session cannot be written: {error}")))
}

pub(crate) fn decode<S: serde::de::DeserializeOwned>(session: &[u8]) -> Result<S, Error> {
    let session: &[u8] = if session.is_empty() { b"null" } else { session };
    serde_json::from_slice(session)
        .map_err(|error| Error::internal(format!("the session is not one of this plugin's: {error}")))
}

/// Makes a crate a plugin: `cofferdam_sdk::export!(MyProvider);` once, in `lib.rs`.
#[macro_export]
macro_rules! export {
    ($provider:ty) => {
        #[doc(hidden)]
        mod __cofferdam_plugin {
            use $crate::bindings::cofferdam::provider::types::{
                CallContext, DeleteOutcome, Document, Failure, ProviderError, ResourceState, ResumeOutcome, WriteOutcome,
            };
            use $crate::bindings::exports::cofferdam::provider::provider::{
                Checked, Guest, Manifest, Origin, Page, Planned, Target,
            };
            use $crate::guest::Exports;

            #[allow(unused_imports, reason = "the provider may be named by any path")]
            use super::*;

            type P = $provider;
            type Bytes = ::std::vec::Vec<u8>;

            struct Component;

            impl Guest for Component {
                fn describe() -> Manifest {
                    Exports::describe::<P>(env!("CARGO_PKG_VERSION"))
                }
                fn describe_resource(name: String) -> Result<String, ProviderError> {
                    Exports::describe_resource::<P>(&name)
                }
                fn describe_function(name: String) -> Result<String, ProviderError> {
                    Exports::describe_function::<P>(&name)
                }
                fn configure(cx: CallContext, config: Document) -> Result<Bytes, ProviderError> {
                    Exports::configure::<P>(cx, config)
                }
                fn check(s: Bytes, cx: CallContext, name: String, inputs: Document, prior: Option<ResourceState>) -> Result<Checked, ProviderError> {
                    Exports::check::<P>((&s, cx, &name), inputs, prior)
                }
                fn plan(s: Bytes, cx: CallContext, name: String, prior: Option<ResourceState>, inputs: Document) -> Result<Planned, ProviderError> {
                    Exports::plan::<P>((&s, cx, &name), prior, inputs)
                }
                fn create(s: Bytes, cx: CallContext, name: String, inputs: Document) -> Result<WriteOutcome, Failure> {
                    Exports::create::<P>((&s, cx, &name), inputs)
                }
                fn update(s: Bytes, cx: CallContext, name: String, prior: ResourceState, inputs: Document, patch: String) -> Result<WriteOutcome, Failure> {
                    Exports::update::<P>((&s, cx, &name), prior, inputs, &patch)
                }
                fn delete(s: Bytes, cx: CallContext, name: String, prior: ResourceState) -> Result<DeleteOutcome, Failure> {
                    Exports::delete::<P>((&s, cx, &name), prior)
                }
                fn resume(s: Bytes, cx: CallContext, name: String, checkpoint: Bytes) -> Result<ResumeOutcome, Failure> {
                    Exports::resume::<P>((&s, cx, &name), &checkpoint)
                }
                fn read(s: Bytes, cx: CallContext, name: String, what: Target) -> Result<Option<ResourceState>, ProviderError> {
                    Exports::read::<P>((&s, cx, &name), what)
                }
                fn list(s: Bytes, cx: CallContext, name: String, filter: Document, cursor: Option<String>, limit: u32) -> Result<Page, ProviderError> {
                    Exports::list::<P>((&s, cx, &name), filter, cursor, limit)
                }
                fn migrate(origin: Origin, name: String, properties: Document, hidden: Bytes) -> Result<ResourceState, ProviderError> {
                    Exports::migrate::<P>(origin, &name, properties, hidden)
                }
                fn invoke(s: Bytes, cx: CallContext, name: String, arguments: Document) -> Result<Document, ProviderError> {
                    Exports::invoke::<P>((&s, cx, &name), arguments)
                }
            }

            $crate::bindings::export!(Component with_types_in $crate::bindings);
        }
    };
}
