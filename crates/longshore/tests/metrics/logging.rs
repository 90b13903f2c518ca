//! Log lines carry the ids of what they are about.

use serde_json::Value;

use crate::scene::worker;
use crate::support::Home;

#[test]
fn a_json_line_of_an_attempt_carries_job_attempt_and_worker_ids_and_no_environment() {
    let home = Home::new();
    let args = ["--env", "SECRET=hush-hush", "--", "sleep", "300"];
    let job = home.submit(&args);
    let worker = worker(
        &home,
        &["--log-format", "json", "--shutdown-timeout", "10ms", "-v"],
    );
    home.wait_for_state(&job, "running");
    worker.running.signal("TERM");
    let log = worker.log.rest();
    assert!(!log.contains("hush-hush"), "{log}");
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    let of_attempts: Vec<Value> = lines
        .filter(|line| line["span"]["name"] == "attempt")
        .collect();
    let messages: Vec<_> = of_attempts.iter().map(|line| &line["message"]).collect();
    assert!(messages.contains(&&"its program runs".into()), "{log}");
    assert!(messages.contains(&&"its end is stored".into()), "{log}");
    for line in of_attempts {
        let span = &line["span"];
        assert_eq!(span["job.id"].to_string(), job, "{line}");
        assert_eq!(span["attempt"], 1, "{line}");
        assert!(
            span["worker.id"].as_i64().is_some_and(|id| id > 0),
            "{line}"
        );
        assert_eq!(
            (&span["queue"], &span["executor"]),
            (&"local".into(), &"process".into())
        );
        assert!(span["host"].is_string(), "{line}");
    }
}
