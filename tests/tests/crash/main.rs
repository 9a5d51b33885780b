//! Runs that are killed, stopped, or begun at the same moment, against a service in a process of its own that counts its
//! objects: afterwards there is one object for each resource, whatever happened. With every kind of home.

mod boundary;
mod case;
mod homes;
mod matrix;
mod remote;
mod silence;
mod tally;
mod writers;
