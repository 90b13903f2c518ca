//! Longshore over HTTP, from the asking side.
//!
//! [`api`] has the API's types: what is not here is as in `longshore-core`, whose types have the same
//! JSON on the command line and over HTTP. The server answers with these same types, so that neither
//! side can mean something else. With the feature `http` (a default) there is also the client.

pub mod api;
#[cfg(feature = "http")]
mod remote;

#[cfg(feature = "http")]
pub use remote::{BadServer, Client, ClientOptions, RemoteStore};
