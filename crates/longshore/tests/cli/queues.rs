//! `longshore queue`: made, changed, limited and paused.

use super::support::Home;

#[test]
fn queues_are_made_limited_paused_and_resumed() {
    let home = Home::new();
    assert_eq!(
        home.ok(&[
            "queue",
            "create",
            "night",
            "--executor",
            "process",
            "--max-concurrent",
            "2"
        ]),
        "night: process, at most 2 at once\n"
    );
    assert_eq!(
        home.ok(&["queue", "limit", "night", "3"]),
        "night: process, at most 3 at once\n"
    );
    assert_eq!(
        home.ok(&["queue", "limit", "night", "none"]),
        "night: process, no limit\n"
    );
    assert_eq!(
        home.ok(&["queue", "pause", "night"]),
        "night: process, no limit, paused\n"
    );
    assert_eq!(home.json(&["queue", "show", "night"])["paused"], true);
    assert_eq!(
        home.ok(&["queue", "resume", "night"]),
        "night: process, no limit\n"
    );
    let again = home.run(&["queue", "create", "night"]);
    assert_eq!(again.code, 1, "{}", again.report());
}

#[test]
fn what_a_queue_asks_of_its_hosts_is_set_and_taken_away() {
    let home = Home::new();
    let create = ["queue", "create", "gpu", "--host-label", "gpu=a100"];
    assert_eq!(
        home.ok(&create),
        "gpu: process, no limit, on hosts with gpu=a100\n"
    );
    let set = ["queue", "set", "gpu", "--host-label", "zone=eu"];
    assert_eq!(
        home.ok(&[
            &set[..],
            &["--host-label", "gpu-"],
            &["--max-concurrent", "2"]
        ]
        .concat()),
        "gpu: process, at most 2 at once, on hosts with zone=eu\n"
    );
    assert_eq!(
        home.json(&["queue", "show", "gpu"])["host_selector"],
        serde_json::json!({"zone": "eu"})
    );
    let nothing = home.run(&["queue", "set", "gpu"]);
    assert_eq!(nothing.code, 2, "{}", nothing.report());
    let none = home.run(&["queue", "create", "new", "--host-label", "gpu-"]);
    assert_eq!(none.code, 2, "{}", none.report());
}

#[test]
fn the_time_after_which_a_queues_jobs_age_is_set_shown_and_taken_away() {
    let home = Home::new();
    assert_eq!(
        home.ok(&["queue", "create", "slow", "--ageing", "1h"]),
        "slow: process, no limit, ageing every 1h\n"
    );
    assert_eq!(
        home.ok(&["queue", "set", "slow", "--ageing", "90s"]),
        "slow: process, no limit, ageing every 1m30s\n"
    );
    let shown = home.ok(&["queue", "show", "slow"]);
    assert!(shown.contains("1m30s"), "{shown}");
    assert_eq!(
        home.ok(&["queue", "limit", "slow", "2"]),
        "slow: process, at most 2 at once, ageing every 1m30s\n"
    );
    for (time, exit) in [("0s", 2), ("367d", 2), ("soon", 2)] {
        let refused = home.run(&["queue", "set", "slow", "--ageing", time]);
        assert_eq!(refused.code, exit, "{time}: {}", refused.report());
        assert!(
            refused.stderr.contains("--ageing"),
            "{time}: {}",
            refused.report()
        );
    }
    let unmade = home.run(&["queue", "create", "never", "--ageing", "0s"]);
    assert_eq!(unmade.code, 2, "{}", unmade.report());
    assert_eq!(
        home.run(&["queue", "show", "never"]).code,
        1,
        "it was not made"
    );
    assert_eq!(
        home.ok(&["queue", "set", "slow", "--ageing", "none"]),
        "slow: process, at most 2 at once\n"
    );
}

#[test]
fn a_worker_lets_the_jobs_of_a_queue_age() {
    let home = Home::new();
    home.ok(&[
        "queue",
        "create",
        "slow",
        "--ageing",
        "1s",
        "--max-concurrent",
        "0",
    ]);
    let low = home.submit(&["--queue", "slow", "--priority", "20", "--", "true"]);
    let worker = ["worker", "--queue", "slow", "--poll-interval", "50ms"];
    let worker = home.spawn(&worker);
    let file = rusqlite::Connection::open(home.database()).expect("the file is there");
    let lane = "SELECT lane FROM ready";
    super::support::wait_until("it has moved up", || {
        let lane: i64 = file
            .query_row(lane, [], |row| row.get(0))
            .expect("it waits");
        lane < 2 * (100 - 20) + 1
    });
    assert_eq!(
        home.json(&["show", &low])["priority"],
        20,
        "its own priority stays"
    );
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}

#[test]
fn a_running_worker_heeds_what_a_queue_asks_of_its_hosts() {
    let home = Home::new();
    let worker = ["worker", "--queue", "local", "--poll-interval", "50ms"];
    let beat = ["--heartbeat", "500ms", "--lease-ttl", "2s"];
    let worker = home.spawn(&[&worker[..], &beat].concat());
    let done = home.submit(&["--", "true"]);
    home.wait_for_state(&done, "completed");
    home.ok(&["queue", "set", "local", "--host-label", "zone=eu"]);
    // Until its next heartbeat it may still take some.
    let mut held = String::new();
    super::support::wait_until("a job is left waiting", || {
        held = home.submit(&["--", "true"]);
        home.run(&["wait", &held, "--timeout", "1s"]).code == 124
    });
    assert_eq!(
        home.json(&["show", &held])["why_waiting"]["why"],
        "no_host_fits"
    );
    let shown = home.ok(&["show", &held]);
    assert!(
        shown.contains("queue local asks for hosts with zone=eu, and no worker has one"),
        "{shown}"
    );
    let host = home.json(&["hosts", "list"])[0]["name"].clone();
    let host = host.as_str().expect("a host has a name");
    home.ok(&["hosts", "label", host, "zone=eu"]);
    home.wait_for_state(&held, "completed");
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}

#[test]
fn a_queue_that_is_made_later_is_served_unless_others_were_named() {
    let home = Home::new();
    let beat = [
        "--poll-interval",
        "50ms",
        "--heartbeat",
        "500ms",
        "--lease-ttl",
        "2s",
    ];
    let all = home.spawn(&[&["worker"][..], &beat].concat());
    let done = home.submit(&["--", "true"]);
    home.wait_for_state(&done, "completed");
    home.ok(&["queue", "create", "night"]);
    let job = home.submit(&["--queue", "night", "--", "true"]);
    home.wait_for_state(&job, "completed");
    all.signal("TERM");
    assert_eq!(all.finish().code, 0);
    let named = home.spawn(&[&["worker", "--queue", "local"][..], &beat].concat());
    home.ok(&["queue", "create", "day"]);
    let left = home.submit(&["--queue", "day", "--", "true"]);
    let waited = home.run(&["wait", &left, "--timeout", "2s"]);
    assert_eq!(waited.code, 124, "{}", waited.report());
    assert_eq!(
        home.json(&["show", &left])["why_waiting"]["why"],
        "no_worker"
    );
    named.signal("TERM");
    assert_eq!(named.finish().code, 0);
}
