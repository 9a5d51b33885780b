//! The way out: the only place of the host that sends a plugin's requests. Policy first, then the credential, then
//! the connection.

mod client;
pub mod credentials;
mod policy;
mod resolver;

pub(crate) use client::{Egress, Session};
