//! The file's name, and which file it was given to.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use longshore_core::InstanceId;
use longshore_core::store::{Finding, NUMBERS_LEFT_OUT, Renewed, Severity, StoreResult};
use rusqlite::{Connection, named_params};

use crate::error::Outcome;
use crate::rows::count;
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;

impl SqliteStore {
    /// Gives the file a new name, or with `keep` notes that its name is at home here: for a copy, and
    /// for one whose original is gone, whose numbers it goes on behind. A new name not while it is in use:
    /// workers remember the name, and containers bear it. Leases of a copy are no use of it: their
    /// containers are the original's, and bear its name.
    pub async fn renew_instance(&self, keep: bool) -> StoreResult<Renewed> {
        let path = self.engine.path().to_owned();
        let renew = move |tx: &Tx<'_>| renew(tx, &path, keep);
        self.engine
            .write("renew the instance", News::No, renew)
            .await
    }
}

fn renew(tx: &Tx<'_>, path: &Path, keep: bool) -> Outcome<Renewed> {
    let params = named_params! { ":now": tx.now };
    let (leases, workers): (i64, i64) = tx.one(sql!("renew_instance_users"), params, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let is_in_use = workers > 0 || (leases > 0 && !bears_anothers_name(tx, path)?);
    if !keep && is_in_use {
        let (leases, workers) = (count(leases), count(workers));
        return Ok(Renewed::InUse { leases, workers });
    }
    if keep {
        let params = named_params! { ":gap": NUMBERS_LEFT_OUT };
        tx.execute_one(sql!("renew_instance_numbers"), params)?;
        for table in ["webhook", "delivery"] {
            let params = named_params! { ":table": table, ":gap": NUMBERS_LEFT_OUT };
            if tx.execute(sql!("renew_instance_table"), params)? == 0 {
                let params = named_params! { ":table": table, ":last": NUMBERS_LEFT_OUT };
                tx.execute_one(sql!("import_counters_begin"), params)?;
            }
        }
    } else {
        tx.execute(sql!("renew_instance_webhooks"), [])?;
    }
    let (home, path) = home_of(path);
    let params = named_params! { ":home": home, ":path": path, ":fresh": !keep };
    let id = tx.one(sql!("renew_instance"), params, |row| row.get(0))?;
    Ok(Renewed::To(InstanceId(id)))
}

/// Notes which file this is, unless that is known. Part of migrating it.
pub(crate) fn settle(connection: &Connection) -> Outcome<()> {
    let Some(path) = connection.path().filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let (home, path) = home_of(Path::new(path));
    let params = named_params! { ":home": home, ":path": path };
    connection.execute(sql!("instance_settle"), params)?;
    Ok(())
}

/// Whether the name was given to another file.
pub(crate) fn bears_anothers_name(tx: &Tx<'_>, path: &Path) -> Outcome<bool> {
    let home: Option<String> = tx.one(sql!("diagnose_home"), [], |row| row.get("home"))?;
    let (here, _) = home_of(path);
    Ok(home.zip(here).is_some_and(|(home, here)| home != here))
}

/// Whether this is the file that was given the name.
pub(crate) fn diagnose(tx: &Tx<'_>, path: &Path) -> Outcome<Finding> {
    let (id, home, was_at): (String, Option<String>, Option<String>) =
        tx.one(sql!("diagnose_home"), [], |row| {
            Ok((row.get("id")?, row.get("home")?, row.get("path")?))
        })?;
    let finding = |severity, seen, advice: &str| Finding {
        severity,
        subject: "instance".to_owned(),
        seen,
        advice: advice.to_owned(),
    };
    let (here, _) = home_of(path);
    let was_at = was_at.unwrap_or_default();
    Ok(match (home, here) {
        (Some(home), Some(here)) if home != here => {
            let original = identity(Path::new(&was_at)).is_some_and(|there| there == home);
            if original {
                let seen = format!(
                    "{id} is the name of {was_at}, which is still there: this is a copy of it"
                );
                let advice = "if both are used, each takes the other's containers for its own: stop its \
                              workers, then `longshore migrate --new-instance`";
                finding(Severity::Problem, seen, advice)
            } else {
                let seen = format!(
                    "{id} is the name of a file that was at {was_at} and is not there any more: this is \
                     a copy of it, such as a backup that was restored"
                );
                let advice = "if the other is gone for good, `longshore migrate --keep-instance`; if it is \
                              used elsewhere, `longshore migrate --new-instance` with no worker running";
                finding(Severity::Warning, seen, advice)
            }
        }
        _ => finding(Severity::Ok, id, ""),
    })
}

/// Which file this is, as far as that can be told, and where.
fn home_of(path: &Path) -> (Option<String>, String) {
    let whole = path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    (identity(path), whole.display().to_string())
}

/// A file by its number on its disk and its time of birth, which a move within the disk keeps and a
/// copy does not. Without the disk's own number, which may be another after a boot.
fn identity(path: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        let found = std::fs::metadata(path).ok()?;
        let born = found.created().ok();
        let born = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let inode = std::os::unix::fs::MetadataExt::ino(&found);
        Some(format!(
            "{inode}/{}",
            born.map_or(0, |born| born.as_micros())
        ))
    }
    #[cfg(not(unix))]
    {
        let _ = (path, UNIX_EPOCH);
        None
    }
}
