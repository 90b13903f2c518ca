//! What is this store's own: files, processes that share one, and what statements cost. What every
//! store promises is in the conformance suite.

mod acquiring;
mod contention;
mod diagnosing;
mod durability;
mod opening;
mod plans;
mod support;
