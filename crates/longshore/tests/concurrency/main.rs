//! The concurrency suite: each promise put to the test on real databases, by tasks and by processes,
//! and each test able to fail (`docs/testing.md`). The groups and names of the first specification
//! stand here; beside each of its tests, the twin that can't be fooled.

mod stepping;

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the other test binaries")]
mod support;
