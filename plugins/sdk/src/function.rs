//! Data sources and functions.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::bindings::cofferdam::provider::types::{CallContext, Document};
use crate::context::Cx;
use crate::draft::Draft;
use crate::error::Error;
use crate::pointer;
use crate::resource::Properties;
use crate::schema;

/// A data source or a function: read-only, called with everything known.
pub trait Function: Sized + 'static {
    /// Its name in stacks, such as `acme_zone`.
    const NAME: &'static str;
    /// True where the answer depends on the arguments alone: it then gets no imports, and its answers may be cached.
    const PURE: bool = false;
    /// Properties of the answer that must never be shown, such as `token` or `keys/*/value`. Where an argument is
    /// secret, the whole answer is.
    const SENSITIVE: &'static [&'static str] = &[];
    /// What the provider's `configure` returns.
    type Session: Serialize + DeserializeOwned + 'static;
    /// The arguments.
    type Arguments: Properties;
    /// The answer.
    type Output: Properties;

    /// Answers.
    ///
    /// # Errors
    ///
    /// Anything that keeps it from answering.
    fn invoke(cx: &Cx<Self::Session>, arguments: Self::Arguments) -> Result<Self::Output, Error>;
}

/// A function without its types.
pub(crate) trait Callable<S> {
    fn schema(&self) -> Result<Value, Error>;
    fn invoke(&self, session: S, context: CallContext, arguments: Document) -> Result<Document, Error>;
}

pub(crate) struct Erased<F>(PhantomData<F>);

impl<F> Default for Erased<F> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<F: Function> Callable<F::Session> for Erased<F> {
    fn schema(&self) -> Result<Value, Error> {
        let arguments = schema::closed::<F::Arguments>().map_err(|error| error.context(F::NAME))?;
        let mut result = schema::open::<F::Output>();
        if let (Value::Object(members), false) = (&mut result, F::SENSITIVE.is_empty()) {
            let pointers = F::SENSITIVE.iter().map(|name| crate::prior::schema_pointer(&pointer::from_property(name)));
            members.insert("x-cofferdam-sensitive".to_owned(), Value::from_iter(pointers));
        }
        Ok(json!({ "arguments": arguments, "result": result, "pure": F::PURE }))
    }

    fn invoke(&self, session: F::Session, context: CallContext, arguments: Document) -> Result<Document, Error> {
        let arguments = Draft::parse(arguments, "arguments")?;
        let typed = arguments.typed()?;
        let output = F::invoke(&Cx::new(session, context, arguments.secrets().to_vec()), typed)?;
        let value = serde_json::to_value(output)
            .map_err(|error| Error::internal(format!("the answer cannot be written: {error}")))?;
        let secret = if arguments.secrets().is_empty() {
            F::SENSITIVE.iter().flat_map(|name| pointer::expand(&value, &pointer::from_property(name))).collect()
        } else {
            vec![String::new()]
        };
        Ok(Document { json: value.to_string(), unknown: Vec::new(), secret: pointer::settle(secret, &value) })
    }
}
