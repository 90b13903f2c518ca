//! What `doctor` sees of the server: settings that break a promise, and what slows everything down.

use std::time::{Duration, Instant, SystemTime};

use longshore_core::spec::format_duration;
use longshore_core::store::{Finding, Severity, StoreResult};
use tokio_postgres::Row;

use crate::db::Db;
use crate::pooler::{self, Between};
use crate::rows::column;
use crate::session::{self, Unheard};
use crate::timestamps::{At, parameter};
use crate::{holders, instance};

const VERB: &str = "diagnose";

/// Clocks further apart than this puzzle people; nothing of ours depends on them.
const CLOCKS_APART_SECONDS: f64 = 5.0;
/// Written times further ahead than this say that the clock was set back.
const SET_BACK_SECONDS: f64 = 1.0;

/// Looks at the server; at what has been going on for long as if it were `later` than it is.
pub(crate) async fn diagnose(db: &Db, later: Duration) -> StoreResult<Vec<Finding>> {
    let asked = Instant::now();
    let row = db
        .one(VERB, include_str!("../sql/diagnose.sql"), &[])
        .await?;
    let At(server_now) = column(VERB, &row, "now")?;
    let difference = clock_difference(parameter(server_now), SystemTime::now());
    let held = holders::look(VERB, db, later).await?;
    let mut findings = vec![
        ok(
            "server",
            format!("PostgreSQL {}", column::<&str>(VERB, &row, "version")?),
        ),
        ok(
            "schema",
            // Whoever connected would have been refused with another one.
            format!("version {}", crate::migrate::newest_version()),
        ),
        told(db).await?,
        pooler(db).await?,
        clocks(difference, asked.elapsed().as_secs_f64()),
        set_back(db).await?,
        instance::diagnose(VERB, db).await?,
        holders::of_writers(&held),
        connections(&row)?,
        chunks(&row)?,
        stranded(db).await?,
    ];
    findings.extend(holders::of_vacuum(&held));
    findings.extend(settings(&row)?);
    findings.extend(closed(db).await?);
    Ok(findings)
}

/// Whether a transfer closed it.
async fn closed(db: &Db) -> StoreResult<Option<Finding>> {
    let sql = include_str!("../sql/closed_to_jobs.sql");
    let Some(row) = db.maybe(VERB, sql, &[]).await? else {
        return Ok(None);
    };
    let why: &str = column(VERB, &row, "why")?;
    let seen = "no job can be submitted, moved or run here".to_owned();
    Ok(Some(warn("closed", seen, why)))
}

fn ok(subject: &str, seen: String) -> Finding {
    Finding {
        severity: Severity::Ok,
        subject: subject.to_owned(),
        seen,
        advice: String::new(),
    }
}

fn warn(subject: &str, seen: String, advice: &str) -> Finding {
    let severity = Severity::Warning;
    Finding {
        severity,
        subject: subject.to_owned(),
        seen,
        advice: advice.to_owned(),
    }
}

/// Settings that must be on, and what breaks without.
fn settings(row: &Row) -> StoreResult<Vec<Finding>> {
    const SETTINGS: [(&str, &str); 4] = [
        (
            "synchronous_commit",
            "acknowledged jobs can be lost in a crash: set it to on",
        ),
        (
            "fsync",
            "a power cut can destroy the database: set it to on, except for tests",
        ),
        (
            "full_page_writes",
            "a power cut can damage pages: set it to on",
        ),
        (
            "autovacuum",
            "the hot tables bloat without it: set it to on",
        ),
    ];
    SETTINGS
        .iter()
        .map(|(name, advice)| {
            let value: &str = column(VERB, row, name)?;
            let seen = format!("{name} is {value}");
            Ok(if value == "off" {
                warn(name, seen, advice)
            } else {
                ok(name, seen)
            })
        })
        .collect()
}

/// Whether sessions are told what they need. Whoever connected was asked; but behind a pooler each
/// transaction may meet another session.
async fn told(db: &Db) -> StoreResult<Finding> {
    const SUBJECT: &str = "settings";
    let row = db
        .one(VERB, include_str!("../sql/session.sql"), &[])
        .await?;
    Ok(match session::unheard(VERB, &row)? {
        Some(Unheard { seen, advice }) => Finding {
            severity: Severity::Problem,
            ..warn(SUBJECT, seen, &advice)
        },
        None => ok(
            SUBJECT,
            "sessions have their search_path, isolation and deadlines".to_owned(),
        ),
    })
}

/// A pooler that gives every transaction another session loses notifications.
async fn pooler(db: &Db) -> StoreResult<Finding> {
    const SUBJECT: &str = "session";
    let client = db.client(VERB).await?;
    let between = pooler::look(VERB, db.server(), &client).await?;
    client.give_back();
    Ok(match between {
        Between::Nothing => ok(SUBJECT, "one connection is one server process".to_owned()),
        Between::Pooler { keeps_statements } => {
            let seen = "a transaction pooler hands server processes round".to_owned();
            if keeps_statements {
                let advice = "notifications do not arrive and jobs are found by polling";
                warn(SUBJECT, seen, advice)
            } else {
                let advice = pooler::mixes_statements(VERB).to_string();
                Finding {
                    severity: Severity::Problem,
                    ..warn(SUBJECT, seen, &advice)
                }
            }
        }
    })
}

/// Seconds by which the server's clock is ahead.
fn clock_difference(server: SystemTime, ours: SystemTime) -> f64 {
    match server.duration_since(ours) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    }
}

fn clocks(difference: f64, asking_took: f64) -> Finding {
    let seen = format!("the server's clock is {difference:+.1} s from this machine's");
    if difference.abs() > CLOCKS_APART_SECONDS + asking_took {
        return warn(
            "clock",
            seen,
            "times are the server's; set both clocks by NTP",
        );
    }
    ok("clock", seen)
}

/// A clock that was set back shows in what was written by it before.
async fn set_back(db: &Db) -> StoreResult<Finding> {
    const SUBJECT: &str = "clock jumps";
    let sql = include_str!("../sql/diagnose_newest_times.sql");
    if let Some(row) = db.maybe(VERB, sql, &[]).await? {
        let what: &str = column(VERB, &row, "what")?;
        let ahead: f64 = column(VERB, &row, "ahead_seconds")?;
        if ahead > SET_BACK_SECONDS {
            let seen = format!("{what} {ahead:.0} s from now, by the server's clock");
            let advice = "the clock was set back, or the server runs on another machine now: set it by \
                          NTP; until it is past that time, jobs that are due by the earlier clock wait \
                          for it, and workers that died count as alive";
            return Ok(warn(SUBJECT, seen, advice));
        }
    }
    Ok(ok(SUBJECT, "nothing was written after now".to_owned()))
}

fn connections(row: &Row) -> StoreResult<Finding> {
    let used: i64 = column(VERB, row, "connections")?;
    let most: i32 = column(VERB, row, "max_connections")?;
    let seen = format!("{used} of {most} connections are used");
    let advice = "raise max_connections, or give workers smaller pools";
    let is_tight = used * 10 > i64::from(most) * 9;
    Ok(if is_tight {
        warn("connections", seen, advice)
    } else {
        ok("connections", seen)
    })
}

fn chunks(row: &Row) -> StoreResult<Finding> {
    let unplaced: i64 = column(VERB, row, "unplaced_chunks")?;
    let seen = format!("{unplaced} parts of output outside a day's partition");
    let advice = "no worker has tended the storage for days; one that runs will put them right";
    Ok(if unplaced > 0 {
        warn("output", seen, advice)
    } else {
        ok("output", seen)
    })
}

/// Jobs that nobody tends to, and slots that nobody gives back.
async fn stranded(db: &Db) -> StoreResult<Finding> {
    const SUBJECT: &str = "leases";
    let sql = include_str!("../sql/diagnose_stranded_leases.sql");
    let row = db.one(VERB, sql, &[]).await?;
    let leases: i64 = column(VERB, &row, "leases")?;
    if leases == 0 {
        return Ok(ok(SUBJECT, "every lease has a live worker".to_owned()));
    }
    let jobs: Vec<i64> = column(VERB, &row, "jobs")?;
    let queues: Vec<String> = column(VERB, &row, "queues")?;
    let slots: i64 = column(VERB, &row, "slots")?;
    let workers: Vec<String> = column(VERB, &row, "workers")?;
    let hosts: Vec<String> = column(VERB, &row, "hosts")?;
    let silent: Option<f64> = column(VERB, &row, "silent_seconds")?;
    let more = if leases > 10 { ", …" } else { "" };
    let jobs: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    let heard = silent.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    let seen = format!(
        "{leases} leases whose worker is stopped or silent: jobs {}{more} in {}, with {slots} slots \
         of limited queues; workers: {}; on hosts: {}; last heard of {}",
        jobs.join(", "),
        queues.join(", "),
        listed(&workers),
        listed(&hosts),
        heard.map_or("never".to_owned(), |ago| format!(
            "{} ago",
            format_duration(Duration::from_secs(ago.as_secs()))
        )),
    );
    let advice = "a live worker that reaches these hosts takes them over: start one there; a worker \
                  that was only cut off goes on with them";
    Ok(warn(SUBJECT, seen, advice))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}
