//! Who keeps vacuum from cleaning up, in words that say what to do about each.

use std::time::Duration;

use longshore_core::spec::format_duration;
use longshore_core::store::{Finding, Severity, StoreResult};
use tokio_postgres::Row;

use crate::db::Db;
use crate::rows::column;

/// A snapshot, or a transaction that writes, which is open for longer than this is worth a word.
const LONG: Duration = Duration::from_mins(1);
/// So many transactions behind, a slot is not one that merely follows.
const FAR_BEHIND: i64 = 1_000_000;
/// Of those who hold vacuum back, the worst are named.
const NAMED: usize = 3;

/// Somebody behind whom nothing is cleaned up.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    kind: Kind,
    pid: Option<i32>,
    name: String,
    role: Option<String>,
    client: Option<String>,
    /// How long it has done so; of a slot nobody knows.
    held: Option<Duration>,
    /// Transactions since.
    behind: i64,
    writes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// In a transaction, and waiting for its program.
    Idle,
    /// At work.
    Session,
    Prepared,
    Slot,
}

/// Looks for them; as if it were `later` than it is, for tests of what patience does.
pub(crate) async fn look(verb: &'static str, db: &Db, later: Duration) -> StoreResult<Vec<Holder>> {
    let sql = include_str!("../sql/diagnose_holders.sql");
    let rows = db.rows(verb, sql, &[]).await?;
    rows.iter().map(|row| holder(verb, row, later)).collect()
}

fn holder(verb: &'static str, row: &Row, later: Duration) -> StoreResult<Holder> {
    let seconds: Option<f64> = column(verb, row, "seconds")?;
    let held = seconds.map(|seconds| {
        Duration::try_from_secs_f64(seconds.max(0.0))
            .unwrap_or(Duration::MAX)
            .saturating_add(later)
    });
    let behind: Option<i64> = column(verb, row, "behind")?;
    Ok(Holder {
        kind: match column::<&str>(verb, row, "kind")? {
            "idle" => Kind::Idle,
            "prepared" => Kind::Prepared,
            "slot" => Kind::Slot,
            _ => Kind::Session,
        },
        pid: column(verb, row, "pid")?,
        name: column(verb, row, "name")?,
        role: column(verb, row, "role")?,
        client: column(verb, row, "client")?,
        held,
        behind: behind.unwrap_or(0),
        writes: column(verb, row, "writes")?,
    })
}

/// What holds vacuum back, worst first.
pub(crate) fn of_vacuum(holders: &[Holder]) -> Vec<Finding> {
    let long = holders.iter().filter(|holder| holder.is_long());
    let findings: Vec<Finding> = long.take(NAMED).map(Holder::finding).collect();
    if !findings.is_empty() {
        return findings;
    }
    let seen = "nothing has held it back for long".to_owned();
    vec![finding(Severity::Ok, "vacuum", seen, String::new())]
}

/// A transaction that writes and stays open: jobs that it submits may be overtaken (promise S7).
pub(crate) fn of_writers(holders: &[Holder]) -> Finding {
    let long = holders
        .iter()
        .filter(|holder| holder.writes && holder.is_long());
    match long.max_by_key(|holder| holder.held) {
        Some(oldest) => finding(
            Severity::Warning,
            "writers",
            oldest.seen(),
            format!(
                "jobs submitted in a transaction that stays open may be overtaken: {}",
                oldest.advice()
            ),
        ),
        None => {
            let seen = "no transaction that writes has been open for long".to_owned();
            finding(Severity::Ok, "writers", seen, String::new())
        }
    }
}

fn finding(severity: Severity, subject: &str, seen: String, advice: String) -> Finding {
    Finding {
        severity,
        subject: subject.to_owned(),
        seen,
        advice,
    }
}

impl Holder {
    fn is_long(&self) -> bool {
        self.held
            .map_or(self.behind > FAR_BEHIND, |held| held > LONG)
    }

    fn finding(&self) -> Finding {
        let seen = format!(
            "{}; dead rows since then stay, and everything slows down",
            self.seen()
        );
        finding(Severity::Warning, "vacuum", seen, self.advice())
    }

    fn seen(&self) -> String {
        let since = match self.held {
            Some(held) => format!(
                "for {}",
                format_duration(Duration::from_secs(held.as_secs()))
            ),
            None => "since nobody knows when".to_owned(),
        };
        let behind = format!("{} transactions behind", self.behind);
        let name = &self.name;
        match self.kind {
            Kind::Idle => format!(
                "{} has been idle in a transaction {since}, {behind}",
                self.who()
            ),
            Kind::Session => format!(
                "{} has been in one transaction {since}, {behind}",
                self.who()
            ),
            Kind::Prepared => {
                format!(
                    "the prepared transaction {name:?} has waited for its end {since}, {behind}"
                )
            }
            Kind::Slot => {
                let reader = if self.pid.is_some() {
                    "is read, but"
                } else {
                    "is not read, and"
                };
                format!("the replication slot {name:?} {reader} is {behind}")
            }
        }
    }

    fn who(&self) -> String {
        let pid = self.pid.unwrap_or_default();
        let name = if self.name.is_empty() {
            "without a name"
        } else {
            &self.name
        };
        let role = self.role.as_deref().unwrap_or("an unknown role");
        match &self.client {
            Some(client) => format!("session {pid} ({name}, {role} from {client})"),
            None => format!("session {pid} ({name}, {role})"),
        }
    }

    fn advice(&self) -> String {
        let pid = self.pid.unwrap_or_default();
        let quoted = self.name.replace('\'', "''");
        match self.kind {
            Kind::Idle => format!(
                "its program left it open: end it there, or `SELECT pg_terminate_backend({pid})`; the \
                 server's idle_in_transaction_session_timeout ends such by itself"
            ),
            Kind::Session => format!(
                "let it come to its end if it is a backup or a long query, or `SELECT \
                 pg_cancel_backend({pid})`"
            ),
            Kind::Prepared => format!(
                "whoever coordinates it has forgotten it: `ROLLBACK PREPARED '{quoted}'`, or `COMMIT \
                 PREPARED '{quoted}'`, whichever the others did"
            ),
            Kind::Slot => format!(
                "start what reads it, or, if nothing does any more, `SELECT \
                 pg_drop_replication_slot('{quoted}')`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(behind: i64) -> Holder {
        Holder {
            kind: Kind::Slot,
            pid: None,
            name: "standby_2".to_owned(),
            role: None,
            client: None,
            held: None,
            behind,
            writes: false,
        }
    }

    #[test]
    fn a_slot_that_nobody_reads_is_named_once_it_is_far_behind() {
        let near = of_vacuum(&[slot(FAR_BEHIND)]);
        assert_eq!(near.len(), 1);
        assert_eq!(near[0].severity, Severity::Ok);
        let far = of_vacuum(&[slot(FAR_BEHIND + 1)]);
        assert_eq!(far[0].severity, Severity::Warning);
        assert!(far[0].seen.contains("\"standby_2\" is not read"), "{far:?}");
        assert!(
            far[0]
                .advice
                .contains("pg_drop_replication_slot('standby_2')"),
            "{far:?}"
        );
    }

    #[test]
    fn no_more_than_the_worst_are_named() {
        let many = vec![slot(FAR_BEHIND * 2); NAMED + 4];
        assert_eq!(of_vacuum(&many).len(), NAMED);
    }
}
