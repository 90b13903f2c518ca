//! Hints that something changed: at once for this process's own commits, and within 25 ms for
//! those of other processes, which show as a new `PRAGMA data_version`.
//!
//! The watcher's thread starts when somebody first listens, and rests while nobody does.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::store::Wakeups;
use rand::RngExt;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::{connection, sql};

/// How often other processes' commits are looked for, in milliseconds.
const GLANCE_MILLIS: std::ops::RangeInclusive<u64> = 20..=25;

/// A look is a read of shared memory: whatever keeps it busy for longer can wait for the next.
const GLANCE_BUDGET: Duration = Duration::from_millis(100);

/// Where hints come together.
pub(crate) struct Hub {
    path: PathBuf,
    /// Counts hints. A receiver that has not seen the newest keeps it until it looks.
    hints: watch::Sender<u64>,
    watcher: Mutex<Watcher>,
    changed: Condvar,
}

#[derive(Default)]
struct Watcher {
    listeners: usize,
    is_closed: bool,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Hub {
    /// A hub for the file at `path`.
    pub(crate) fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            path,
            hints: watch::Sender::new(0),
            watcher: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Hints everybody.
    pub(crate) fn notify(&self) {
        self.hints
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A new listener; hears of everything that happens from now on.
    pub(crate) fn subscribe(self: &Arc<Self>) -> SqliteWakeups {
        SqliteWakeups {
            receiver: self.hints.subscribe(),
            hub: Arc::clone(self),
        }
    }

    /// Ends the watcher; returns its thread.
    pub(crate) fn close(&self) -> Option<std::thread::JoinHandle<()>> {
        let mut watcher = self.lock();
        watcher.is_closed = true;
        self.changed.notify_all();
        watcher.thread.take()
    }

    fn lock(&self) -> MutexGuard<'_, Watcher> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the watcher looking for as long as the answer lives.
    fn listen(self: &Arc<Self>) -> Listening {
        let mut watcher = self.lock();
        watcher.listeners += 1;
        if watcher.thread.is_none() && !watcher.is_closed {
            let hub = Arc::clone(self);
            let thread = std::thread::Builder::new()
                .name("longshore-sqlite-watcher".to_owned())
                .spawn(move || hub.watch());
            match thread {
                Ok(thread) => watcher.thread = Some(thread),
                // Hints are only hints: polling finds everything without them.
                Err(fault) => tracing::warn!(%fault, "no thread to watch other processes with"),
            }
        }
        self.changed.notify_all();
        Listening(Arc::clone(self))
    }

    /// The watcher's thread.
    fn watch(&self) {
        let connection = match connection::open_reader(&self.path, GLANCE_BUDGET) {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "other processes' changes are found by polling alone");
                return;
            }
        };
        let mut last_seen = None;
        while self.rest() {
            match data_version(&connection) {
                // The first look hints too: what came before it can't be told from what was new.
                Ok(seen) if last_seen != Some(seen) => {
                    last_seen = Some(seen);
                    self.notify();
                }
                Ok(_) => {}
                Err(fault) => tracing::debug!(%fault, "a look at the data version failed"),
            }
        }
    }

    /// Waits for the time of the next look, and for somebody who listens; false at the end.
    fn rest(&self) -> bool {
        let glance = Duration::from_millis(rand::rng().random_range(GLANCE_MILLIS));
        let is_open = |watcher: &mut Watcher| !watcher.is_closed;
        let (watcher, _) = self
            .changed
            .wait_timeout_while(self.lock(), glance, is_open)
            .unwrap_or_else(PoisonError::into_inner);
        let watcher = self
            .changed
            .wait_while(watcher, |watcher| {
                watcher.listeners == 0 && !watcher.is_closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        !watcher.is_closed
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(sql!("data_version"))?
        .query_row([], |row| row.get(0))
}

/// Somebody listens.
struct Listening(Arc<Hub>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.lock().listeners -= 1;
    }
}

/// A listener.
pub(crate) struct SqliteWakeups {
    receiver: watch::Receiver<u64>,
    hub: Arc<Hub>,
}

#[async_trait]
impl Wakeups for SqliteWakeups {
    async fn wait(&mut self, at_most: Duration) -> bool {
        let _listening = self.hub.listen();
        // `changed` keeps a hint that it has not returned, so dropping it here loses none. The hub
        // outlives its receivers, so that it never fails.
        matches!(
            tokio::time::timeout(at_most, self.receiver.changed()).await,
            Ok(Ok(()))
        )
    }
}
