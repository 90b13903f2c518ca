//! Every metric of a process that works or calls a store: the list.
//!
//! `docs/metrics.md` shows it, and a test holds the two together. A metric that is not in [`ALL`] is in
//! no scrape.

use longshore_core::metric::{Metric, Unit};

/// Calls of a database: from half a millisecond, which is a read of a file, to a server that hangs.
const CALLS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Calls of an engine: a process starts within milliseconds, a stop takes its grace, a pull minutes.
const ENGINE: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 1800.0,
];
/// Launches: the calls of the database and the engine, room that is waited for, and pulls.
const LAUNCH: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
];
/// Attempts: from what ends at once to a day.
const RUN: &[f64] = &[
    0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0, 43200.0,
    86400.0,
];

pub const BUILD_INFO: Metric = Metric::gauge(
    "longshore_build_info",
    &["version"],
    "Always 1; the label says which version runs",
);
pub const START_TIME: Metric = Metric::gauge(
    "longshore_process_start_time_seconds",
    &[],
    "When the process began, in seconds since 1970 by this machine's clock",
)
.of(Unit::Seconds);
pub const ACQUISITIONS: Metric = Metric::counter(
    "longshore_acquisitions_total",
    &["queue"],
    "Attempts that this process acquired; those taken over from another worker are not among them",
);
pub const LAUNCHES: Metric = Metric::counter(
    "longshore_launches_total",
    &["queue", "executor", "outcome"],
    "Launches that came to an end, by how: `started`, `failed`, `cancelled`, `handed_back` (a drain, or \
     no host takes it), `let_go` (the lease was lost) or `unsure`",
);
pub const LAUNCH_DURATION: Metric = Metric::durations(
    "longshore_launch_duration_seconds",
    LAUNCH,
    &["queue", "executor"],
    "From when a job's task began here to when its program ran: room that was waited for and pulls included",
);
pub const ATTEMPTS_ENDED: Metric = Metric::counter(
    "longshore_attempts_ended_total",
    &["queue", "outcome"],
    "Attempts whose end this process stored, by the outcome that is recorded",
);
pub const ATTEMPT_DURATION: Metric = Metric::durations(
    "longshore_attempt_duration_seconds",
    RUN,
    &["queue"],
    "How long the containers of ended attempts ran, under earlier workers too",
);
pub const RETRIES: Metric = Metric::counter(
    "longshore_retries_total",
    &["queue", "class"],
    "Attempts that another one follows after a delay, by why: the class of the error (`transient`, \
     `unknown`; `permanent` is never retried), or `exit_code` for codes that the job's spec names",
);
pub const TAKE_OVERS: Metric = Metric::counter(
    "longshore_take_overs_total",
    &["outcome"],
    "Leases that this process took over from other workers, by what came of them: `continued` (its container \
     is watched on), `begun_anew` (nothing had been started), `lost` (host or container are gone), \
     `launch_failed`, `cancelled`, `handed_back`, `let_go` (lost in turn) or `unsure`",
);
pub const LEASES_RECONCILED: Metric = Metric::counter(
    "longshore_leases_reconciled_total",
    &[],
    "Leases that a lost reply had left unknown to this process, given back",
);
pub const STALE_WRITES: Metric = Metric::counter(
    "longshore_stale_writes_refused_total",
    &["verb"],
    "Writes of this process that the store refused because the lease was another's by then",
);
pub const HEARTBEATS: Metric = Metric::counter(
    "longshore_heartbeats_total",
    &["outcome"],
    "Heartbeats that this process sent: `answered`, `failed` (no answer) or `fenced` (others took over)",
);
pub const OUTPUT_BYTES: Metric = Metric::counter(
    "longshore_output_bytes_total",
    &["stream"],
    "Output of jobs that this process stored",
)
.of(Unit::Bytes);
pub const OUTPUT_OMITTED: Metric = Metric::counter(
    "longshore_output_omitted_bytes_total",
    &["stream"],
    "Output of ended attempts that the cap left out",
)
.of(Unit::Bytes);
pub const JOBS_LIVE: Metric = Metric::gauge(
    "longshore_worker_jobs_live",
    &[],
    "Attempts that this process answers for: launching, running, or being stored",
);
pub const SLOTS: Metric = Metric::gauge(
    "longshore_worker_slots",
    &[],
    "The most jobs at once in this process",
);
pub const DATABASE_CALLS: Metric = Metric::durations(
    "longshore_database_call_duration_seconds",
    CALLS,
    &["verb"],
    "Calls of the store, each try for itself, failed ones included",
);
pub const DATABASE_FAILURES: Metric = Metric::counter(
    "longshore_database_failures_total",
    &["verb", "kind"],
    "Calls of the store that failed: `contended` (most of these are repeated), `unavailable`, `cannot_write`, \
     `schema`, `unexpected`, or `refused` (what was asked for is not allowed, or not there)",
);
pub const CONTENTION: Metric = Metric::counter(
    "longshore_database_contention_total",
    &["kind"],
    "Calls that collided with another transaction and were rolled back, by kind: `deadlock`, \
     `serialization_failure`, `lock_timeout`, `busy`; repeated within the caller's time",
);
pub const ENGINE_CALLS: Metric = Metric::durations(
    "longshore_engine_call_duration_seconds",
    ENGINE,
    &["executor", "operation"],
    "Calls of an executor, failed ones included; `stop` takes the job's grace, `prepare` pulls images",
);
pub const ENGINE_FAILURES: Metric = Metric::counter(
    "longshore_engine_failures_total",
    &["executor", "operation", "class"],
    "Calls of an executor that failed, by the class of the error",
);

/// Every metric of this crate.
pub const ALL: &[Metric] = &[
    BUILD_INFO,
    START_TIME,
    ACQUISITIONS,
    LAUNCHES,
    LAUNCH_DURATION,
    ATTEMPTS_ENDED,
    ATTEMPT_DURATION,
    RETRIES,
    TAKE_OVERS,
    LEASES_RECONCILED,
    STALE_WRITES,
    HEARTBEATS,
    OUTPUT_BYTES,
    OUTPUT_OMITTED,
    JOBS_LIVE,
    SLOTS,
    DATABASE_CALLS,
    DATABASE_FAILURES,
    CONTENTION,
    ENGINE_CALLS,
    ENGINE_FAILURES,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_follows_the_habits_and_is_there_once() {
        let mut names: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
        for metric in ALL {
            assert_eq!(metric.fault(), None, "{}", metric.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
