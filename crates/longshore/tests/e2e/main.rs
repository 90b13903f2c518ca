//! Whole runs of the system: real worker processes, real databases, and the jobs' own witness.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test binaries uses a part of it")]
mod support;

mod demo;
mod scene;
mod thousand;
