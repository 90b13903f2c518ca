//! Longshore's executor for a Docker Engine.
//!
//! Owns everything that is said to an engine: [`DockerExecutor`] creates, starts, watches, stops
//! and removes containers by the rules of PROTOCOL, section 4. It keeps nothing that another worker
//! would need: what is to be known of a container is in its name, its labels and the engine. It
//! never speaks to a store, and never starts a container twice.

mod allowed;
mod body;
mod config;
pub mod connect;
mod dialect;
mod engine;
mod error;
mod executor;
mod host;
pub mod images;
mod labels;
mod late;
mod lifecycle;
mod permits;
mod program;
mod watch;

pub use config::{AllowList, DockerConfig};
pub use executor::{DockerExecutor, KIND};
pub use late::LateDockerExecutor;
