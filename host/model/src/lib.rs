//! The types that every other crate of the host shares: values with marks, documents, identifiers, schemas, state,
//! and the traits that the engine works against. Pure: no I/O, no clock, no randomness, no environment.

pub mod assets;
pub mod bootstrap;
pub mod capabilities;
pub mod diagnostic;
pub mod digest;
pub mod document;
pub mod error;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod number;
pub mod pointer;
pub mod program;
pub mod provider;
pub mod redact;
pub mod schema;
pub mod state;
pub mod stored;
pub mod validator;
pub mod value;

pub use diagnostic::{Diagnostic, Severity, SourceSpan};
pub use digest::Digest;
pub use document::{Document, DocumentError};
pub use ids::{Address, NameError, OperationId, ProviderKey, ResourceType, SecretName, StackName, StageName};
pub use number::Number;
pub use pointer::Pointer;
pub use value::{Data, Value};
