//! Whole deploys: what is made, changed, kept, shown and removed; and what is left when one ends in the middle.

mod crash;
mod demo;
mod drift;
mod lifecycle;
mod lock;
mod partial;
mod recovery;
mod saved;
mod secrets;
mod stage_secrets;
mod variables;
