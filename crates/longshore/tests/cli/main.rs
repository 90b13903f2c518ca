//! The command line as people meet it: the real binary, a home of its own, what it writes and how
//! it ends. One crate, so that it links once.

#[path = "../support/mod.rs"]
mod support;

mod configuration;
mod errors;
mod help;
mod pipes;
mod postgres;
mod reading;
mod submitting;
mod working;
