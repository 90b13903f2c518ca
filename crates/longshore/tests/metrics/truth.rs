//! At rest, metrics equal the tables (promise S12): the counters of the worker what is recorded of its
//! attempts, the gauges of the server what `stats` and `queue list` say.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::Value;

use crate::scene::{Observed, eventually, jobs_of_every_kind, server, worker};
use crate::scrape::Scrape;
use crate::support::Home;

type Counts = BTreeMap<String, f64>;

/// What the tables say of attempts that have ended.
#[derive(Debug, PartialEq)]
struct Recorded {
    by_outcome: Counts,
    retries: Counts,
    output: Counts,
    omitted: Counts,
    run: f64,
    acquired: f64,
}

fn counts(tables: &Connection, sql: &str) -> Counts {
    let mut statement = tables.prepare(sql).expect("it prepares");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows = rows.expect("it runs").map(|row| row.expect("a row"));
    rows.filter(|(_, count)| *count != 0.0).collect()
}

impl Recorded {
    fn of(tables: &Connection) -> Self {
        let one = |sql| counts(tables, sql).remove("").unwrap_or(0.0);
        Self {
            by_outcome: counts(
                tables,
                "SELECT outcome, count(*) FROM attempt GROUP BY outcome",
            ),
            // Whatever another attempt follows, or is to follow, and was not given back.
            retries: counts(
                tables,
                "SELECT coalesce(error_class, 'exit_code'), count(*) FROM attempt
                 WHERE outcome IN ('exited', 'launch_failed') AND (job_id, attempt) NOT IN (
                    SELECT job_id, attempt FROM settled)
                 GROUP BY 1",
            ),
            output: counts(
                tables,
                "SELECT CASE stream WHEN 1 THEN 'stdout' ELSE 'stderr' END, sum(length(bytes))
                 FROM log_chunk GROUP BY stream",
            ),
            omitted: counts(
                tables,
                "SELECT 'stdout', coalesce(sum(omitted_stdout_bytes), 0) FROM attempt UNION ALL
                 SELECT 'stderr', coalesce(sum(omitted_stderr_bytes), 0) FROM attempt",
            ),
            run: one("SELECT '', count(*) FROM attempt WHERE started_at IS NOT NULL"),
            acquired: one(
                "SELECT '', (SELECT count(*) FROM attempt) + (SELECT count(*) FROM lease)",
            ),
        }
    }

    fn counted(scrape: &Scrape) -> Self {
        Self {
            by_outcome: scrape.by("longshore_attempts_ended_total", "outcome"),
            retries: scrape.by("longshore_retries_total", "class"),
            output: scrape.by("longshore_output_bytes_total", "stream"),
            omitted: scrape.by("longshore_output_omitted_bytes_total", "stream"),
            run: scrape.sum("longshore_attempt_duration_seconds_count", &[]),
            acquired: scrape.sum("longshore_acquisitions_total", &[]),
        }
    }
}

async fn equal(worker: &Observed, tables: &Connection) -> Recorded {
    eventually("the worker's counters equal the tables", async || {
        let before = Recorded::of(tables);
        let counted = Recorded::counted(&worker.scrape().await);
        // What moved meanwhile is compared again.
        let is_at_rest = before == Recorded::of(tables);
        if is_at_rest && before == counted {
            Ok(counted)
        } else {
            Err(format!("tables {before:#?}, counted {counted:#?}"))
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_kind_of_end_the_counters_of_the_worker_equal_the_tables() {
    let home = Home::new();
    jobs_of_every_kind(&home);
    let loud = home.submit(&["--", "sh", "-c", "head -c 20000000 /dev/zero"]);
    let cancelled = home.submit(&["--", "sleep", "300"]);
    let waiting = home.submit(&["--hold", "--", "true"]);
    home.ok(&["cancel", &waiting]);
    let args = ["--max-concurrent", "20", "--shutdown-timeout", "100ms"];
    let worker = worker(&home, &args);
    home.wait_for_state(&cancelled, "running");
    home.ok(&["cancel", &cancelled]);
    home.wait_for_state(&cancelled, "cancelled");
    home.wait_for_state(&loud, "completed");
    // One goes back at once when the worker drains; the other takes its grace, so that there is a
    // worker to be asked.
    let back = home.submit(&["--", "sleep", "300"]);
    let deaf = "trap '' TERM; echo deaf; while true; do sleep 1; done";
    let stays = home.submit(&["--stop-grace", "30s", "--", "sh", "-c", deaf]);
    for job in [&back, &stays] {
        home.wait_for_state(job, "running");
    }
    eventually("what the deaf one says is stored", async || {
        let said = home.ok(&["logs", &stays]);
        (said == "deaf\n").then_some(()).ok_or(said)
    })
    .await;
    let tables = Connection::open(home.database()).expect("the worker's file");
    let retried = "SELECT 'retried', count(*) FROM scheduled WHERE reason = 'retry'";
    eventually("retries are over", async || {
        let left = counts(&tables, retried);
        left.is_empty()
            .then_some(())
            .ok_or_else(|| format!("{left:?}"))
    })
    .await;
    worker.running.signal("TERM");
    home.wait_for_state(&back, "queued");

    let counted = equal(&worker, &tables).await;
    for (outcome, at_least) in [
        ("exited", 9.0),
        ("launch_failed", 1.0),
        ("cancelled", 1.0),
        ("handed_back", 1.0),
    ] {
        let count = counted.by_outcome.get(outcome).copied();
        assert!(count >= Some(at_least), "{outcome}: {counted:?}");
    }
    assert_eq!(counted.retries.get("exit_code"), Some(&2.0), "{counted:?}");
    assert!(
        counted.omitted.contains_key("stdout"),
        "the loud one is cut: {counted:?}"
    );
    assert!(counted.output.contains_key("stderr"), "{counted:?}");
    let live = worker.scrape().await.sum("longshore_worker_jobs_live", &[]);
    assert!((live - 1.0).abs() < f64::EPSILON, "the deaf one: {live}");
}

/// The gauges as `queue list` and `stats` say them.
fn gauges_by_stats(home: &Home) -> Counts {
    let queues = home.json(&["queue", "list"]);
    let queues = queues.as_array().expect("queues");
    let mut gauges = Counts::new();
    for queue in queues {
        let name = queue["name"].as_str().expect("a name");
        let number = |key: &str| {
            queue[key]
                .as_f64()
                .unwrap_or_else(|| panic!("{key}: {queue}"))
        };
        for (state, key) in [
            ("due", "ready_now"),
            ("later", "scheduled_future"),
            ("launching", "launching"),
            ("running", "running"),
        ] {
            gauges.insert(format!("jobs {name} {state}"), number(key));
        }
        gauges.insert(format!("depth {name}"), number("queue_depth"));
        gauges.insert(format!("workers {name}"), number("workers"));
        let paused = queue["paused"].as_bool().expect("a bool");
        gauges.insert(format!("paused {name}"), f64::from(u8::from(paused)));
        if let Some(limit) = queue["max_concurrent"].as_f64() {
            gauges.insert(format!("limit {name}"), limit);
        }
    }
    let stats = home.json(&["stats"]);
    let all = &stats["metrics"]["queue_depth"];
    gauges.insert(
        "depth".to_owned(),
        all.as_f64().unwrap_or_else(|| panic!("{stats}")),
    );
    gauges
}

/// The same as a scrape says them.
fn gauges_by_scrape(scrape: &Scrape) -> Counts {
    let mut gauges = Counts::new();
    let mut depth = 0.0;
    for sample in &scrape.samples {
        let label = |name: &str| sample.labels.get(name).cloned().unwrap_or_default();
        let queue = label("queue");
        let name = match sample.name.as_str() {
            "longshore_queue_jobs" => format!("jobs {queue} {}", label("state")),
            "longshore_queue_workers" => format!("workers {queue}"),
            "longshore_queue_paused" => format!("paused {queue}"),
            "longshore_queue_limit" => format!("limit {queue}"),
            "longshore_queue_depth" => {
                depth += sample.number;
                format!("depth {queue}")
            }
            _ => continue,
        };
        gauges.insert(name, sample.number);
    }
    gauges.insert("depth".to_owned(), depth);
    gauges
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gauges_of_the_server_equal_what_stats_says() {
    let home = Home::new();
    home.ok(&["queue", "create", "night", "--max-concurrent", "1"]);
    home.ok(&["queue", "create", "idle"]);
    home.ok(&["queue", "pause", "idle"]);
    for queue in ["night", "night", "night", "idle"] {
        home.submit(&["--queue", queue, "--", "sleep", "300"]);
    }
    home.submit(&["--queue", "night", "--hold", "--", "true"]);
    home.submit(&[
        "--queue",
        "night",
        "--at",
        "2999-01-01T00:00:00Z",
        "--",
        "true",
    ]);
    let server = server(&home);
    let worker = worker(&home, &["--queue", "night"]);
    let running = eventually("a job runs", async || {
        let gauges = gauges_by_stats(&home);
        let running = gauges["jobs night running"];
        (running > 0.0).then_some(gauges).ok_or_else(String::new)
    })
    .await;
    assert!((running["depth"] - 4.0).abs() < f64::EPSILON, "{running:?}");
    let equal = async || {
        eventually("the gauges equal the statistics", async || {
            let scrape = server.scrape().await;
            let (by_scrape, by_stats) = (gauges_by_scrape(&scrape), gauges_by_stats(&home));
            if by_scrape == by_stats {
                Ok(scrape)
            } else {
                Err(format!("scrape {by_scrape:#?}, stats {by_stats:#?}"))
            }
        })
        .await
    };
    let scrape = equal().await;
    assert!((scrape.sum("longshore_workers", &[("state", "alive")]) - 1.0).abs() < f64::EPSILON);
    let reachable = [("executor", "process"), ("state", "reachable")];
    assert!((scrape.sum("longshore_hosts", &reachable) - 1.0).abs() < f64::EPSILON);

    // How long the first has waited, by the same clock as the tables' times.
    let shown: Value = home.json(&["queue", "show", "night"]);
    let since = shown["oldest_waiting_at"].as_str().expect("a time");
    let since: longshore_core::Timestamp = since.parse().expect("a timestamp");
    let aged = async || {
        server.scrape().await.sum(
            "longshore_queue_oldest_waiting_age_seconds",
            &[("queue", "night")],
        )
    };
    let first = aged().await;
    assert!(first > 0.0 && first < 600.0, "{first} since {since}");
    eventually("the age grows", async || {
        let age = aged().await;
        (age > first).then_some(()).ok_or_else(|| age.to_string())
    })
    .await;
    let night = home.ok(&["queue", "show", "night"]);
    assert!(night.contains("oldest:"), "{night}");

    worker.running.signal("TERM");
    worker.running.signal("TERM");
    assert_eq!(worker.running.finish().code, 0);
    let scrape = equal().await;
    assert_eq!(
        scrape.by("longshore_workers", "state"),
        Counts::new(),
        "it said goodbye"
    );
}
