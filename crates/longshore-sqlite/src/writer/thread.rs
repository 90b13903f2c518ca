//! The writer's thread: gathering, committing, answering, checkpointing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_fault::{Injected, bug, thread_point};
use rusqlite::{Connection, Error as SqliteError};
use tokio::sync::mpsc;

use super::piece::Piece;
use super::{Message, News};
use crate::error::from_sqlite;
use crate::tx::Tx;
use crate::wakeups::Hub;
use crate::{busy, sql};

/// Pieces in one commit: enough to share an fsync widely, few enough to keep the lock short.
const MAX_GROUP: usize = 64;

/// Frames in the log (4 KiB each) that call for a checkpoint.
const CHECKPOINT_FRAMES: i64 = 2000;

/// After this long of taking the write lock again and again, it is left alone for [`BREATH`], so
/// that other processes, which look every 1 to 5 ms, get it too.
const LONGEST_RUN: Duration = Duration::from_millis(40);
const BREATH: Duration = Duration::from_millis(3);

/// What the writer's thread owns.
pub(super) struct Thread {
    pub(super) connection: Connection,
    pub(super) receiver: mpsc::Receiver<Message>,
    pub(super) hub: Arc<Hub>,
    /// Something that was received while a group was gathered, and is not part of it.
    pub(super) put_back: Option<Message>,
    /// Since when one group has followed another without a pause.
    pub(super) busy_since: Option<Instant>,
}

impl Thread {
    /// Writes until the channel is closed and empty.
    pub(super) fn run(mut self) {
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
        // No checkpoint here: it would take the write lock beside others that are busy. Whoever
        // closes the file last makes one as it does.
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
        if bug!("acknowledge_before_commit") {
            for piece in group.drain(..) {
                piece.answer(Ok(()));
            }
        }
        let fate = self.end();
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
        if bug!("deferred_begin") {
            return self.statement("BEGIN");
        }
        // Never deferred: upgrading a read to a write fails at once when another has written.
        self.statement("BEGIN IMMEDIATE")
    }

    fn end(&self) -> rusqlite::Result<()> {
        thread_point!("commit.before", 0).map_err(broken)?;
        self.statement("COMMIT")?;
        thread_point!("commit.after", 0).map_err(broken)
    }

    /// Runs one piece under its savepoint. An error means that the whole transaction is gone.
    fn run_piece(&self, piece: &mut dyn Piece) -> rusqlite::Result<bool> {
        self.statement("SAVEPOINT piece")?;
        let is_fine = piece.run(&Tx::in_progress(&self.connection));
        if self.connection.is_autocommit() {
            // SQLite does this by itself when a disk is full or fails, or memory is short. The piece
            // that met it says which; the others may be repeated.
            return Err(SqliteError::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
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
            let is_cut = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0).map(|busy| busy == 0);
            let is_cut = self
                .connection
                .query_row(sql!("checkpoint_truncate"), [], is_cut)?;
            if !is_cut {
                tracing::debug!("somebody reads from the log, so it was not cut");
            }
            Ok(())
        })
    }

    fn tend(&self) -> rusqlite::Result<()> {
        // In this order: statistics are written too.
        self.connection
            .execute_batch(sql!("tend_storage_optimize"))?;
        self.checkpoint()
    }
}

/// As if the disk had failed there.
fn broken(injected: Injected) -> SqliteError {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
    SqliteError::SqliteFailure(code, Some(injected.to_string()))
}
