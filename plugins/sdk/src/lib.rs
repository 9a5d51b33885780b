//! Write a Cofferdam provider in Rust: types for properties, functions for operations, one `export!`.
//!
//! A resource type is a [`Resource`]: its inputs and outputs are structs under [`properties`], its operations plain
//! functions given to a [`Definition`], from which the schema follows. A [`Provider`] lists the types, says what it
//! asks for, and `export!` makes the crate a component. `plugins/README.md` walks through a first one.
//!
//! Everything outside comes from the host: [`http`], [`files`], [`clock`], [`random`], [`log`], [`assets`] and
//! [`bootstrap`]. The crate also compiles natively, where [`testing`] stands in for the host.

// The derives of `#[properties]` name this crate by its outside name.
extern crate self as cofferdam_sdk;

#[expect(missing_docs, reason = "generated from the contract, which documents it")]
pub mod bindings;

mod assembly;
mod capabilities;
mod context;
mod definition;
mod draft;
mod error;
mod function;
mod handlers;
mod host;
mod listing;
mod outcome;
mod planning;
mod pointer;
mod prior;
mod provider;
mod resource;
mod schema;

pub mod assets;
pub mod bootstrap;
pub mod bootstrapper;
pub mod clock;
pub mod files;
#[doc(hidden)]
pub mod guest;
#[doc(hidden)]
pub mod guest_bootstrapper;
pub mod http;
pub mod log;
pub mod random;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use capabilities::Capabilities;
pub use context::Cx;
pub use definition::{Definition, Origin, Replacement};
pub use draft::Draft;
pub use error::{Diagnostic, Error, ErrorKind, Failure, Severity};
pub use function::Function;
pub use listing::{ListRequest, Page};
pub use outcome::{Delete, Operation, Pending, Resume, Resumed, State, Write};
pub use planning::Planned;
pub use prior::{Change, Identity, Prior, Target};
pub use provider::{NoConfig, Plugin, Provider};
pub use resource::{Properties, Resource};

pub use cofferdam_sdk_derive::properties;
pub use {schemars, serde, serde_json};

/// Everything that a provider usually names.
pub mod prelude {
    pub use crate::{
        Capabilities, Change, Cx, Definition, Delete, Diagnostic, Draft, Error, ErrorKind, Failure, Function, Identity,
        ListRequest, NoConfig, Origin, Page, Pending, Planned, Plugin, Prior, Provider, Replacement, Resource, Resume,
        Resumed, Severity, State, Target, Write, clock, files, http, log, properties, random, schemars, serde,
        serde_json,
    };
    pub use serde_json::{Value, json};
    pub use std::time::Duration;
}
