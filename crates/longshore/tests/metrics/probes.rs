//! Probes of a worker, and what a scrape of `up` brings.

use serde_json::Value;

use crate::scene::{eventually, server, worker};
use crate::support::{Home, Running};

async fn is_ready(worker: &crate::scene::Observed) -> Result<(), String> {
    let (status, body) = worker.get("/readyz").await;
    let health: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status == 200, health["ok"] == true, "{body}");
    let reasons = health["reasons"].as_array().expect("reasons");
    assert_eq!(status == 200, reasons.is_empty(), "{body}");
    if status == 200 { Ok(()) } else { Err(body) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_ready_once_it_is_registered_and_says_why_when_it_is_not() {
    let home = Home::new();
    let worker = worker(&home, &["--lease-ttl", "1s", "--heartbeat", "200ms"]);
    assert_eq!(worker.get("/healthz").await.0, 200);
    eventually("the worker is ready", async || is_ready(&worker).await).await;
    // Another holds the file's only write lock: no heartbeat gets through, though it can be read.
    let blocker = rusqlite::Connection::open(home.database()).expect("the worker's file");
    blocker.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let reasons = eventually("the worker is not ready", async || {
        is_ready(&worker).await.err().ok_or_else(String::new)
    })
    .await;
    assert!(
        reasons.contains("heartbeat: none was answered for 1s or more"),
        "{reasons}"
    );
    assert_eq!(worker.get("/healthz").await.0, 200, "it lives");
    eventually("a heartbeat is given up", async || {
        let scrape = worker.scrape().await;
        let failed = scrape.sum("longshore_heartbeats_total", &[("outcome", "failed")]);
        (failed > 0.0).then_some(()).ok_or_else(String::new)
    })
    .await;
    blocker.execute_batch("ROLLBACK").expect("unlocked");
    eventually("the worker is ready again", async || {
        is_ready(&worker).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_not_asked_to_serves_nothing_and_one_that_drains_still_does() {
    let home = Home::new();
    let job = home.submit(&["--", "sleep", "300"]);
    let plain = home.spawn(&["worker", "--queue", "local", "--max-concurrent", "1"]);
    home.wait_for_state(&job, "running");
    plain.signal("TERM");
    plain.signal("TERM");
    let said = plain.finish().stderr;
    assert!(!said.contains("metrics"), "{said}");

    let worker = worker(&home, &["--shutdown-timeout", "5m"]);
    home.wait_for_state(&job, "running");
    worker.running.signal("TERM");
    let mut log = worker.log;
    log.wait_for("draining");
    let address = format!("{}/readyz", worker.url);
    let (status, _) = crate::scene::get(&address).await;
    assert_eq!(status, 200, "what it runs is in its hands");
    worker.running.signal("TERM");
    assert_eq!(worker.running.finish().code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn up_shows_what_it_works_and_what_it_serves_at_one_address() {
    let home = Home::new();
    let job = home.submit(&["--", "echo", "hello"]);
    let mut running: Running = home.spawn(&["up", "--listen", "127.0.0.1:0"]);
    let mut log = running.stderr_lines();
    let line = log.wait_for("listens on ");
    let (_, url) = line.split_once("listens on ").expect("it was found");
    let up = crate::scene::Observed {
        url: url.trim().to_owned(),
        running,
        log,
    };
    home.wait_for_state(&job, "completed");
    let scrape = up.scrape().await;
    assert!(scrape.sum("longshore_acquisitions_total", &[("queue", "local")]) >= 1.0);
    assert!(scrape.sum("longshore_workers", &[("state", "alive")]) >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_of_a_server_whose_database_is_gone_answers_with_what_it_has() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    let server = server(&home);
    assert!(server.scrape().await.sum("longshore_database_up", &[]) > 0.0);
    // The file is what it was; what is read of it is not: its main table is gone.
    let other = rusqlite::Connection::open(home.database()).expect("the server's file");
    other
        .execute_batch("ALTER TABLE queue RENAME TO elsewhere")
        .expect("renamed");
    let scrape = eventually("the server sees it", async || {
        let scrape = server.scrape().await;
        let is_up = scrape.sum("longshore_database_up", &[]) > 0.0;
        (!is_up).then_some(scrape).ok_or_else(String::new)
    })
    .await;
    assert!(scrape.sum("longshore_build_info", &[]) > 0.0);
    assert!(!scrape.kinds.contains_key("longshore_queue_depth"));
    assert!(
        scrape.sum(
            "longshore_database_failures_total",
            &[("verb", "queue_stats")]
        ) > 0.0
    );
}
