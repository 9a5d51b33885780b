//! What everything that talks to AWS shares: as whom and where, the client's settings, the thread it runs on, and what
//! follows from an answer. What only one service says stands with that service.

mod access;
mod connect;
mod fault;
mod hint;
mod worker;

pub use access::{AwsAccess, AwsKeys, AwsRole};
pub(crate) use connect::{carrying, config, http, limits};
pub(crate) use fault::{Answer, Cause, Fault, chain};
pub(crate) use worker::{Pending, Worker};
