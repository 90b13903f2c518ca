//! Receiving hints: LISTEN on the standing connection.
//!
//! The connection is hinted at and never trusted: after every reconnect each listener is told to
//! look at once, and where none is heard for [`CHECK_INTERVAL`] or a little longer, a notification of our own
//! must come round, or the connection is taken for dead (half open, pg-boss#850). Where it never comes round (a transaction
//! pooler gives LISTEN to some server connection and forgets it), we say so and leave it to polling.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::ClientWrapper;
use longshore_core::store::Wakeups;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_postgres::AsyncMessage;

use crate::db::Db;

/// After so long without any notification the connection is checked by one of our own.
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
    db: Db,
    hints: watch::Sender<Heard>,
    listening: Mutex<Option<JoinSet<()>>>,
}

impl Listener {
    pub fn new(db: Db) -> Self {
        Self {
            db,
            hints: watch::Sender::default(),
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
            task.spawn(listen(self.db.clone(), self.hints.clone()));
            // Whoever listens has a connection left when it has let go of all others.
            task.spawn(let_go_of_idle(self.db.clone()));
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

/// What was heard so far.
#[derive(Debug, Default)]
struct Heard {
    /// Hints, and connections that were made and lost: of each, whoever waits is told.
    count: u64,
    /// Whether any notification was heard on the connection that there is now.
    comes_round: bool,
}

struct Hints {
    hints: watch::Receiver<Heard>,
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

    fn come_round(&self) -> bool {
        self.hints.borrow().comes_round
    }
}

/// Why a connection was given up.
enum Ended {
    /// It broke, or went silent: connect anew.
    Broken,
    /// Notifications never came round.
    Deaf,
}

/// Closes connections of the pool that are not used. Ends only by being aborted.
async fn let_go_of_idle(db: Db) {
    loop {
        sleep(db.idle_time()).await;
        db.let_go_of_idle();
    }
}

/// Listens for as long as it is let. Ends only by being aborted.
async fn listen(db: Db, hints: watch::Sender<Heard>) {
    loop {
        let connected = timeout(CONNECT_TIMEOUT, connect(&db)).await;
        let Ok(connected) = connected else {
            tracing::debug!("cannot listen for hints: no answer");
            continue; // It has taken long enough.
        };
        match connected {
            Ok(connection) => {
                let ended = hear(connection, &db, &hints).await;
                db.standing().clear();
                // Whoever relied on hints has to look by itself from now on.
                hints.send_modify(|heard| {
                    heard.count += 1;
                    heard.comes_round = false;
                });
                match ended {
                    Ended::Broken => sleep(RECONNECT_DELAY).await,
                    Ended::Deaf => {
                        tracing::warn!(
                            "notifications do not arrive, as behind a transaction pooler: new jobs \
                             are found by polling alone"
                        );
                        sleep(DEAF_DELAY).await;
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "cannot listen for hints");
                sleep(RECONNECT_DELAY).await;
            }
        }
    }
}

/// What is heard on the standing connection, which listens.
struct Connection {
    payloads: mpsc::UnboundedReceiver<String>,
}

/// Connects and listens, and lets verbs have the connection.
async fn connect(db: &Db) -> Result<Connection, tokio_postgres::Error> {
    let (client, mut connection) = db.server().connect().await?;
    let (sender, payloads) = mpsc::unbounded_channel();
    let driver = tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(heard) = message {
                // Nobody hears it where the listener has given the connection up: a verb may have it.
                let _ = sender.send(heard.payload().to_owned());
            }
        }
    });
    // The driver ends with it.
    let client = ClientWrapper::new(client, driver);
    client.batch_execute("LISTEN longshore").await?;
    db.stands(client);
    Ok(Connection { payloads })
}

/// Where the listener is with its check of the connection.
enum Check {
    /// The next one is due then.
    Due(Instant),
    /// It waits until the connection is free: whoever has it finds out itself whether it is dead.
    Waits,
    /// It was sent, and has to come round by then.
    Sent(Instant),
}

/// Passes hints on until the connection is of no use any more.
async fn hear(mut connection: Connection, db: &Db, hints: &watch::Sender<Heard>) -> Ended {
    // Whatever happened while nobody listened: look.
    hints.send_modify(|heard| heard.count += 1);
    let mut has_come_round = false;
    let mut checks = 0_u64;
    let mut check = Check::Due(Instant::now());
    // The notification is sent by a task of its own: on a dead connection it would never return.
    let mut sending = JoinSet::new();
    let (told, mut sent) = mpsc::unbounded_channel();
    loop {
        let deadline = match check {
            Check::Due(at) | Check::Sent(at) => Some(at),
            Check::Waits => None,
        };
        tokio::select! {
            payload = connection.payloads.recv() => match payload {
                None => return Ended::Broken,
                Some(payload) => {
                    // Whoever's it is: it came round.
                    has_come_round = true;
                    check = Check::Due(Instant::now() + pause());
                    let is_hint = !payload.starts_with(CHECK);
                    hints.send_if_modified(|heard| {
                        heard.comes_round = true;
                        heard.count += u64::from(is_hint);
                        is_hint // For a check nobody has to look.
                    });
                }
            },
            Some(number) = sent.recv() => {
                if number == checks && matches!(check, Check::Waits) {
                    check = Check::Sent(Instant::now() + CHECK_TIMEOUT);
                }
            }
            () = at(deadline) => {
                if matches!(check, Check::Sent(_)) {
                    return if has_come_round { Ended::Broken } else { Ended::Deaf };
                }
                checks += 1;
                let own = format!("{CHECK}{checks}");
                check = Check::Waits;
                let (standing, told, number) = (db.standing().clone(), told.clone(), checks);
                sending.spawn(async move {
                    // Failing shows in its not coming round.
                    if let Some(client) = standing.wait().await
                        && let Some(client) = &*client
                    {
                        let _ = told.send(number);
                        let _ = client.execute("SELECT pg_notify('longshore', $1)", &[&own]).await;
                    }
                });
                while sending.try_join_next().is_some() {}
            }
        }
    }
}

/// How long until the next check: of many that listen, one checks, and the others hear it.
fn pause() -> Duration {
    CHECK_INTERVAL.mul_f64(rand::random_range(1.0..=1.5))
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
