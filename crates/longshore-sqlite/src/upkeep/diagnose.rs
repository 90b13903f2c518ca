//! What `doctor` sees of this file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longshore_core::spec::format_duration;
use longshore_core::store::{Finding, Severity};
use rusqlite::named_params;

use crate::error::Outcome;
use crate::rows::Micros;
use crate::tx::Tx;
use crate::{instance, migrate, sql};

/// A log larger than this says that some reader keeps it from being checkpointed.
const LARGE_LOG_BYTES: u64 = 256 * 1024 * 1024;

/// Some of the jobs whose leases nobody tends to are named, not all.
const NAMED_JOBS: usize = 10;

pub(super) fn look(tx: &Tx<'_>, path: &Path) -> Outcome<Vec<Finding>> {
    let mut findings = vec![
        file(path),
        schema(tx)?,
        journal(tx)?,
        log(path),
        integrity(tx)?,
        clock(tx)?,
        instance::diagnose(tx, path)?,
        stranded(tx)?,
    ];
    findings.extend(closed(tx)?);
    Ok(findings)
}

/// Whether a transfer closed it.
fn closed(tx: &Tx<'_>) -> Outcome<Option<Finding>> {
    let why: Option<String> = tx.maybe(sql!("closed_to_jobs"), [], |row| row.get(0))?;
    Ok(why.map(|why| Finding {
        severity: Severity::Warning,
        subject: "closed".to_owned(),
        seen: "no job can be submitted, moved or run here".to_owned(),
        advice: why,
    }))
}

fn ok(subject: &str, seen: impl Into<String>) -> Finding {
    let (subject, seen) = (subject.to_owned(), seen.into());
    Finding {
        severity: Severity::Ok,
        subject,
        seen,
        advice: String::new(),
    }
}

fn file(path: &Path) -> Finding {
    let seen = format!(
        "{}, {}, SQLite {}",
        path.display(),
        size(path),
        rusqlite::version()
    );
    let finding = ok("database file", seen);
    #[cfg(unix)]
    if let Ok(found) = std::fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0
    {
        return Finding {
            severity: Severity::Warning,
            seen: format!("{}; others than its owner may open it", finding.seen),
            advice: format!(
                "jobs' environment values are in it: `chmod 600 {}` unless it is shared on purpose",
                path.display()
            ),
            ..finding
        };
    }
    finding
}

fn schema(tx: &Tx<'_>) -> Outcome<Finding> {
    let found = migrate::found(tx.connection())?;
    let newest = migrate::newest();
    let finding = ok("schema", format!("version {found}"));
    if found == newest {
        return Ok(finding);
    }
    Ok(Finding {
        severity: Severity::Problem,
        seen: format!("version {found}, this binary knows {newest}"),
        advice: "use one version of longshore for one database".to_owned(),
        ..finding
    })
}

fn journal(tx: &Tx<'_>) -> Outcome<Finding> {
    let mode: String = tx
        .connection()
        .pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let finding = ok("journal mode", mode.as_str());
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(finding);
    }
    Ok(Finding {
        severity: Severity::Problem,
        advice: "something switched the write-ahead log off: stop it, and open the file again"
            .to_owned(),
        ..finding
    })
}

fn log(path: &Path) -> Finding {
    let log = PathBuf::from(format!("{}-wal", path.display()));
    let finding = ok("write-ahead log", size(&log));
    let bytes = std::fs::metadata(&log).map_or(0, |found| found.len());
    if bytes <= LARGE_LOG_BYTES {
        return finding;
    }
    let who = others_with(path);
    let who = if who.is_empty() {
        "look for a backup or a shell that has this file open".to_owned()
    } else {
        format!("these have the file open: {}", who.join(", "))
    };
    Finding {
        severity: Severity::Warning,
        advice: format!("a long read keeps it from being cut back: {who}; end the one that reads"),
        ..finding
    }
}

/// Other processes that have the file open, as far as this one may know: SQLite itself does not tell who
/// reads. Nothing where there is no /proc.
fn others_with(path: &Path) -> Vec<String> {
    /// Nobody reads a longer list.
    const NAMED: usize = 10;
    let Ok(whole) = path.canonicalize() else {
        return Vec::new();
    };
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let others = processes.filter_map(|process| {
        let pid = process.file_name().into_string().ok()?;
        if pid == own || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut opened = std::fs::read_dir(process.path().join("fd")).ok()?.flatten();
        opened.find(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == whole))?;
        let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        Some(format!("{} (process {pid})", name.trim()))
    });
    others.take(NAMED).collect()
}

fn integrity(tx: &Tx<'_>) -> Outcome<Finding> {
    let complaints = tx.all(sql!("diagnose_quick_check"), [], |row| {
        row.get::<_, String>(0)
    })?;
    let finding = ok("integrity", "quick check passed");
    if complaints == ["ok"] {
        return Ok(finding);
    }
    Ok(Finding {
        severity: Severity::Problem,
        seen: complaints.join("; "),
        advice: "the file is damaged: stop every worker, copy it aside, and restore a backup"
            .to_owned(),
        ..finding
    })
}

/// The database's clock is this machine's: one that was set back shows in what it wrote before.
fn clock(tx: &Tx<'_>) -> Outcome<Finding> {
    let newest = tx.maybe(sql!("diagnose_newest_times"), [], |row| {
        Ok((row.get::<_, String>("what")?, row.get::<_, Micros>("at")?))
    })?;
    let finding = ok("clock", format!("{:.0}, this machine's", tx.now.time()));
    match newest {
        Some((what, newest)) if newest > tx.now => Ok(Finding {
            severity: Severity::Warning,
            seen: format!("{}; but {what} at {:.0}", finding.seen, newest.time()),
            advice: "the clock was set back, or another one wrote that: set it by NTP; until it is past \
                     that time, jobs that are due by the earlier clock wait for it, and workers that \
                     died count as alive"
                .to_owned(),
            ..finding
        }),
        Some(_) | None => Ok(finding),
    }
}

/// A lease that nobody tends to.
struct Stranded {
    job: i64,
    queue: String,
    is_limited: bool,
    worker: Option<String>,
    host: Option<String>,
    heard_at: Option<Micros>,
}

/// Leases that nobody tends to. Says the same as on PostgreSQL.
fn stranded(tx: &Tx<'_>) -> Outcome<Finding> {
    let params = named_params! { ":now": tx.now };
    let leases = tx.all(sql!("diagnose_stranded_leases"), params, |row| {
        Ok(Stranded {
            job: row.get("job_id")?,
            queue: row.get("queue")?,
            is_limited: row.get("is_limited")?,
            worker: row.get("worker")?,
            host: row.get("host")?,
            heard_at: row.get("heartbeat_at")?,
        })
    })?;
    if leases.is_empty() {
        return Ok(ok("leases", "every lease has a live worker"));
    }
    let named = leases.iter().take(NAMED_JOBS);
    let jobs: Vec<String> = named.map(|lease| lease.job.to_string()).collect();
    let more = if leases.len() > NAMED_JOBS {
        ", …"
    } else {
        ""
    };
    let slots = leases.iter().filter(|lease| lease.is_limited).count();
    let heard_at = leases.iter().filter_map(|lease| lease.heard_at).min();
    let seen = format!(
        "{} leases whose worker is stopped or silent: jobs {}{more} in {}, with {slots} slots of limited \
         queues; workers: {}; on hosts: {}; last heard of {}",
        leases.len(),
        jobs.join(", "),
        listed(leases.iter().map(|lease| Some(lease.queue.as_str()))),
        listed(leases.iter().map(|lease| lease.worker.as_deref())),
        listed(leases.iter().map(|lease| lease.host.as_deref())),
        heard_at.map_or("never".to_owned(), |at| ago(tx.now, at)),
    );
    Ok(Finding {
        severity: Severity::Warning,
        advice: "a live worker that reaches these hosts takes them over: start one there; a worker that \
                 was only cut off goes on with them"
            .to_owned(),
        ..ok("leases", seen)
    })
}

/// Names, each once.
fn listed<'n>(names: impl Iterator<Item = Option<&'n str>>) -> String {
    let names: BTreeSet<&str> = names.flatten().collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn ago(now: Micros, at: Micros) -> String {
    let micros = u64::try_from(now.0.saturating_sub(at.0)).unwrap_or(0);
    let seconds = Duration::from_secs(micros / 1_000_000);
    format!("{} ago", format_duration(seconds))
}

fn size(path: &Path) -> String {
    match std::fs::metadata(path) {
        Ok(found) => longshore_core::spec::format_bytes(found.len()),
        Err(_) => "none".to_owned(),
    }
}
