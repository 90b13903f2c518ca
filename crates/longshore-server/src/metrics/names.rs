//! Every metric of a server: the list, as that of `longshore-queue`.

use longshore_core::metric::{Metric, Unit};

/// Requests: from what needs no database to what waits for a busy one.
const REQUESTS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

pub const HTTP_REQUESTS: Metric = Metric::counter(
    "longshore_http_requests_total",
    &["method", "route", "status"],
    "Requests that were answered, by method, route as `/docs` writes it (`none`: no such path) and class of \
     status (`2xx`, …)",
);
pub const HTTP_DURATION: Metric = Metric::durations(
    "longshore_http_request_duration_seconds",
    REQUESTS,
    &["method", "route"],
    "From a request's head to that of its answer",
);
pub const HTTP_EVENT_STREAMS: Metric = Metric::gauge(
    "longshore_http_event_streams",
    &[],
    "Streams of events that are open",
);
pub const DATABASE_UP: Metric = Metric::gauge(
    "longshore_database_up",
    &[],
    "1 if the database answered this scrape; 0 if not: then what is of the tables is absent",
);
pub const QUEUE_DEPTH: Metric = Metric::gauge(
    "longshore_queue_depth",
    &["queue"],
    "Jobs that wait, due or not; counting stops at 100,000, as with every number of jobs here",
);
pub const QUEUE_JOBS: Metric = Metric::gauge(
    "longshore_queue_jobs",
    &["queue", "state"],
    "Jobs by what they do: `due` (may start now), `later` (put off, or to be retried), `launching`, `running`",
);
pub const QUEUE_OLDEST: Metric = Metric::gauge(
    "longshore_queue_oldest_waiting_age_seconds",
    &["queue"],
    "How long the first of the jobs that may start now has waited, at most: since it was submitted or came due or, \
     when it has run before, since its last attempt ended; 0 when none waits",
)
.of(Unit::Seconds);
pub const QUEUE_LIMIT: Metric = Metric::gauge(
    "longshore_queue_limit",
    &["queue"],
    "The most jobs at once; absent where there is no limit",
);
pub const QUEUE_PAUSED: Metric = Metric::gauge(
    "longshore_queue_paused",
    &["queue"],
    "1 if nothing is acquired from it, else 0",
);
pub const QUEUE_WORKERS: Metric = Metric::gauge(
    "longshore_queue_workers",
    &["queue"],
    "Workers that serve it, alive and not draining",
);
pub const WORKERS: Metric = Metric::gauge(
    "longshore_workers",
    &["state"],
    "Workers that did not say goodbye: `alive`, `draining`, or `silent` (their lease is over)",
);
pub const HOSTS: Metric = Metric::gauge(
    "longshore_hosts",
    &["executor", "state"],
    "Hosts: `reachable`, `unreachable` (the worker that looked last did not reach it), `unseen` (no worker has \
     looked for a minute), `disabled`, or `forgotten`",
);

/// What the process counts.
pub const OF_PROCESS: &[Metric] = &[HTTP_REQUESTS, HTTP_DURATION, HTTP_EVENT_STREAMS];

/// What is read from the tables, at a scrape.
pub const OF_TABLES: &[Metric] = &[
    DATABASE_UP,
    QUEUE_DEPTH,
    QUEUE_JOBS,
    QUEUE_OLDEST,
    QUEUE_LIMIT,
    QUEUE_PAUSED,
    QUEUE_WORKERS,
    WORKERS,
    HOSTS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_follows_the_habits() {
        for metric in OF_PROCESS.iter().chain(OF_TABLES) {
            assert_eq!(metric.fault(), None, "{}", metric.name);
        }
    }
}
