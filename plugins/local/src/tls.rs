//! `tls_*`: keys, certificate requests and certificates, for tests, internal services and bootstrapping.

mod extensions;
mod issue;
mod key;
pub(crate) mod locally_signed;
mod names;
mod prime;
pub(crate) mod private_key;
pub(crate) mod request;
pub(crate) mod self_signed;
#[cfg(test)]
mod tests;
