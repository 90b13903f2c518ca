//! Whole runs of the system: real worker processes, real databases, and the jobs' own witness.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test binaries uses a part of it")]
mod support;

// What the demo tells the checker of a job is what these tests tell it.
#[path = "../../src/commands/demo/stored.rs"]
mod stored;

mod containers;
mod demo;
mod judging;
mod scene;
mod thousand;
