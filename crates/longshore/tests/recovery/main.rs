//! What becomes of jobs whose worker dies, stalls or leaves: real workers, real signals, real
//! containers and processes, on both databases.
//!
//! The jobs are witnesses: they write START and END to a file that neither Longshore nor an engine
//! controls.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test binaries uses a part of it")]
mod support;

mod containers;
mod engines;
mod processes;
mod rolling;
mod scene;
mod stage;
