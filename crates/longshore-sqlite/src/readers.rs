//! The readers: threads that answer questions, each from a short snapshot of its own.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use longshore_core::store::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::connection;
use crate::error::{Outcome, defect_as_fault, from_sqlite};
use crate::tx::Tx;
use crate::writer::closed;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the readers' threads. Questions that wait are bounded by the callers that await
/// their answers.
pub(crate) struct Readers {
    /// None once they were closed.
    sender: Mutex<Option<Sender<Question>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Starts `count` readers of a file that is there and migrated.
    pub(crate) async fn start(path: &Path, budget: Duration, count: usize) -> StoreResult<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        let mut all_opened = Vec::new();
        for _ in 0..count.max(1) {
            let (ready, opened) = oneshot::channel();
            let receiver = Arc::clone(&receiver);
            let path = path.to_owned();
            let body = move || match connection::open_reader(&path, budget) {
                Ok(connection) => {
                    // When the caller gave up, the channel is closed and the loop ends at once.
                    drop(ready.send(Ok(())));
                    answer_questions(&connection, &receiver);
                }
                Err(error) => drop(ready.send(Err(error))),
            };
            let thread = std::thread::Builder::new()
                .name("longshore-sqlite-reader".to_owned())
                .spawn(body)
                .map_err(|fault| StoreError::unexpected("open", fault))?;
            threads.push(thread);
            all_opened.push(opened);
        }
        for opened in all_opened {
            opened
                .await
                .map_err(|gone| StoreError::unexpected("open", gone))??;
        }
        Ok(Self {
            sender: Mutex::new(Some(sender)),
            threads: Mutex::new(threads),
        })
    }

    /// Runs `work` on a snapshot that sees every commit which was acknowledged before.
    pub(crate) async fn read<T, F>(&self, verb: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Outcome<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let question = move |connection: &Connection| {
            // A caller that went away wants no answer, so the work is spared.
            if !reply.is_closed() {
                drop(reply.send(on_snapshot(connection, verb, work)));
            }
        };
        {
            let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            let sender = sender.as_ref().ok_or_else(|| closed(verb))?;
            sender.send(Box::new(question)).map_err(|_| closed(verb))?;
        }
        answer.await.map_err(|_| closed(verb))?
    }

    /// Takes no more questions; returns the threads, which end when all are answered.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        self.sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn answer_questions(connection: &Connection, receiver: &Mutex<Receiver<Question>>) {
    loop {
        // One reader waits in `recv`, the others for the lock: the next question finds the next.
        let question = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(question) = question else { return };
        question(connection);
    }
}

fn on_snapshot<T>(
    connection: &Connection,
    verb: &'static str,
    work: impl FnOnce(&Tx<'_>) -> Outcome<T>,
) -> StoreResult<T> {
    let snapshot = connection
        .unchecked_transaction()
        .map_err(|fault| from_sqlite(verb, fault))?;
    let answer = defect_as_fault(|| work(&Tx::in_progress(&snapshot)));
    // Dropping the transaction ends it; there is nothing to keep.
    drop(snapshot);
    answer.map_err(|fault| fault.of(verb))
}
