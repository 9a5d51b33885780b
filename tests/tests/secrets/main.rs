//! Planted secrets: more than thirty of different form go through the whole life of a stack, on both homes, and are
//! looked for, in every usual encoding, in everything that is left behind.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "an expectation that fails ends the test; the figures of a run are shown"
)]

mod cores;
mod forms;
mod life;
mod planted;
mod search;
mod stack;
mod world;
