//! Opening a file: the folder, the file's mode, and the settings of each connection.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use longshore_core::store::{StoreError, StoreResult};
use rusqlite::{Connection, OpenFlags};

use crate::error::{self, is_busy};
use crate::{busy, migrate};

/// Below this version a WAL that is reset under load can corrupt the file.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Statements that a connection keeps prepared: more than there are files under `sql/`.
const PREPARED_STATEMENTS: usize = 160;

/// The write-ahead log is cut back to this after a checkpoint, should it ever have grown larger.
const WAL_LIMIT_BYTES: i64 = 32 * 1024 * 1024;

/// Opens the connection that writes, making the folder and the file where they are missing.
pub(crate) fn open_writer(path: &Path, budget: Duration) -> StoreResult<Connection> {
    assert!(
        rusqlite::version_number() >= OLDEST_SQLITE,
        "the bundled SQLite is {}, which can corrupt a file; 3.51.3 or later is needed",
        rusqlite::version()
    );
    make_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|fault| error::at_open(path, fault))?;
    settle_in(&connection, budget).map_err(|fault| error::at_open(path, fault))?;
    if connection
        .is_readonly("main")
        .map_err(|fault| error::at_open(path, fault))?
    {
        // SQLite opens such a file all the same, and would fail at the first write.
        let fault = io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only");
        return Err(error::not_writable(path, fault));
    }
    migrate::refuse_foreign(&connection, path)?;
    use_wal(&connection).map_err(|fault| error::at_open(path, fault))?;
    Ok(connection)
}

/// Opens a connection that reads. The file and its schema are there already.
pub(crate) fn open_reader(path: &Path, budget: Duration) -> StoreResult<Connection> {
    // Not SQLITE_OPEN_READ_ONLY: such a connection, closing last, would leave the log behind.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|fault| error::at_open(path, fault))?;
    settle_in(&connection, budget)
        .and_then(|()| connection.pragma_update(None, "query_only", true))
        .map_err(|fault| error::at_open(path, fault))?;
    Ok(connection)
}

fn settle_in(connection: &Connection, budget: Duration) -> rusqlite::Result<()> {
    busy::install(connection, budget)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    // A commit is acknowledged only when it is on the disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", false)?;
    // The writer thread checkpoints, between commits rather than within one.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES)?;
    // Sorting happens in memory: no stray files, and nothing large is ever sorted.
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Turns the write-ahead log on, once in the life of a file. SQLite does not ask the busy handler
/// here, so two processes that open a new file at once have to try again by themselves.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let since = Instant::now();
    loop {
        match connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
        {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => {
                tracing::warn!(
                    mode,
                    "this file system has no shared memory for a write-ahead log"
                );
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
                    Some(format!(
                        "the journal mode stays {mode:?}, and must be \"wal\""
                    )),
                ));
            }
            Err(fault) if is_busy(&fault) && busy::pause(since) => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// Makes the folder and the file, for their owner alone: specs hold environment values. SQLite
/// gives its log and its index the mode of the file.
fn make_file(path: &Path) -> StoreResult<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(folder)
            .map_err(|fault| error::not_writable(path, fault))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
            if path.is_dir() {
                return Err(StoreError::BadAddress(format!(
                    "{} is a folder; name a file in it, such as {}",
                    path.display(),
                    path.join("longshore.db").display()
                )));
            }
            Ok(())
        }
        Err(fault) => Err(error::not_writable(path, fault)),
    }
}
