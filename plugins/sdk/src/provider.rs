//! What an author writes for the provider itself: its configuration, what it asks for, and what it serves.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::capabilities::Capabilities;
use crate::context::Cx;
use crate::definition::Definition;
use crate::error::Error;
use crate::function::{Callable, Erased, Function};
use crate::handlers::Handlers;
use crate::resource::{Properties, Resource};
use crate::schema;

/// A provider. Its version is that of the crate that calls `export!`.
pub trait Provider: Sized + 'static {
    /// Lowercase letters, digits and hyphens, at most 64: a name for people.
    const NAME: &'static str;
    /// The configuration; `NoConfig` where there is none.
    type Config: Properties;
    /// What every call gets from `configure`; often the configuration itself. It must hold no credential.
    type Session: Serialize + DeserializeOwned + 'static;

    /// What the provider asks for and serves.
    fn define() -> Plugin<Self>;

    /// Looks at a configuration that has passed the schema, once per run. May send requests.
    ///
    /// # Errors
    ///
    /// Anything that keeps the provider from working, with the place in the configuration where there is one.
    fn configure(cx: &Cx<()>, config: Self::Config) -> Result<Self::Session, Error>;
}

/// The configuration of a provider that has none.
#[crate::properties]
#[derive(Default)]
pub struct NoConfig {}

type MakeHandlers<S> = fn() -> Box<dyn Handlers<S>>;
type BoxedCallable<S> = Box<dyn Callable<S>>;

/// What a provider asks for and serves.
pub struct Plugin<P: Provider> {
    pub(crate) capabilities: Capabilities,
    resources: Vec<(&'static str, MakeHandlers<P::Session>)>,
    functions: Vec<(&'static str, BoxedCallable<P::Session>)>,
}

impl<P: Provider> Default for Plugin<P> {
    fn default() -> Self {
        Self { capabilities: Capabilities::default(), resources: Vec::new(), functions: Vec::new() }
    }
}

impl<P: Provider> Plugin<P> {
    /// A provider that serves nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it asks for. Asking grants nothing: the user's `grant` block does.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Serves a resource type.
    #[must_use]
    pub fn resource<R: Resource<Session = P::Session>>(mut self) -> Self {
        fn make<R: Resource>() -> Box<dyn Handlers<R::Session>> {
            let definition: Definition<R> = R::define();
            Box::new(definition)
        }
        self.resources.push((R::TYPE, make::<R>));
        self
    }

    /// Serves a data source or function.
    #[must_use]
    pub fn function<F: Function<Session = P::Session>>(mut self) -> Self {
        self.functions.push((F::NAME, Box::new(Erased::<F>::default())));
        self
    }

    pub(crate) fn resource_types(&self) -> Vec<String> {
        self.resources.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    pub(crate) fn function_names(&self) -> Vec<String> {
        self.functions.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    pub(crate) fn handlers(&self, name: &str) -> Result<Box<dyn Handlers<P::Session>>, Error> {
        let found = self.resources.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, make)| make())
            .ok_or_else(|| Error::not_found(format!("there is no resource type `{name}` in this plugin")))
    }

    pub(crate) fn callable(&self, name: &str) -> Result<&dyn Callable<P::Session>, Error> {
        let found = self.functions.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, callable)| &**callable)
            .ok_or_else(|| Error::not_found(format!("there is no function `{name}` in this plugin")))
    }

    pub(crate) fn config_schema() -> Result<Value, Error> {
        schema::closed::<P::Config>()
    }
}
