//! One transaction, as the verbs see it: prepared statements, and one reading of the clock.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use crate::error::{Fault, Outcome};
use crate::rows::Micros;

/// A transaction that somebody else began and will end.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    /// The database's clock, read once: whatever one transaction writes carries one time.
    ///
    /// SQLite has no clock but the machine's, which it reads to the millisecond; it runs inside
    /// this process, so the same clock is read here, to the microsecond.
    pub(crate) now: Micros,
}

impl<'c> Tx<'c> {
    /// The transaction that `connection` is in.
    pub(crate) fn in_progress(connection: &'c Connection) -> Self {
        Self {
            connection,
            now: Micros::now(),
        }
    }

    /// Runs a statement; the number of rows that it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Outcome<usize> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// Runs a statement that must change exactly one row.
    pub(crate) fn execute_one(&self, sql: &str, params: impl Params) -> Outcome<()> {
        match self.execute(sql, params)? {
            1 => Ok(()),
            changed => Err(Fault::Damaged(format!(
                "{changed} rows changed, not 1: {sql}"
            ))),
        }
    }

    /// The only row of a statement, which must have one.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<T> {
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row(params, map)?)
    }

    /// The first row of a statement, if it has any.
    pub(crate) fn maybe<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Option<T>> {
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row(params, map)
            .optional()?)
    }

    /// Every row of a statement, which bounds itself.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, map)?;
        Ok(rows.collect::<rusqlite::Result<Vec<T>>>()?)
    }

    /// A statement to be stepped by hand.
    pub(crate) fn prepare(&self, sql: &str) -> Outcome<CachedStatement<'c>> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// The connection, for pragmas.
    pub(crate) fn connection(&self) -> &'c Connection {
        self.connection
    }
}
