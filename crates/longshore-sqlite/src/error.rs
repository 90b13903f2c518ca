//! From what SQLite says to what a [`StoreError`] says: the one place that knows its codes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use longshore_core::store::{Contention, StoreError};
use rusqlite::{Error as SqliteError, ErrorCode, ffi};

/// The verb of errors that come up while a file is opened.
pub(crate) const OPEN: &str = "open";

/// What can go wrong within a transaction, before it is known which verb it belongs to.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite's word.
    Sqlite(SqliteError),
    /// The verb's own word.
    Refused(StoreError),
    /// A row that can't be what we wrote.
    Damaged(String),
}

/// What closures that run in a transaction return.
pub(crate) type Outcome<T> = Result<T, Fault>;

impl From<SqliteError> for Fault {
    fn from(fault: SqliteError) -> Self {
        Self::Sqlite(fault)
    }
}

impl From<StoreError> for Fault {
    fn from(refusal: StoreError) -> Self {
        Self::Refused(refusal)
    }
}

impl Fault {
    /// The fault of `verb`.
    pub(crate) fn of(self, verb: &'static str) -> StoreError {
        match self {
            Self::Sqlite(fault) => from_sqlite(verb, fault),
            Self::Refused(refusal) => refusal,
            Self::Damaged(what) => StoreError::unexpected(verb, what),
        }
    }
}

/// Runs a verb's work: a defect in one must not take a thread away from all the others.
pub(crate) fn defect_as_fault<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Fault::Damaged(
            "it panicked; the panic's message is on stderr".to_owned(),
        ))
    })
}

/// Whether another connection was in the way.
pub(crate) fn is_busy(fault: &SqliteError) -> bool {
    matches!(
        fault.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// The same fault once more, for everybody who shared the transaction that it ended.
pub(crate) fn again(fault: &SqliteError) -> SqliteError {
    match fault {
        SqliteError::SqliteFailure(code, text) => SqliteError::SqliteFailure(*code, text.clone()),
        other => {
            SqliteError::SqliteFailure(ffi::Error::new(ffi::SQLITE_ERROR), Some(other.to_string()))
        }
    }
}

/// The error of a verb that SQLite refused.
pub(crate) fn from_sqlite(verb: &'static str, fault: SqliteError) -> StoreError {
    let cannot_write = |problem: &str, fault: SqliteError| StoreError::CannotWrite {
        verb,
        problem: problem.to_owned(),
        source: fault.into(),
    };
    let busy = |fault: SqliteError| StoreError::Contended {
        verb,
        contention: Contention::Busy,
        source: fault.into(),
    };
    match fault.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => busy(fault),
        // Another verb of the same transaction ended it: this one can be repeated as it was.
        Some(ErrorCode::OperationAborted)
            if extended(&fault) == Some(ffi::SQLITE_ABORT_ROLLBACK) =>
        {
            busy(fault)
        }
        // Only the triggers of a closed file raise anything (`transfer.rs`).
        Some(ErrorCode::ConstraintViolation)
            if extended(&fault) == Some(ffi::SQLITE_CONSTRAINT_TRIGGER) =>
        {
            StoreError::Denied {
                verb,
                reason: match fault {
                    SqliteError::SqliteFailure(_, Some(why)) => why,
                    other => other.to_string(),
                },
            }
        }
        Some(ErrorCode::DiskFull) => cannot_write("the disk is full", fault),
        Some(ErrorCode::ReadOnly) if extended(&fault) == Some(ffi::SQLITE_READONLY_DBMOVED) => {
            StoreError::Unavailable {
                verb,
                source: fault.into(),
            }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            cannot_write("the file or its folder is read-only", fault)
        }
        // A write or a sync that failed may or may not have reached the disk.
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => StoreError::Unavailable {
            verb,
            source: fault.into(),
        },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::unexpected(
            verb,
            format!("the database file is damaged ({fault}): copy it aside and restore a backup"),
        ),
        _ => StoreError::unexpected(verb, fault),
    }
}

/// The error of opening `path`.
pub(crate) fn at_open(path: &Path, fault: SqliteError) -> StoreError {
    match fault.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::BadAddress(format!(
            "{} is not a SQLite database: name another file",
            path.display()
        )),
        Some(ErrorCode::CannotOpen) => StoreError::CannotWrite {
            verb: OPEN,
            problem: format!("SQLite can't open {} and its log beside it", path.display()),
            source: fault.into(),
        },
        _ => from_sqlite(OPEN, fault),
    }
}

/// The error of a file or folder that the operating system keeps us from writing.
pub(crate) fn not_writable(path: &Path, fault: io::Error) -> StoreError {
    let problem = match fault.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => format!("{}: {fault}", path.display()),
    };
    StoreError::CannotWrite {
        verb: OPEN,
        problem,
        source: fault.into(),
    }
}

fn extended(fault: &SqliteError) -> Option<i32> {
    fault.sqlite_error().map(|error| error.extended_code)
}
