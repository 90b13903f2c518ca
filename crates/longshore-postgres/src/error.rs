//! Driver errors → [`StoreError`], all of them here, by SQLSTATE and never by their text.

use deadpool_postgres::PoolError;
use longshore_core::store::{Contention, StoreError};
use tokio_postgres::Error;

use crate::{migrate, pooler};

/// What the driver's error means for the verb that met it.
pub(crate) fn of_driver(verb: &'static str, error: Error) -> StoreError {
    let seen = Seen::of(&error);
    seen.into_store_error(verb, Box::new(error))
}

/// What the error of a migration means: as that of the statement that met it.
pub(crate) fn of_migration(verb: &'static str, error: refinery::Error) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<Error>() {
            break;
        }
        cause = error.source();
    }
    let seen = match cause.and_then(<dyn std::error::Error>::downcast_ref) {
        Some(driver) => Seen::of(driver),
        None => Seen::unexpected(),
    };
    match seen.meaning {
        // In the midst of migrating it is a defect of the migration.
        Meaning::SchemaTooOld => Seen::unexpected(),
        Meaning::Contended(_)
        | Meaning::Unavailable
        | Meaning::CannotWrite
        | Meaning::NotAllowed
        | Meaning::Closed
        | Meaning::StatementsMixed
        | Meaning::Unexpected => seen,
    }
    .into_store_error(verb, Box::new(error))
}

/// What there is to see in a driver's error.
struct Seen {
    meaning: Meaning,
    /// What the server said.
    problem: String,
}

impl Seen {
    fn unexpected() -> Self {
        Self {
            meaning: Meaning::Unexpected,
            problem: String::new(),
        }
    }

    fn of(error: &Error) -> Self {
        let Some(server) = error.as_db_error() else {
            // No answer of the server: either the connection broke, or the client's own conversion.
            let broken = error.is_closed() || caused_by_io(error);
            return Self {
                meaning: if broken {
                    Meaning::Unavailable
                } else {
                    Meaning::Unexpected
                },
                problem: String::new(),
            };
        };
        Self {
            meaning: meaning(server.code().code()),
            problem: server.message().to_owned(),
        }
    }

    fn into_store_error(
        self,
        verb: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> StoreError {
        let problem = self.problem;
        match self.meaning {
            Meaning::Contended(contention) => StoreError::Contended {
                verb,
                contention,
                source,
            },
            Meaning::Unavailable => StoreError::Unavailable { verb, source },
            Meaning::CannotWrite => StoreError::CannotWrite {
                verb,
                problem,
                source,
            },
            Meaning::NotAllowed => StoreError::BadAddress(format!(
                "{verb}: the database's user may not do this: {problem}; use the role that migrated \
                 the database, or one that it granted its rights"
            )),
            Meaning::Closed => StoreError::Denied {
                verb,
                reason: problem,
            },
            // The tables are not those that this binary was made for; how old they are, nobody can
            // say.
            Meaning::SchemaTooOld => StoreError::SchemaTooOld {
                found: 0,
                needed: migrate::newest_version(),
            },
            Meaning::StatementsMixed => pooler::mixes_statements(verb),
            Meaning::Unexpected => StoreError::Unexpected { verb, source },
        }
    }
}

/// What went wrong before the verb had a connection.
pub(crate) fn of_pool(verb: &'static str, error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => of_connecting(verb, error),
        PoolError::Timeout(_) | PoolError::Closed => StoreError::Unavailable {
            verb,
            source: Box::new(error),
        },
        PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => StoreError::Unexpected {
            verb,
            source: Box::new(error),
        },
    }
}

/// What went wrong when connecting: whatever it was, there is no connection.
pub(crate) fn of_connecting(verb: &'static str, error: Error) -> StoreError {
    StoreError::Unavailable {
        verb,
        source: Box::new(error),
    }
}

/// What an SQLSTATE means for whoever called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    Contended(Contention),
    Unavailable,
    CannotWrite,
    NotAllowed,
    /// The database is closed: see `transfer.rs`.
    Closed,
    SchemaTooOld,
    /// A prepared statement is gone, or another's: see `pooler.rs`.
    StatementsMixed,
    Unexpected,
}

/// The codes are those of PostgreSQL's appendix A.
fn meaning(code: &str) -> Meaning {
    match code {
        "40P01" => Meaning::Contended(Contention::Deadlock),
        "40001" => Meaning::Contended(Contention::SerializationFailure),
        // 57014 is our own statement_timeout, or an administrator's cancel: rolled back whole.
        "55P03" | "57014" => Meaning::Contended(Contention::LockTimeout),
        // Shut down, crashed, not yet up, database dropped; too many connections; sessions ended
        // for idling.
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "53300" | "25P03" | "25P04" => {
            Meaning::Unavailable
        }
        // Disk full, out of memory, read-only (a standby), I/O error.
        "53100" | "53200" | "25006" | "58030" => Meaning::CannotWrite,
        // One that is not there, one that is there already.
        "26000" | "42P05" => Meaning::StatementsMixed,
        "42501" => Meaning::NotAllowed,
        // Our own: the function `refuse_closed`.
        "LS001" => Meaning::Closed,
        // Undefined table, column, function or schema.
        "42P01" | "42703" | "42883" | "3F000" => Meaning::SchemaTooOld,
        _ if code.starts_with("08") => Meaning::Unavailable,
        _ => Meaning::Unexpected,
    }
}

fn caused_by_io(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sqlstate_means_one_thing() {
        for (code, expected) in [
            ("40P01", Meaning::Contended(Contention::Deadlock)),
            (
                "40001",
                Meaning::Contended(Contention::SerializationFailure),
            ),
            ("55P03", Meaning::Contended(Contention::LockTimeout)),
            ("57P01", Meaning::Unavailable),
            ("57P03", Meaning::Unavailable),
            ("08006", Meaning::Unavailable),
            ("53300", Meaning::Unavailable),
            ("53100", Meaning::CannotWrite),
            ("53200", Meaning::CannotWrite),
            ("25006", Meaning::CannotWrite),
            ("26000", Meaning::StatementsMixed),
            ("42P05", Meaning::StatementsMixed),
            ("42501", Meaning::NotAllowed),
            ("42P01", Meaning::SchemaTooOld),
            ("LS001", Meaning::Closed),
            ("23505", Meaning::Unexpected),
        ] {
            assert_eq!(meaning(code), expected, "{code}");
        }
    }
}
