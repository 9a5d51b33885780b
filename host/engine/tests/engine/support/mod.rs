//! Scripted stand-ins for everything that the engine is given: a stack in JSON, a cloud in memory, a journal in memory.

pub mod cloud;
pub mod fuse;
pub mod harness;
pub mod journal;
pub mod program;

pub use cloud::{Cloud, Script};
pub use fuse::Fuse;
pub use harness::{Harness, find, results};
pub use journal::MemoryJournal;
pub use program::Stack;

use cofferdam_model::{Address, ProviderKey, Value};
use serde_json::Value as Json;

/// An address from its text.
pub fn address(text: &str) -> Address {
    text.parse().expect("valid address")
}

/// A provider key from its text.
pub fn key(text: &str) -> ProviderKey {
    text.to_owned().try_into().expect("valid key")
}

/// A value from JSON.
pub fn value(json: &Json) -> Value {
    cofferdam_model::document::from_json(json)
}
