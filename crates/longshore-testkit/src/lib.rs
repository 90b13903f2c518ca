//! Conformance suites and test doubles, shared by every crate's tests.
//!
//! A promise of the [`longshore_core::store::Store`] or [`longshore_core::executor::Executor`]
//! trait is written once, here, as a case; each back end runs all of them, so that none can
//! differ in silence. This crate is only ever a dev-dependency, and knows no store or executor by
//! name: harnesses hand them in.

#![allow(clippy::missing_panics_doc, reason = "to panic is how a case fails")]

pub mod executor;
pub mod judged;
pub mod model;
pub mod proxy;
pub mod random;
pub mod recording;
pub mod scripted;
pub mod servers;
pub mod skip;
pub mod spec_cases;
pub mod store;
pub mod wait;
