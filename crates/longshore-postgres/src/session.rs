//! What every session is told, and whether it heard.
//!
//! Sessions are told by startup options. A transaction pooler drops these (or refuses them): there the
//! role must say the same, or nothing is found, and no deadline exists. So whoever begins to work with
//! a database asks first, and is refused with the statements that mend it.

use longshore_core::store::{StoreError, StoreResult};
use tokio_postgres::{Client, Row};

use crate::Options;
use crate::error;
use crate::rows::column;

/// Settings without which nothing is right, and what else is told for good measure.
const NEEDED: usize = 5;

/// What sessions are told, name and value; the first [`NEEDED`] are checked.
fn settings(options: &Options) -> [(&'static str, String); 8] {
    let millis = |duration: std::time::Duration| format!("{}ms", duration.as_millis());
    [
        ("search_path", "longshore, pg_temp".to_owned()),
        ("default_transaction_isolation", "read committed".to_owned()),
        ("lock_timeout", millis(options.lock_timeout)),
        ("statement_timeout", millis(options.statement_timeout)),
        (
            "idle_in_transaction_session_timeout",
            millis(options.statement_timeout * 2),
        ),
        // Whatever the server's default: what is acknowledged must outlive a crash.
        ("synchronous_commit", "on".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("jit", "off".to_owned()),
    ]
}

/// The startup options of a session.
pub(crate) fn startup_options(options: &Options) -> String {
    settings(options)
        .map(|(name, value)| format!("-c {name}={}", value.replace(' ', "\\ ")))
        .join(" ")
}

/// Refuses a session that does not know what it needs to. Says whether its startup options told it:
/// then no transaction pooler is in between, for those drop them.
pub(crate) async fn check(verb: &'static str, client: &Client) -> StoreResult<bool> {
    let row = client
        .query_one(include_str!("../sql/session.sql"), &[])
        .await
        .map_err(|e| error::of_driver(verb, e))?;
    match unheard(verb, &row)? {
        None => column(verb, &row, "is_told_at_start"),
        Some(Unheard { seen, advice }) => Err(StoreError::BadAddress(format!(
            "{verb}: this session was not told what longshore tells it, as behind a transaction \
             pooler: {seen}; {advice}"
        ))),
    }
}

/// What a session was not told.
pub(crate) struct Unheard {
    /// Settings and the values that they have instead.
    pub seen: String,
    /// What to do.
    pub advice: String,
}

/// What the session of this row (of `session.sql`) was not told; none if it knows everything.
pub(crate) fn unheard(verb: &'static str, row: &Row) -> StoreResult<Option<Unheard>> {
    let (mut seen, mut statements) = (Vec::new(), Vec::new());
    let role: &str = column(verb, row, "role")?;
    for (name, wanted) in settings(&Options::default()).into_iter().take(NEEDED) {
        let value: &str = column(verb, row, name)?;
        if !serves(name, value) {
            seen.push(format!("{name} is {value}"));
            let quote = if name == "search_path" { "" } else { "'" };
            statements.push(format!(
                "ALTER ROLE {role} SET {name} = {quote}{wanted}{quote};"
            ));
        }
    }
    Ok((!seen.is_empty()).then(|| Unheard {
        seen: seen.join(", "),
        advice: format!(
            "let the role say it, and the pooler connect anew: {}",
            statements.join(" ")
        ),
    }))
}

/// Whether a value will do. Any deadline is one; none is not.
fn serves(name: &str, value: &str) -> bool {
    match name {
        "search_path" => {
            let first = value.split(',').next().unwrap_or_default();
            first.trim().trim_matches('"') == "longshore"
        }
        "default_transaction_isolation" => value == "read committed",
        _ => value != "0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn startup_options_escape_the_spaces_within_values() {
        let options = startup_options(&Options::default());
        assert!(
            options.starts_with("-c search_path=longshore,\\ pg_temp "),
            "{options}"
        );
        assert!(
            options.contains("-c default_transaction_isolation=read\\ committed "),
            "{options}"
        );
        assert!(
            options.contains("-c statement_timeout=30000ms "),
            "{options}"
        );
    }

    #[test]
    fn a_path_serves_if_it_begins_with_the_schema_and_a_deadline_if_there_is_one() {
        for path in ["longshore", "longshore, pg_temp", "\"longshore\",public"] {
            assert!(serves("search_path", path), "{path}");
        }
        for path in [
            "",
            "public",
            "\"$user\", public",
            "public, longshore",
            "longshore_old",
        ] {
            assert!(!serves("search_path", path), "{path}");
        }
        assert!(serves("lock_timeout", "1min") && !serves("lock_timeout", "0"));
    }
}
