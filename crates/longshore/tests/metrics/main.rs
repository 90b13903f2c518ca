//! What a run exports: real servers and workers, scraped as Prometheus does it.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each of the test binaries uses a part of it")]
mod support;

mod files;
mod logging;
mod names;
mod probes;
mod scene;
mod scrape;
mod truth;
