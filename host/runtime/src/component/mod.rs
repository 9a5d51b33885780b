//! From bytes to compiled code: checked against the contract, compiled in a child process, cached and authenticated.

pub mod cache;
pub mod check;
pub mod compile;
pub mod load;
