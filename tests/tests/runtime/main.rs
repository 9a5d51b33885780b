//! What crosses the boundary to a plugin, through real components: limits, crashes, grants, credentials, parallelism.

mod credentials;
mod floods;
mod hostile;
mod interrupt;
mod limits;
mod parallel;
mod pending;
mod reach;
mod read_only;
mod unserved;
