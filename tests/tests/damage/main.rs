//! Homes that are damaged, full or not to be written: everything is detected, named and explained, and nothing is lost
//! that was there. Each test prints what it did as a table: `cargo nextest run … --no-capture`.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "an expectation that fails ends the test; the tables are shown"
)]

mod cases;
mod disk;
mod full;
mod home;
mod project;
mod read_only;
mod table;
mod tail;
