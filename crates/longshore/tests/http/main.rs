//! The HTTP API as its callers meet it: a real server before a real store.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with tests of the command line")]
mod support;

mod access;
mod apart;
mod blended;
mod browser;
mod changes;
mod conformance;
mod cost;
mod events;
mod following;
mod forms;
mod hostile;
mod jobs;
mod pages;
mod python;
mod scene;
mod scraping;
mod served;
mod visiting;
mod webhooks;
