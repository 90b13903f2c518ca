//! One caller's part of a commit.

use longshore_core::store::StoreResult;
use rusqlite::Error as SqliteError;
use tokio::sync::oneshot;

use super::{News, closed};
use crate::error::{Outcome, again, defect_as_fault, from_sqlite};
use crate::tx::Tx;

/// Something to be written, with the types of its answer hidden.
pub(super) trait Piece: Send {
    /// Runs it; true if it went well.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    fn news(&self) -> News;
    /// Answers its caller: with its own error if it has one, else with the transaction's fate.
    fn answer(self: Box<Self>, fate: Result<(), &SqliteError>);
}

pub(super) struct Work<T, F> {
    pub(super) verb: &'static str,
    pub(super) news: News,
    pub(super) body: Option<F>,
    pub(super) result: Option<StoreResult<T>>,
    pub(super) reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Piece for Work<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Outcome<T> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        let work = self.body.take().expect("a piece runs once");
        let result = defect_as_fault(|| work(tx));
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
