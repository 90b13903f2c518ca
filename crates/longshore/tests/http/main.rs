//! The HTTP API as its callers meet it: a real server before a real store.

mod access;
mod blended;
mod conformance;
mod following;
mod jobs;
mod scene;
mod served;
