//! Breaches of the tables' own rules, as sentences. There are no foreign keys on the hot tables;
//! this is where what they would hold is checked.

use crate::error::Outcome;
use crate::sql;
use crate::tx::Tx;

/// Each statement returns sentences, and bounds them.
const QUESTIONS: [&str; 7] = [
    sql!("audit_places"),
    sql!("audit_orphans"),
    sql!("audit_attempts"),
    sql!("audit_leases"),
    sql!("audit_settled"),
    sql!("audit_counters"),
    sql!("audit_queues"),
];

pub(super) fn breaches(tx: &Tx<'_>) -> Outcome<Vec<String>> {
    let mut breaches = Vec::new();
    for question in QUESTIONS {
        breaches.extend(tx.all(question, [], |row| row.get::<_, String>(0))?);
    }
    Ok(breaches)
}
