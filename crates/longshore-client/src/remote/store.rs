//! [`RemoteStore`]: what people ask of a store, over HTTP.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::store::{Store, StoreError, StoreResult, Wakeups};
use longshore_core::{InstanceId, Timestamp};

use super::client::Client;

/// A store behind a server, for people: what workers do with one (acquiring, recovering, registering) is
/// refused, for they need the database itself.
#[derive(Clone, Debug)]
pub struct RemoteStore {
    pub(super) client: Client,
    /// Whether the server shows this caller values of the environment, as far as is known.
    pub(super) sees_env: Arc<AtomicBool>,
}

impl RemoteStore {
    /// The store behind this client's server.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            sees_env: Arc::new(AtomicBool::new(true)),
        }
    }

    /// The client that it speaks through.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// What a verb that is for workers answers.
pub(super) fn not_over_http<T>(verb: &'static str) -> StoreResult<T> {
    Err(StoreError::Denied {
        verb,
        reason: "a server does not offer this: it needs the database itself (--database)"
            .to_owned(),
    })
}

#[async_trait]
impl Store for RemoteStore {
    fn kind(&self) -> &'static str {
        "http"
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        let about = self.client.about().await?;
        Ok(InstanceId(about.instance))
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        Ok(self.client.about().await?.now)
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        Box::new(Polling)
    }

    async fn close(&self) {}
}

/// No hints come: whoever waits looks again after a while, as without hints everywhere.
struct Polling;

#[async_trait]
impl Wakeups for Polling {
    async fn wait(&mut self, at_most: Duration) -> bool {
        tokio::time::sleep(at_most).await;
        false
    }
}
