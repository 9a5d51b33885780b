//! The command line itself: what it accepts, refuses, prints and exits with.

mod home;
mod inspect;
mod json;
mod key;
mod output;
mod secret;
mod shells;
mod stack_errors;
mod state;
mod streams;
mod usage;
