//! Bootstraps: real plugins and processes against moto and a service of the tests, with every request counted.

mod account;
mod assets;
mod commands;
mod faults;
mod home;
mod hostile;
mod hung;
mod killed;
mod many;
mod own;
mod plugin;
mod service;
