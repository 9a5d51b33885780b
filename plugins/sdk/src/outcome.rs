//! How writes and reads end: done, or not yet.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::error::Partial;
use crate::resource::Resource;

/// How a create or an update ended.
pub struct Write<R: Resource>(pub(crate) Written<R>);

pub(crate) enum Written<R: Resource> {
    Done(Box<State<R>>),
    Pending(Pending),
}

impl<R: Resource> Write<R> {
    /// The object is as the inputs want it.
    pub fn done(outputs: R::Outputs) -> Self {
        Self(Written::Done(Box::new(State { inputs: None, outputs, hidden: None, secrets: Vec::new() })))
    }

    /// The same where the service filled in or normalized inputs: the state holds these instead of what the user wrote.
    pub fn state(state: State<R>) -> Self {
        Self(Written::Done(Box::new(state)))
    }

    /// Not done yet: see [`Pending`].
    pub fn pending(pending: Pending) -> Self {
        Self(Written::Pending(pending))
    }

    /// Private bytes for the state, at most 64 KiB, kept encrypted and handed back unread.
    #[must_use]
    pub fn hidden(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        if let Written::Done(state) = &mut self.0 {
            state.hidden = Some(bytes.into());
        }
        self
    }

    /// Marks a property of this object as secret, beyond those that the schema and the inputs mark.
    #[must_use]
    pub fn secret(mut self, property: &str) -> Self {
        if let Written::Done(state) = &mut self.0 {
            state.secrets.push(crate::pointer::from_property(property));
        }
        self
    }
}

/// How a delete ended.
pub enum Delete {
    /// The object is gone.
    Done,
    /// Not gone yet.
    Pending(Pending),
}

/// How a resumed write ended.
pub enum Resume<R: Resource> {
    /// A create or an update.
    Write(Write<R>),
    /// A delete.
    Delete(Delete),
}

impl<R: Resource> From<Write<R>> for Resume<R> {
    fn from(write: Write<R>) -> Self {
        Self::Write(write)
    }
}

impl<R: Resource> From<Delete> for Resume<R> {
    fn from(delete: Delete) -> Self {
        Self::Delete(delete)
    }
}

/// Returned instead of waiting: the host keeps the checkpoint, waits, and calls `resume`, in this run or a later one.
/// The SDK adds the inputs and the prior state to the checkpoint, so that it only needs what is new.
#[derive(Clone, Debug)]
pub struct Pending {
    pub(crate) checkpoint: Result<Value, String>,
    pub(crate) poll_after: Duration,
    pub(crate) note: Option<String>,
    pub(crate) partial: Option<Box<Partial>>,
}

impl Pending {
    /// Goes on with `checkpoint` after at least `poll_after`.
    pub fn new(checkpoint: impl Serialize, poll_after: Duration) -> Self {
        let checkpoint = serde_json::to_value(checkpoint).map_err(|error| error.to_string());
        Self { checkpoint, poll_after, note: None, partial: None }
    }

    /// One line for the progress display.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The outputs known so far, for instance `json!({"id": id})`: with them the object is not lost if the run ends now.
    #[must_use]
    pub fn partial(mut self, outputs: impl Serialize) -> Self {
        self.partial.get_or_insert_default().outputs = serde_json::to_value(outputs).unwrap_or_default();
        self
    }
}

/// An object as it is: what `read` returns.
#[derive(Clone, Debug)]
pub struct State<R: Resource> {
    /// None: as they were given.
    pub(crate) inputs: Option<R::Inputs>,
    pub(crate) outputs: R::Outputs,
    /// None: as before.
    pub(crate) hidden: Option<Vec<u8>>,
    pub(crate) secrets: Vec<String>,
}

impl<R: Resource> State<R> {
    /// All properties.
    pub fn new(inputs: R::Inputs, outputs: R::Outputs) -> Self {
        Self { inputs: Some(inputs), outputs, hidden: None, secrets: Vec::new() }
    }

    /// Private bytes for the state, at most 64 KiB; without this they stay as they are.
    #[must_use]
    pub fn hidden(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.hidden = Some(bytes.into());
        self
    }

    /// Marks a property of this object as secret, beyond those that the schema and the inputs mark.
    #[must_use]
    pub fn secret(mut self, property: &str) -> Self {
        self.secrets.push(crate::pointer::from_property(property));
        self
    }
}

/// Which write a `resume` goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A create.
    Create,
    /// An update.
    Update,
    /// A delete.
    Delete,
}

/// A pending write, handed back.
pub struct Resumed<R: Resource> {
    /// Which write it is; answer a delete with `Delete`, the others with `Write`.
    pub operation: Operation,
    pub(crate) inputs: Value,
    pub(crate) prior: Option<crate::prior::Prior<R>>,
    pub(crate) checkpoint: Value,
    pub(crate) marker: PhantomData<R>,
}

impl<R: Resource> Resumed<R> {
    /// What the author's code put into the checkpoint.
    ///
    /// # Errors
    ///
    /// `internal` where it has another shape, as after an update of the plugin.
    pub fn checkpoint<T: serde::de::DeserializeOwned>(&self) -> Result<T, crate::error::Error> {
        serde_json::from_value(self.checkpoint.clone())
            .map_err(|error| crate::error::Error::internal(format!("the checkpoint has another shape: {error}")))
    }

    /// The inputs of the create or update.
    ///
    /// # Errors
    ///
    /// `internal` in a delete, which has none; there is [`Resumed::prior`].
    pub fn inputs(&self) -> Result<R::Inputs, crate::error::Error> {
        crate::draft::typed(&self.inputs).map_err(|error| {
            crate::error::Error::internal(format!("the checkpoint's inputs do not fit the type: {error}"))
        })
    }

    /// The object before the update or delete.
    pub fn prior(&self) -> Option<&crate::prior::Prior<R>> {
        self.prior.as_ref()
    }
}
