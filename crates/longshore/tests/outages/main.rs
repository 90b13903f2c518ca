//! The database goes away under real worker processes, in every way that we can make it go: nothing
//! is lost, nothing done twice, no limit broken, no worker ends, and afterwards they go on.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test binaries uses a part of it")]
mod support;

#[path = "../../src/commands/demo/stored.rs"]
mod stored;

mod disk_full;
mod draining;
mod listening;
mod lost_replies;
mod network;
mod poolers;
mod servers;
mod tight;
mod trial;
