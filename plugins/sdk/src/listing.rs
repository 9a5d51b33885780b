//! Pages of a listing.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::draft::typed;
use crate::error::Error;
use crate::prior::Identity;

/// What to list.
#[derive(Clone, Debug)]
pub struct ListRequest {
    pub(crate) filter: Value,
    /// What the last page's `next` said; none for the first page.
    pub cursor: Option<String>,
    /// At most so many items.
    pub limit: u32,
}

impl ListRequest {
    /// The filter; an empty object asks for all.
    ///
    /// # Errors
    ///
    /// `invalid-input` where it does not fit the type.
    pub fn filter<T: DeserializeOwned>(&self) -> Result<T, Error> {
        typed(&self.filter).map_err(|error| Error::invalid_input(format!("the filter does not fit: {error}")))
    }
}

/// One page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub(crate) items: Vec<(Identity, Option<String>)>,
    pub(crate) next: Option<String>,
}

impl Page {
    /// An empty last page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object.
    pub fn push(&mut self, identity: Identity) {
        self.items.push((identity, None));
    }

    /// Adds an object that people call by a title.
    pub fn push_titled(&mut self, identity: Identity, title: impl Into<String>) {
        self.items.push((identity, Some(title.into())));
    }

    /// Says where the next page begins.
    #[must_use]
    pub fn next(mut self, cursor: Option<String>) -> Self {
        self.next = cursor;
        self
    }
}
