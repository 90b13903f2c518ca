//! How a store is spoken to: no command has flags for it, so that its variables are read here.

use std::time::Duration;

use longshore_core::spec::parse_duration;

use super::Config;
use crate::exit::Refused;

/// Every variable that says how a store is spoken to.
pub const VARIABLES: [&str; 6] = [
    "LONGSHORE_POSTGRES_POOL_SIZE",
    "LONGSHORE_POSTGRES_APPLICATION_NAME",
    "LONGSHORE_POSTGRES_LOCK_TIMEOUT",
    "LONGSHORE_POSTGRES_STATEMENT_TIMEOUT",
    "LONGSHORE_SQLITE_BUSY_TIMEOUT",
    "LONGSHORE_SQLITE_READERS",
];

/// Variables go over the file.
pub(super) fn read_variables(config: &mut Config) -> Result<(), Refused> {
    let [pool_size, application_name, lock, statement, busy, readers] = VARIABLES;
    let postgres = &mut config.postgres;
    set(&mut postgres.pool_size, pool_size, number)?;
    set(&mut postgres.application_name, application_name, |text| {
        Ok(text.to_owned())
    })?;
    set(&mut postgres.lock_timeout, lock, duration)?;
    set(&mut postgres.statement_timeout, statement, duration)?;
    let sqlite = &mut config.sqlite;
    set(&mut sqlite.busy_timeout, busy, duration)?;
    set(&mut sqlite.readers, readers, number)
}

/// What no store can work with.
pub(super) fn check(config: &Config) -> Result<(), Refused> {
    let (postgres, sqlite) = (&config.postgres, &config.sqlite);
    let numbers = [
        ("postgres.pool_size", postgres.pool_size, 1..=1000),
        ("sqlite.readers", sqlite.readers, 1..=64),
    ];
    for (key, number, range) in numbers {
        if number.is_some_and(|number| !range.contains(&number)) {
            let (least, most) = (range.start(), range.end());
            return Err(Refused::usage(format!(
                "{key} must be from {least} to {most}"
            )));
        }
    }
    // A server takes 0 for no bound at all: a call could then wait for ever.
    let durations = [
        ("postgres.lock_timeout", postgres.lock_timeout),
        ("postgres.statement_timeout", postgres.statement_timeout),
        ("sqlite.busy_timeout", sqlite.busy_timeout),
    ];
    for (key, duration) in durations {
        if duration.is_some_and(|duration| duration < Duration::from_millis(1)) {
            return Err(Refused::usage(format!("{key} must be at least 1ms")));
        }
    }
    let name = postgres.application_name.as_deref().unwrap_or_default();
    if name.len() > 63 || name.contains(|c: char| c.is_control()) {
        let problem = "postgres.application_name has at most 63 bytes and no control characters";
        return Err(Refused::usage(problem));
    }
    Ok(())
}

fn set<T>(
    into: &mut Option<T>,
    variable: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<(), Refused> {
    let text = std::env::var(variable).unwrap_or_default();
    if text.is_empty() {
        return Ok(());
    }
    let value = read(&text);
    *into = Some(value.map_err(|problem| Refused::usage(format!("{variable}: {problem}")))?);
    Ok(())
}

fn number(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number"))
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}
