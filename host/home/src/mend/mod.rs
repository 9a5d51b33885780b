//! Looking for damage, and going on from what is whole. [`lines`] reads pieces of a log that may be damaged,
//! [`verify`] tells what is wrong with each object, [`examine`] works out what can be kept, and [`repair`] keeps it.

mod examine;
mod home;
mod lines;
mod pieces;
mod played;
mod repair;
mod stock;
mod verify;
mod words;

pub use examine::{Lost, Repair, Start};
pub use repair::{RepairError, Repaired};
pub use verify::{Finding, Health, ObjectKind};
