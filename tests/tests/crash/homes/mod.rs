//! The kinds of home that every test of this binary runs with.

mod local;
mod s3;

use cofferdam_tests::{Invocation, Output, Running};

use crate::boundary::{Boundary, Kind, Side, Written};

pub use local::Local;
pub use s3::S3;

/// A kind of home.
pub trait Homes: Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// An empty home.
    fn make(&self) -> Box<dyn Home>;

    /// A place without a home, which the first run makes.
    fn bare(&self) -> Box<dyn Home>;

    /// Which sides of a write it has.
    fn sides(&self) -> &'static [Side];

    /// How many cases run at once: as many as have to wait for a lease to end, which takes no work.
    fn at_once(&self) -> usize;
}

/// A home, or a door of its own to one.
pub trait Home: Send + Sync {
    /// What the `stack` block says, with a lease of its own or the usual one.
    fn setting(&self, lease: Option<&str>) -> String;

    /// Gives a run what it needs to get there.
    fn reach(&self, run: Invocation) -> Invocation;

    /// Runs until it is killed at a boundary, or ends.
    fn killed_at(&self, run: Invocation, boundary: Boundary) -> Output;

    /// Starts a run that stops, as by SIGSTOP, right before a write. It makes the write when it goes on, after
    /// [`Home::deliver`].
    fn stopped_at(&self, run: Invocation, kind: Kind, number: usize) -> Running;

    /// Every write so far through any of its doors, in their order.
    fn writes(&self) -> Vec<Written>;

    /// How [`Home::writes`] names a run through this door.
    fn run_of(&self, running: &Running) -> u32;

    /// Another door.
    fn beside(&self) -> Box<dyn Home>;

    /// Lets what is late arrive; whether there was something.
    fn deliver(&self) -> bool;

    /// The names and contents of the journal.
    fn journal(&self) -> Vec<(String, Vec<u8>)>;
}
