//! A server of a test's own, in its process, on a port that was free.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_client::{Client, ClientOptions};
use longshore_core::access::Role;
use longshore_core::store::Store;
use longshore_queue::Retrying;
use longshore_server::{Access, Options, Server, Webhooks};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server that answers until it is stopped.
pub struct Served {
    pub address: SocketAddr,
    stop: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Served {
    /// Open to everybody who reaches it, as to an admin.
    pub async fn open(store: Arc<dyn Store>) -> Self {
        let options = Options {
            access: Access::Open(Role::Admin),
            // Tests that speak of them do so by the store's verbs, or by a server of their own.
            webhooks: Webhooks::None,
            ..Options::loopback()
        };
        Self::with(store, options).await
    }

    pub async fn with(store: Arc<dyn Store>, options: Options) -> Self {
        let store = Arc::new(Retrying::new(store));
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(loopback, None, store, options).await;
        let server = server.expect("a port is free");
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            let until = async {
                let _stopped_or_gone = stopped.await;
            };
            let ran = server.run(until, Duration::from_mins(2)).await;
            ran.expect("the server runs");
        });
        Self {
            address,
            stop: Mutex::new(Some((stop, running))),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn client(&self, token: Option<&str>) -> Client {
        let client = Client::new(&self.url(), token, &ClientOptions::default());
        client.expect("the address is one")
    }

    pub async fn stop(&self) {
        let taken = self
            .stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((stop, running)) = taken {
            drop(stop);
            running.await.expect("the server ends");
        }
    }
}
