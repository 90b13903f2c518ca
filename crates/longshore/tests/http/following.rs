//! A job's output as it comes: each event once, whoever leaves and comes again.

use std::time::Duration;

use longshore_core::disposition::Disposition;
use longshore_core::output::{KeptOutput, Stream};
use longshore_core::state::TerminalState;
use longshore_core::store::{LeaseKey, OutputAppend};
use longshore_testkit::store::scene::Scene as Work;
use longshore_testkit::store::seed::Seed;
use serde_json::{Value, json};

use crate::events::{Event, Events};
use crate::scene::{Same, Scene};

fn output_of(job: &str) -> String {
    format!("/api/v1/jobs/{job}/output/events")
}

async fn write(
    work: &Work,
    lease: LeaseKey,
    seq: i32,
    stream: Stream,
    position: u64,
    bytes: &[u8],
) {
    let append = OutputAppend {
        lease,
        seq,
        output: KeptOutput {
            stream,
            position,
            bytes: bytes.to_vec(),
        },
        resume: None,
    };
    work.store.append_output(&[append]).await.expect("stored");
}

/// What an event says, without when it was stored.
fn said(event: &Event) -> Value {
    let mut data = event.data.clone();
    if let Some(data) = data.as_object_mut() {
        data.remove("at");
    }
    data
}

fn text(attempt: i32, stream: &str, position: u64, text: &str) -> Value {
    json!({"event": "output", "attempt": attempt, "stream": stream, "position": position,
        "text": text, "base64": null})
}

/// A job with three attempts, a gap, and bytes that are no text; and all that is to be told of it.
async fn three_attempts(work: &Work) -> (String, Vec<Value>) {
    let first = work.running(Seed::job()).await;
    write(work, first, 1, Stream::Stdout, 0, b"one\n").await;
    write(work, first, 2, Stream::Stderr, 0, b"oh\n").await;
    write(work, first, 3, Stream::Stdout, 100, b"late\n").await;
    work.end(first, Disposition::Lost).await;
    let second = work.acquire_one().await.key;
    work.start(second).await;
    write(work, second, 1, Stream::Stdout, 0, b"two \xff").await;
    work.end(second, Disposition::Lost).await;
    let third = work.acquire_one().await.key;
    work.start(third).await;
    work.settle(third, TerminalState::Failed).await;
    let told = vec![
        json!({"event": "attempt", "attempt": 1}),
        text(1, "stdout", 0, "one\n"),
        text(1, "stderr", 0, "oh\n"),
        json!({"event": "gap", "attempt": 1, "stream": "stdout", "position": 4, "bytes": 96}),
        text(1, "stdout", 100, "late\n"),
        json!({"event": "attempt", "attempt": 2}),
        json!({"event": "output", "attempt": 2, "stream": "stdout", "position": 0, "text": null,
            "base64": "dHdvIP8="}),
        json!({"event": "attempt", "attempt": 3}),
        json!({"event": "end", "state": "failed"}),
    ];
    (first.job.to_string(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_after_any_event_is_told_what_follows_it_and_nothing_twice() {
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    let (job, told) = three_attempts(&work).await;
    let whole = Events::open(&scene, &output_of(&job), None)
        .await
        .rest()
        .await;
    assert_eq!(whole.iter().map(said).collect::<Vec<_>>(), told);
    for (seen, event) in whole.iter().enumerate() {
        assert_eq!(event.name, event.data["event"]);
        if event.name == "end" {
            let path = format!("/api/v1/jobs/{job}/output/events?after={}", event.id);
            assert_eq!(scene.get(&path).await.status, 204);
            continue;
        }
        let rest = Events::open(&scene, &output_of(&job), Some(&event.id))
            .await
            .rest()
            .await;
        assert_eq!(rest, whole[seen + 1..], "after {event:?}");
    }
    for id in ["x", "1.2.3", "0.0.0.0.0"] {
        let path = format!("/api/v1/jobs/{job}/output/events?after={id}");
        assert_eq!(scene.get(&path).await.code(), "bad_request", "{id}");
    }
    assert_eq!(
        scene.get("/api/v1/jobs/999/output/events").await.code(),
        "unknown_job"
    );
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_that_come_at_different_times_are_each_told_everything_once_as_it_comes() {
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    let lease = work.running(Seed::job()).await;
    let job = lease.job.to_string();
    let mut expected = vec![json!({"event": "attempt", "attempt": 1})];
    let mut listeners = Vec::new();
    for seq in 0..20_u64 {
        if seq % 4 == 0 {
            let mut events = Events::open(&scene, &output_of(&job), None).await;
            let mut seen = Vec::new();
            // It has caught up, and is told by the feed from now on.
            while seen.len() < expected.len() {
                seen.push(said(&events.next().await.expect("an event")));
            }
            assert_eq!(seen, expected);
            listeners.push(events);
        }
        let line = format!("line {seq:02}\n");
        write(
            &work,
            lease,
            i32::try_from(seq).expect("few") + 1,
            Stream::Stdout,
            seq * 8,
            line.as_bytes(),
        )
        .await;
        expected.push(text(1, "stdout", seq * 8, &line));
        for events in &mut listeners {
            let event = events.next().await.expect("an event");
            assert_eq!(said(&event), expected[expected.len() - 1]);
        }
    }
    work.settle(lease, TerminalState::Completed).await;
    for events in listeners {
        let rest: Vec<Value> = events.rest().await.iter().map(said).collect();
        assert_eq!(rest, [json!({"event": "end", "state": "completed"})]);
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_is_followed_until_it_has_ended_and_a_server_that_stops_ends_its_streams()
{
    let scene = Scene::open().await;
    let work = Work::open(&Same::of(&scene)).await;
    let waiting = work.submit(Seed::job()).await.to_string();
    let mut events = Events::open(&scene, &output_of(&waiting), None).await;
    let cancelled = scene
        .post(&format!("/api/v1/jobs/{waiting}/cancel"), &json!({}))
        .await;
    assert_eq!(cancelled.status, 200);
    let end = events.next().await.expect("an event");
    assert_eq!(end.data, json!({"event": "end", "state": "cancelled"}));
    assert_eq!(events.next().await, None);
    let other = work.submit(Seed::job()).await.to_string();
    let followed = Events::open(&scene, &output_of(&other), None).await;
    let begun = std::time::Instant::now();
    scene.served.stop().await;
    assert_eq!(followed.rest().await, []);
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "nobody waits for a stream to end by itself"
    );
    scene.close().await;
}
