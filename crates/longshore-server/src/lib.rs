//! Longshore over HTTP: the API, its description, and who may ask for what.
//!
//! [`Server`] answers from a [`longshore_core::store::Store`] alone: it starts no containers, knows no store
//! by name, and needs no worker. What an operation takes and gives is in `longshore-client`'s `api`, which
//! clients use, too.
//!
//! A request's way: `serve` accepts it within bounds → `access::guard` looks at where it comes from →
//! `access::caller` finds out who asks → the operation's role is checked (`access::may`) → the handler
//! in `routes` → what was done, or refused, is written to the audit log (`access::audit`).

mod access;
mod app;
mod dashboard;
mod error;
mod extract;
mod health;
pub mod metrics;
mod openapi;
mod probes;
mod routes;
mod serve;
mod streams;
mod webhooks;

pub use access::secret::{Secret, signing_key};
pub use app::{Access, Options, Webhooks};
pub use metrics::ProcessMetrics;
pub use openapi::document;
pub use probes::Probes;
pub use serve::{BindError, Server, Tls};
