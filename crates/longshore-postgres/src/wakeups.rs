//! Receiving hints: LISTEN on a connection of its own.
//!
//! The connection is hinted at and never trusted: after every reconnect each listener is told to
//! look at once, and a notification of our own must come round every [`CHECK_INTERVAL`], or the
//! connection is taken for dead (half open, pg-boss#850). Where it never comes round (a transaction
//! pooler gives LISTEN to some server connection and forgets it), we say so and leave it to polling.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::store::Wakeups;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_postgres::{AsyncMessage, Client};

use crate::server::Server;

/// How often the connection is checked by a notification of our own.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);
/// How long that may take to come round.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connecting and LISTEN may take. The driver's own deadline is for the way to the server
/// alone: a server, or something in between, that takes the connection and never answers would end all
/// listening.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before connecting anew.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);
/// How long to wait where notifications don't come round at all.
const DEAF_DELAY: Duration = Duration::from_mins(1);
/// What our own notifications begin with; no queue's id does.
const CHECK: &str = "check ";

/// The one connection that listens, for every [`Wakeups`] of a store. Begins with the first.
#[derive(Debug)]
pub(crate) struct Listener {
    server: Server,
    hints: watch::Sender<u64>,
    listening: Mutex<Option<JoinSet<()>>>,
}

impl Listener {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            hints: watch::Sender::new(0),
            listening: Mutex::new(None),
        }
    }

    /// Another listener for hints.
    pub fn subscribe(&self) -> Box<dyn Wakeups> {
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if listening.is_none() {
            let mut task = JoinSet::new();
            task.spawn(listen(self.server.clone(), self.hints.clone()));
            *listening = Some(task);
        }
        Box::new(Hints {
            hints: self.hints.subscribe(),
        })
    }

    /// Stops listening; what waits then waits its time out.
    pub fn close(&self) {
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // An empty set rather than none, so that nobody begins again.
        *listening = Some(JoinSet::new());
    }
}

struct Hints {
    hints: watch::Receiver<u64>,
}

#[async_trait]
impl Wakeups for Hints {
    async fn wait(&mut self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        match timeout(at_most, self.hints.changed()).await {
            Ok(Ok(())) => true,
            // The store is closed: there is nothing to hear, but the caller asked to wait.
            Ok(Err(_)) => {
                sleep_until(until).await;
                false
            }
            Err(_) => false,
        }
    }
}

/// Why a connection was given up.
enum Ended {
    /// It broke, or went silent: connect anew.
    Broken,
    /// Notifications never came round.
    Deaf,
}

/// Listens for as long as it is let. Ends only by being aborted.
async fn listen(server: Server, hints: watch::Sender<u64>) {
    loop {
        let connected = timeout(CONNECT_TIMEOUT, connect(&server)).await;
        let Ok(connected) = connected else {
            tracing::debug!("cannot listen for hints: no answer");
            continue; // It has taken long enough.
        };
        match connected {
            Ok(connection) => match hear(connection, &hints).await {
                Ended::Broken => sleep(RECONNECT_DELAY).await,
                Ended::Deaf => {
                    tracing::warn!(
                        "notifications do not arrive, as behind a transaction pooler: new jobs are \
                         found by polling alone"
                    );
                    sleep(DEAF_DELAY).await;
                }
            },
            Err(error) => {
                tracing::debug!(%error, "cannot listen for hints");
                sleep(RECONNECT_DELAY).await;
            }
        }
    }
}

/// A connection that listens. The task that drives it ends with it.
struct Connection {
    client: Arc<Client>,
    /// The server's process, by which our own notifications are told from those of others.
    backend: i32,
    payloads: mpsc::UnboundedReceiver<String>,
    _driver: JoinSet<()>,
}

async fn connect(server: &Server) -> Result<Connection, tokio_postgres::Error> {
    let (client, mut connection) = server.connect().await?;
    let (sender, payloads) = mpsc::unbounded_channel();
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(heard) = message
                && sender.send(heard.payload().to_owned()).is_err()
            {
                break;
            }
        }
    });
    client.batch_execute("LISTEN longshore").await?;
    let backend = client
        .query_one("SELECT pg_backend_pid()", &[])
        .await?
        .try_get(0)?;
    Ok(Connection {
        client: Arc::new(client),
        backend,
        payloads,
        _driver: driver,
    })
}

/// Passes hints on until the connection is of no use any more.
async fn hear(mut connection: Connection, hints: &watch::Sender<u64>) -> Ended {
    // Whatever happened while nobody listened: look.
    hints.send_modify(|count| *count += 1);
    let mut has_come_round = false;
    let mut checks = 0_u64;
    let mut next_check = Instant::now();
    let mut pending: Option<(String, Instant)> = None;
    // The notification is sent by a task of its own: on a dead connection it would never return.
    let mut sending = JoinSet::new();
    loop {
        let deadline = pending
            .as_ref()
            .map_or(next_check, |(_, deadline)| *deadline);
        tokio::select! {
            payload = connection.payloads.recv() => match payload {
                None => return Ended::Broken,
                Some(payload) if pending.as_ref().is_some_and(|(own, _)| *own == payload) => {
                    has_come_round = true;
                    pending = None;
                    next_check = Instant::now() + CHECK_INTERVAL;
                }
                Some(payload) if payload.starts_with(CHECK) => {}
                Some(_) => hints.send_modify(|count| *count += 1),
            },
            () = sleep_until(deadline) => {
                if pending.is_some() {
                    return if has_come_round { Ended::Broken } else { Ended::Deaf };
                }
                checks += 1;
                let own = format!("{CHECK}{} {checks}", connection.backend);
                pending = Some((own.clone(), Instant::now() + CHECK_TIMEOUT));
                let client = Arc::clone(&connection.client);
                sending.spawn(async move {
                    // Failing shows in its not coming round.
                    let _ = client.execute("SELECT pg_notify('longshore', $1)", &[&own]).await;
                });
                while sending.try_join_next().is_some() {}
            }
        }
    }
}
