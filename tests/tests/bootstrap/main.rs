//! Bootstraps of accounts: real plugins and processes against moto, which nobody here wrote, with every request counted.

mod account;
mod assets;
mod commands;
mod killed;
mod many;
mod plugin;
