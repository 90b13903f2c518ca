//! Tests that need a build with fault points, and can fail: one short test for each planted bug.
//!
//! `cargo xtask teeth` runs each alone in a process, without the bug and with it. Together they run by
//! `cargo test -p longshore --features faults --test concurrency faults -- --test-threads=1`: a gate
//! for a thread of the product's own is for the whole process.

mod acquiring;
mod deaths;
mod draining;
mod engines;
mod gates;
mod limits;
mod order;
mod retrying;
mod signals;
mod sqlite;
mod taking_over;
mod tokens;
mod working;
