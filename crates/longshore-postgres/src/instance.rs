//! The database's name, and where it is at home.

use longshore_core::InstanceId;
use longshore_core::store::{Finding, NUMBERS_LEFT_OUT, Renewed, Severity, StoreResult};

use crate::PostgresStore;
use crate::db::Db;
use crate::rows::{column, converted};

impl PostgresStore {
    /// Gives the database a new name, or with `keep` notes that its name is at home here: for a copy,
    /// and for one whose original is gone, whose numbers it goes on behind. A new name not while it is in
    /// use: workers remember the name, and containers bear it.
    pub async fn renew_instance(&self, keep: bool) -> StoreResult<Renewed> {
        const VERB: &str = "renew the instance";
        if keep {
            // First: from the moment that it is at home here workers may serve it.
            let sql = include_str!("../sql/renew_instance_numbers.sql");
            self.db.one(VERB, sql, &[&NUMBERS_LEFT_OUT]).await?;
        }
        let sql = include_str!("../sql/renew_instance.sql");
        let row = self.db.one(VERB, sql, &[&!keep]).await?;
        let id: Option<String> = column(VERB, &row, "id")?;
        Ok(match id {
            Some(id) => Renewed::To(InstanceId(id)),
            None => Renewed::InUse {
                leases: converted::<i64, u64>(VERB, &row, "leases")?,
                workers: converted::<i64, u64>(VERB, &row, "workers")?,
            },
        })
    }
}

/// Whether the name was given to another database.
pub(crate) async fn bears_anothers_name(db: &Db) -> StoreResult<bool> {
    const VERB: &str = "look where the database is at home";
    let sql = include_str!("../sql/diagnose_home.sql");
    let row = db.one(VERB, sql, &[]).await?;
    let home: Option<&str> = column(VERB, &row, "home")?;
    let here: &str = column(VERB, &row, "here")?;
    Ok(home.is_some_and(|home| home != here))
}

/// Whether this is the database that was given the name.
pub(crate) async fn diagnose(verb: &'static str, db: &Db) -> StoreResult<Finding> {
    let row = db
        .one(verb, include_str!("../sql/diagnose_home.sql"), &[])
        .await?;
    let id: &str = column(verb, &row, "id")?;
    let home: Option<&str> = column(verb, &row, "home")?;
    let here: &str = column(verb, &row, "here")?;
    let finding = |severity, seen, advice: &str| Finding {
        severity,
        subject: "instance".to_owned(),
        seen,
        advice: advice.to_owned(),
    };
    Ok(match home {
        Some(home) if home != here => finding(
            Severity::Warning,
            format!(
                "{id} is the name of another database (server and number {home}; this one is {here}): \
                 this is a copy of it, or was restored from a dump"
            ),
            "no worker serves it like that, for each would take the other's containers for its own: \
             `longshore migrate --new-instance` if both are used, `longshore migrate --keep-instance` if \
             this one takes the other's place",
        ),
        Some(_) | None => finding(Severity::Ok, id.to_owned(), ""),
    })
}
