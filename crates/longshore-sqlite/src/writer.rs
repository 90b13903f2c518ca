//! The writer: one thread that owns the one connection that writes.
//!
//! It takes what waits, up to a bound, runs it in one `BEGIN IMMEDIATE`, each piece under a
//! savepoint of its own, and answers everybody after the commit. A piece that fails is rolled
//! back alone. A lone piece is not held back: the group is what came while the last one was being
//! committed. It also checkpoints the log, between commits, so that nobody's answer waits for it.

mod piece;
mod thread;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use longshore_core::store::{StoreError, StoreResult};
use tokio::sync::{mpsc, oneshot};

use self::piece::{Piece, Work};
use self::thread::Thread;
use crate::error::Outcome;
use crate::tx::Tx;
use crate::wakeups::Hub;
use crate::{busy, connection, migrate};

/// Pieces that may wait for the writer before callers are made to wait themselves.
const MAX_WAITING: usize = 1024;

/// Whether people and workers elsewhere may want to look again after a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Jobs, queues or output changed.
    Yes,
    /// Nothing that they wait for: bookkeeping, and what was taken out of a line or away.
    No,
}

/// The way to the writer's thread.
pub(crate) struct Writer {
    /// None once it was closed.
    sender: Mutex<Option<mpsc::Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// How often the thread found the write lock taken.
    looks_in_vain: Arc<AtomicU64>,
}

enum Message {
    Write(Box<dyn Piece>),
    Tend {
        verb: &'static str,
        reply: oneshot::Sender<StoreResult<()>>,
    },
}

impl Writer {
    /// Opens and migrates the file in the writer's thread; returns once that is done.
    pub(crate) async fn start(path: PathBuf, budget: Duration, hub: Arc<Hub>) -> StoreResult<Self> {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let (ready, opened) = oneshot::channel();
        let looks_in_vain = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&looks_in_vain);
        let body = move || {
            busy::count_in(counted);
            let made = connection::open_writer(&path, budget)
                .and_then(|connection| migrate::run(&connection).map(|()| connection));
            match made {
                Ok(connection) => {
                    if ready.send(Ok(())).is_ok() {
                        Thread {
                            connection,
                            receiver,
                            hub,
                            put_back: None,
                            busy_since: None,
                        }
                        .run();
                    }
                }
                // Nobody listens when the caller gave up; then nobody wants to know.
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        let thread = std::thread::Builder::new()
            .name("longshore-sqlite-writer".to_owned())
            .spawn(body)
            .map_err(|fault| StoreError::unexpected("open", fault))?;
        opened
            .await
            .map_err(|gone| StoreError::unexpected("open", gone))??;
        Ok(Self {
            sender: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            looks_in_vain,
        })
    }

    /// Runs `work` in a transaction; answers after its commit. Once the writer has taken it in, it
    /// is done even if the caller goes away; one that goes away before asked for nothing.
    pub(crate) async fn write<T, F>(
        &self,
        verb: &'static str,
        news: News,
        work: F,
    ) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Outcome<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let piece = Work {
            verb,
            news,
            body: Some(work),
            result: None,
            reply,
        };
        self.send(verb, Message::Write(Box::new(piece))).await?;
        answer.await.map_err(|_| closed(verb))?
    }

    /// How often the write lock was found taken.
    pub(crate) fn looks_in_vain(&self) -> u64 {
        self.looks_in_vain.load(Ordering::Relaxed)
    }

    /// Checkpoints the log and lets SQLite bring its statistics up to date.
    pub(crate) async fn tend(&self, verb: &'static str) -> StoreResult<()> {
        let (reply, answer) = oneshot::channel();
        self.send(verb, Message::Tend { verb, reply }).await?;
        answer.await.map_err(|_| closed(verb))?
    }

    async fn send(&self, verb: &'static str, message: Message) -> StoreResult<()> {
        let sender = self
            .sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let sender = sender.ok_or_else(|| closed(verb))?;
        sender.send(message).await.map_err(|_| closed(verb))
    }

    /// Takes nothing more; returns the thread, which ends when all that waits is done.
    pub(crate) fn close(&self) -> Option<JoinHandle<()>> {
        self.sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// The error of asking a store that was closed.
pub(crate) fn closed(verb: &'static str) -> StoreError {
    StoreError::Unavailable {
        verb,
        source: "the store was closed".into(),
    }
}
