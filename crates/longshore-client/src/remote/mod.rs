//! The client: [`Client`] asks one thing at a time, [`RemoteStore`] is a store as far as HTTP offers one.

mod client;
mod people;
mod registry;
mod store;
mod webhooks;
mod workers;

pub use client::{BadServer, Client, ClientOptions};
pub use store::RemoteStore;
