//! Bringing a file to the newest schema: forward only, all or nothing.
//!
//! refinery embeds and numbers the migrations, and its table records them. It applies each in a
//! transaction of its own, so that two processes that open a new file at once would both find
//! nothing applied; therefore they run here, in one `BEGIN IMMEDIATE`, behind which the second
//! process finds everything done.

use std::path::Path;

use longshore_core::store::{StoreError, StoreResult};
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::error::{Fault, Outcome, at_open};
use crate::{instance, sql};

mod embedded {
    refinery::embed_migrations!("migrations");
}

const VERB: &str = "migrate";

/// The mark of our files in SQLite's header, "LSHR"; `V2__application_id.sql` sets it.
const APPLICATION_ID: i32 = 0x4C53_4852;

/// The newest schema that this binary knows.
pub(crate) fn newest() -> i32 {
    let runner = embedded::migrations::runner();
    runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version)
        .max()
        .unwrap_or(0)
}

/// The schema of the file; 0 for none.
pub(crate) fn found(connection: &Connection) -> rusqlite::Result<i32> {
    if !has_history(connection)? {
        return Ok(0);
    }
    connection.query_row(sql!("migrate_found"), [], |row| row.get(0))
}

fn has_history(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(sql!("migrate_history_exists"), [], |row| row.get(0))
}

fn recorded_checksum(connection: &Connection, version: i32) -> rusqlite::Result<Option<String>> {
    connection
        .query_row(
            sql!("migrate_checksum"),
            named_params! { ":version": version },
            |row| row.get(0),
        )
        .optional()
}

/// Refuses the file of another program, before anything in it is changed.
pub(crate) fn refuse_foreign(connection: &Connection, path: &Path) -> StoreResult<()> {
    if is_ours_or_empty(connection).map_err(|fault| at_open(path, fault))? {
        return Ok(());
    }
    Err(StoreError::BadAddress(format!(
        "{} is a database of another program: name a file of Longshore's own, or one that is not \
         there yet",
        path.display()
    )))
}

fn is_ours_or_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let mark: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if mark != 0 {
        return Ok(mark == APPLICATION_ID);
    }
    if connection.query_row(sql!("migrate_is_empty"), [], |row| row.get(0))? {
        return Ok(true);
    }
    if !has_history(connection)? {
        return Ok(false);
    }
    // From before files were marked. Others use refinery too: the first migration tells.
    let runner = embedded::migrations::runner();
    let ours = runner.get_migrations().iter().min();
    let ours = ours.expect("migrations are embedded");
    let recorded = recorded_checksum(connection, ours.version())?;
    Ok(recorded == Some(ours.checksum().to_string()))
}

/// Applies what is missing. Refuses a file that is newer than this binary.
pub(crate) fn run(connection: &Connection) -> StoreResult<()> {
    let newest = newest();
    let at_first = found(connection).map_err(|fault| Fault::from(fault).of(VERB))?;
    refuse_newer(at_first, newest)?;
    if at_first == newest {
        return Ok(());
    }
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(Fault::from)
        .and_then(|()| apply_missing(connection, newest))
        .and_then(|()| Ok(connection.execute_batch("COMMIT")?))
        .map_err(|fault| {
            if !connection.is_autocommit()
                && let Err(second) = connection.execute_batch("ROLLBACK")
            {
                tracing::warn!(%second, "rolling back a migration failed");
            }
            fault.of(VERB)
        })
}

fn apply_missing(connection: &Connection, newest: i32) -> Outcome<()> {
    connection.execute_batch(sql!("migrate_history"))?;
    let found = found(connection)?;
    refuse_newer(found, newest)?;
    for migration in embedded::migrations::runner().get_migrations() {
        let checksum = migration.checksum().to_string();
        if migration.version() <= found {
            let recorded = recorded_checksum(connection, migration.version())?;
            if recorded.as_deref() != Some(checksum.as_str()) {
                return Err(Fault::Damaged(format!(
                    "migration {migration} was applied in another form than this binary knows"
                )));
            }
            continue;
        }
        let statements = migration
            .sql()
            .expect("an embedded migration carries its SQL");
        connection.execute_batch(statements)?;
        connection.execute(
            sql!("migrate_record"),
            named_params! {
                ":version": migration.version(),
                ":name": migration.name(),
                ":checksum": checksum,
            },
        )?;
    }
    instance::settle(connection)
}

fn refuse_newer(found: i32, newest: i32) -> StoreResult<()> {
    if found > newest {
        return Err(StoreError::SchemaTooNew {
            found,
            supported: newest,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files have noted these checksums, and are refused by a binary that has others. A line is added
    /// with its migration, and none is ever changed: what was wrong is mended by the next one.
    #[test]
    fn no_migration_is_changed_once_it_is_out() {
        let runner = embedded::migrations::runner();
        let mut migrations: Vec<_> = runner.get_migrations().iter().collect();
        migrations.sort();
        let checksum =
            |migration: &&refinery::Migration| format!("{migration} {}\n", migration.checksum());
        let now: String = migrations.iter().map(checksum).collect();
        assert_eq!(now, include_str!("../migrations/checksums.txt"));
    }
}
