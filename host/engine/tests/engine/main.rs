//! The engine against scripted providers: every rule of planning and deploying, without a plugin and without a clock.

#![expect(clippy::panic, reason = "a helper that finds something else has failed its test")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
#![expect(clippy::result_large_err, reason = "the contract's error, as the traits have it")]

mod cancel;
mod convergence;
mod crash;
mod deploy;
mod drift;
mod failure;
mod moves;
mod pending;
mod plan;
mod recovery;
mod saved;
mod scale;
mod secrets;
mod settle;
mod support;
mod validation;
