//! The writer: one thread that owns the one connection that writes.
//!
//! It takes what waits, up to a bound, runs it in one `BEGIN IMMEDIATE`, each piece under a
//! savepoint of its own, and answers everybody after the commit. A piece that fails is rolled
//! back alone. A lone piece is not held back: the group is what came while the last one was being
//! committed. It also checkpoints the log, between commits, so that nobody's answer waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use longshore_core::store::{StoreError, StoreResult};
use rusqlite::{Connection, Error as SqliteError};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Fault, Outcome, again, from_sqlite};
use crate::tx::Tx;
use crate::wakeups::Hub;
use crate::{busy, connection, migrate, sql};

/// Pieces in one commit: enough to share an fsync widely, few enough to keep the lock short.
const MAX_GROUP: usize = 64;

/// Pieces that may wait for the writer before callers are made to wait themselves.
const MAX_WAITING: usize = 1024;

/// Frames in the log (4 KiB each) that call for a checkpoint.
const CHECKPOINT_FRAMES: i64 = 2000;

/// After this long of taking the write lock again and again, it is left alone for [`BREATH`], so
/// that other processes, which look every 1 to 5 ms, get it too.
const LONGEST_RUN: Duration = Duration::from_millis(40);
const BREATH: Duration = Duration::from_millis(3);

/// Whether people and workers elsewhere may want to look again after a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Jobs, queues or output changed.
    Yes,
    /// Only bookkeeping did.
    No,
}

/// The way to the writer's thread.
pub(crate) struct Writer {
    /// None once it was closed.
    sender: Mutex<Option<mpsc::Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
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
        let body = move || {
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
        })
    }

    /// Runs `work` in a transaction; answers after its commit. If the caller goes away, the work
    /// is done all the same.
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

/// Something to be written, with the types of its answer hidden.
trait Piece: Send {
    /// Runs it; true if it went well.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    fn news(&self) -> News;
    /// Answers its caller: with its own error if it has one, else with the transaction's fate.
    fn answer(self: Box<Self>, fate: Result<(), &SqliteError>);
}

struct Work<T, F> {
    verb: &'static str,
    news: News,
    body: Option<F>,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Piece for Work<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Outcome<T> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        let work = self.body.take().expect("a piece runs once");
        // A defect in one verb must not take the writer away from all the others.
        let result = catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|_| {
            Err(Fault::Damaged(
                "it panicked; the panic's message is on stderr".to_owned(),
            ))
        });
        let is_fine = result.is_ok();
        self.result = Some(result.map_err(|fault| fault.of(self.verb)));
        is_fine
    }

    fn news(&self) -> News {
        self.news
    }

    fn answer(self: Box<Self>, fate: Result<(), &SqliteError>) {
        let answer = match (self.result, fate) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(fault)) => Err(from_sqlite(self.verb, again(fault))),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(closed(self.verb)),
        };
        // A caller that went away does not want the answer.
        drop(self.reply.send(answer));
    }
}

/// What the writer's thread owns.
struct Thread {
    connection: Connection,
    receiver: mpsc::Receiver<Message>,
    hub: Arc<Hub>,
    /// Something that was received while a group was gathered, and is not part of it.
    put_back: Option<Message>,
    /// Since when one group has followed another without a pause.
    busy_since: Option<Instant>,
}

impl Thread {
    fn run(mut self) {
        while let Some(message) = self.next() {
            match message {
                Message::Write(first) => {
                    let group = self.gather(first);
                    self.commit(group);
                    self.checkpoint_when_due();
                }
                Message::Tend { verb, reply } => {
                    let tended = self.tend().map_err(|fault| from_sqlite(verb, fault));
                    drop(reply.send(tended));
                }
            }
        }
        if let Err(fault) = self.checkpoint() {
            tracing::debug!(%fault, "the last checkpoint was left to the next process");
        }
    }

    /// The next message; waits for it, or takes a breath when there is no need to wait.
    fn next(&mut self) -> Option<Message> {
        if let Some(message) = self.put_back.take() {
            return Some(message);
        }
        let Ok(message) = self.receiver.try_recv() else {
            self.busy_since = None;
            return self.receiver.blocking_recv();
        };
        let since = *self.busy_since.get_or_insert_with(Instant::now);
        if since.elapsed() > LONGEST_RUN {
            std::thread::sleep(BREATH);
            self.busy_since = None;
        }
        Some(message)
    }

    fn gather(&mut self, first: Box<dyn Piece>) -> Vec<Box<dyn Piece>> {
        let mut group = vec![first];
        while group.len() < MAX_GROUP {
            match self.receiver.try_recv() {
                Ok(Message::Write(piece)) => group.push(piece),
                Ok(other) => {
                    self.put_back = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        group
    }

    /// Commits a group and answers everybody in it.
    fn commit(&mut self, group: Vec<Box<dyn Piece>>) {
        let mut rest = group;
        while !rest.is_empty() {
            rest = self.commit_some(rest);
        }
    }

    /// Runs pieces in one transaction, and answers them; returns those that it did not get to,
    /// because SQLite ended the transaction under one of the others.
    fn commit_some(&mut self, mut group: Vec<Box<dyn Piece>>) -> Vec<Box<dyn Piece>> {
        if let Err(fault) = self.begin() {
            for piece in group {
                piece.answer(Err(&fault));
            }
            return Vec::new();
        }
        let changes_before = self.connection.total_changes();
        let mut news = News::No;
        for index in 0..group.len() {
            match self.run_piece(group[index].as_mut()) {
                Ok(true) if group[index].news() == News::Yes => news = News::Yes,
                Ok(_) => {}
                Err(fault) => {
                    self.roll_back();
                    let rest = group.split_off(index + 1);
                    for piece in group {
                        piece.answer(Err(&fault));
                    }
                    return rest;
                }
            }
        }
        let fate = self.statement("COMMIT");
        if fate.is_err() {
            self.roll_back();
        }
        let has_changed = self.connection.total_changes() != changes_before;
        for piece in group {
            piece.answer(fate.as_ref().copied());
        }
        if news == News::Yes && has_changed && fate.is_ok() {
            self.hub.notify();
        }
        Vec::new()
    }

    fn begin(&self) -> rusqlite::Result<()> {
        // Never deferred: upgrading a read to a write fails at once when another has written.
        self.statement("BEGIN IMMEDIATE")
    }

    /// Runs one piece under its savepoint. An error means that the whole transaction is gone.
    fn run_piece(&self, piece: &mut dyn Piece) -> rusqlite::Result<bool> {
        self.statement("SAVEPOINT piece")?;
        let is_fine = piece.run(&Tx::in_progress(&self.connection));
        if self.connection.is_autocommit() {
            // SQLite does this by itself when a disk is full or fails, or memory is short.
            return Err(SqliteError::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
                Some("the transaction was rolled back under another verb".to_owned()),
            ));
        }
        if !is_fine {
            self.statement("ROLLBACK TO piece")?;
        }
        self.statement("RELEASE piece")?;
        Ok(is_fine)
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(fault) = self.statement("ROLLBACK")
        {
            tracing::error!(%fault, "rolling back failed");
        }
    }

    /// Moves the log into the file when it has grown, without waiting for anybody.
    fn checkpoint_when_due(&self) {
        let passed = self.log_frames().and_then(|frames| {
            if frames < CHECKPOINT_FRAMES {
                return Ok(());
            }
            self.connection
                .query_row(sql!("checkpoint_passive"), [], |_| Ok(()))
        });
        if let Err(fault) = passed {
            tracing::debug!(%fault, "a checkpoint was put off");
        }
    }

    /// Frames of the log that are not in the file yet.
    fn log_frames(&self) -> rusqlite::Result<i64> {
        self.connection
            .prepare_cached(sql!("checkpoint_due"))?
            .query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
    }

    /// Moves the whole log into the file and cuts it to nothing, if nobody reads from it.
    fn checkpoint(&self) -> rusqlite::Result<()> {
        // The lock is held meanwhile, so readers are waited for only briefly.
        busy::with_budget(Duration::from_millis(200), || {
            self.connection
                .query_row(sql!("checkpoint_truncate"), [], |row| { eprintln!("ckpt {:?} {:?} {:?} wal {:?}", row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2), std::fs::metadata(format!("{}-wal", self.connection.path().unwrap())).map(|m| m.len())); Ok(()) })
        })
    }

    fn tend(&self) -> rusqlite::Result<()> {
        // In this order: statistics are written too.
        self.connection.execute_batch(sql!("optimize"))?;
        self.checkpoint()
    }
}
