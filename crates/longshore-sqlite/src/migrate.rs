//! Bringing a file to the newest schema: forward only, all or nothing.
//!
//! refinery embeds and numbers the migrations, and its table records them. It applies each in a
//! transaction of its own, so that two processes that open a new file at once would both find
//! nothing applied; therefore they run here, in one `BEGIN IMMEDIATE`, behind which the second
//! process finds everything done.

use longshore_core::store::{StoreError, StoreResult};
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::error::{Fault, Outcome};
use crate::sql;

mod embedded {
    refinery::embed_migrations!("migrations");
}

const VERB: &str = "migrate";

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
    let has_history = connection.query_row(sql!("migrate_history_exists"), [], |row| {
        row.get::<_, bool>(0)
    })?;
    if !has_history {
        return Ok(0);
    }
    connection.query_row(sql!("migrate_found"), [], |row| row.get(0))
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
            let recorded: Option<String> = connection
                .query_row(
                    sql!("migrate_checksum"),
                    named_params! { ":version": migration.version() },
                    |row| row.get(0),
                )
                .optional()?;
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
    Ok(())
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
