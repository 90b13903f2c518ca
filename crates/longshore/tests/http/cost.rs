//! What listeners cost the database: no more than one of them does.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::apart::Apart;
use crate::events::Events;

const MANY: usize = 200;
const ROUNDS: u32 = 20;
/// How often a server looks without a hint.
const LOOK: Duration = Duration::from_millis(500);

/// How often the server has asked its database so.
async fn asked(server: &Apart, verb: &str) -> u64 {
    const CALLS: &str = "longshore_database_call_duration_seconds_count";
    let scrape = server.request(Method::GET, "/metrics").send().await;
    let text = scrape.expect("an answer").text().await.expect("text");
    let begin = format!("{CALLS}{{verb=\"{verb}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&begin));
    line.map_or(0, |count| count.parse().expect("a number"))
}

/// So many listen to the changes, and as many to what a job that waits will write, while others are submitted
/// one by one, each told to all before the next. How often the database was asked for changes and for output
/// meanwhile, and how long it took.
async fn listen(server: &Apart, listeners: usize) -> ([u64; 2], Duration) {
    const VERBS: [&str; 2] = ["changes", "read_output"];
    let submit = async || {
        let job = server.request(Method::POST, "/api/v1/jobs");
        let job = job.json(&json!({"image": "a"})).send().await;
        let job = job.expect("an answer").json::<Value>().await;
        job.expect("JSON")["job"].clone()
    };
    let waiting = format!("/api/v1/jobs/{}/output/events", submit().await);
    let (mut of_changes, mut of_output) = (Vec::new(), Vec::new());
    for _ in 0..listeners {
        let changes = server.request(Method::GET, "/api/v1/changes/events");
        let mut changes = Events::of(changes, None).await;
        assert_eq!(changes.next().await.expect("an event").name, "begin");
        of_changes.push(changes);
        of_output.push(Events::of(server.request(Method::GET, &waiting), None).await);
    }
    let asked = async || [asked(server, VERBS[0]).await, asked(server, VERBS[1]).await];
    let (before, begun) = (asked().await, Instant::now());
    for _ in 0..ROUNDS {
        let job = submit().await;
        for event in join_all(of_changes.iter_mut().map(Events::next)).await {
            assert_eq!(event.expect("an event").data["changes"][0]["job"], job);
        }
    }
    let (after, took) = (asked().await, begun.elapsed());
    ([after[0] - before[0], after[1] - before[1]], took)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_listeners_ask_the_database_no_more_than_one() {
    let server = Apart::start(Duration::from_mins(10));
    let (one, took_one) = listen(&server, 1).await;
    let (many, took) = listen(&server, MANY).await;
    println!(
        "{ROUNDS} changes: the database was asked for changes and for output {one:?} times in {took_one:.1?} \
         for one listener of each, {many:?} times in {took:.1?} for {MANY}"
    );
    assert!(one[0] >= u64::from(ROUNDS), "each change is read: {one:?}");
    assert!(one[1] > 0, "output is looked for: {one:?}");
    // Longer waits are more looks; each listener by itself would look some four thousand times.
    let looks = u64::try_from(took.as_millis().div_ceil(LOOK.as_millis())).expect("few");
    for (one, many) in one.into_iter().zip(many) {
        assert!(
            many <= 2 * (one + looks),
            "{many} in {took:?}, {one} for one"
        );
    }
}
