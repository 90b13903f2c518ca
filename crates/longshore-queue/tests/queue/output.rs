//! A container's output on its way into the store: batches, cap, back-pressure.

use std::time::Duration;

use longshore_core::output::{Checkpoint, ResumePoint, Stream};

use crate::support::{Fault, Scene, Script, in_time, unavailable, until};

const SECOND: Duration = Duration::from_secs(1);

fn writes(bytes: Vec<(Stream, Vec<u8>)>) -> Script {
    Script {
        writes: bytes
            .into_iter()
            .map(|(stream, bytes)| (Duration::ZERO, stream, bytes))
            .collect(),
        ..Script::runs_for(SECOND)
    }
}

#[tokio::test(start_paused = true)]
async fn small_writes_are_stored_together_and_streams_apart() {
    let scene = Scene::new();
    let letters = (b'a'..=b'z').map(|letter| (Stream::Stdout, vec![letter]));
    let mut all: Vec<_> = letters.collect();
    all.push((Stream::Stderr, b"oops".to_vec()));
    let job = scene.scripted(writes(all));
    scene.work().await;
    let stored = scene.store.output(job);
    let parts: Vec<_> = stored
        .iter()
        .map(|append| {
            (
                append.output.stream,
                append.output.position,
                append.output.bytes.clone(),
            )
        })
        .collect();
    assert_eq!(
        parts,
        [
            (Stream::Stdout, 0, (b'a'..=b'z').collect::<Vec<u8>>()),
            (Stream::Stderr, 0, b"oops".to_vec()),
        ]
    );
    assert_eq!(scene.store.lock().append_calls, 1);
    let resume = stored[1].resume.clone().expect("the executor names places");
    let checkpoint = Checkpoint::from_stored(Some(&resume));
    let at = Some(ResumePoint("26".to_owned()));
    assert_eq!(
        checkpoint,
        Checkpoint { seen: [26, 4], at },
        "behind the last piece that was pulled"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_stored_soon_while_the_job_runs_on() {
    let scene = Scene::new();
    let script = Script {
        writes: vec![(SECOND, Stream::Stdout, b"early".to_vec())],
        ..Script::runs_for(3000 * SECOND)
    };
    let job = scene.scripted(script);
    let worker = scene.start();
    until("the word is stored", || !scene.store.output(job).is_empty()).await;
    assert_eq!(scene.executor.live(), 1);
    scene.executor.end(job);
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_the_cap_head_and_tail_are_kept_and_the_rest_is_counted() {
    let mut scene = Scene::new();
    scene.config.output_cap_bytes = 1600; // a head of 1400 bytes, and 100 for each tail
    let all: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
    let pieces = all
        .chunks(123)
        .map(|piece| (Stream::Stdout, piece.to_vec()));
    let job = scene.scripted(writes(pieces.collect()));
    scene.work().await;
    let stored = scene.store.output(job);
    let kept: usize = stored.iter().map(|append| append.output.bytes.len()).sum();
    assert_eq!(kept, 1500);
    for append in &stored {
        let from = usize::try_from(append.output.position).expect("small");
        let until = from + append.output.bytes.len();
        assert_eq!(
            append.output.bytes,
            all[from..until],
            "each part is where it says"
        );
    }
    let last = stored.last().expect("there is a tail");
    assert_eq!(last.output.position, 4900, "up to the last byte");
    assert_eq!(scene.store.record(job).omitted_bytes, [3500, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_large_output_is_whole_and_in_parts_of_a_bounded_size() {
    let scene = Scene::new();
    let pieces = (0..40_u8).map(|n| (Stream::Stdout, vec![n; 30_000]));
    let job = scene.scripted(writes(pieces.collect()));
    scene.work().await;
    let stored = scene.store.output(job);
    let bytes: Vec<u8> = stored
        .iter()
        .flat_map(|append| append.output.bytes.clone())
        .collect();
    assert_eq!(
        bytes,
        (0..40_u8)
            .flat_map(|n| vec![n; 30_000])
            .collect::<Vec<u8>>()
    );
    assert!(
        stored
            .iter()
            .all(|append| append.output.bytes.len() <= 64 * 1024)
    );
    let numbers: Vec<i32> = stored.iter().map(|append| append.seq).collect();
    assert_eq!(numbers, (0..).take(numbers.len()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn output_is_pulled_no_faster_than_the_store_takes_it() {
    let scene = Scene::new();
    let pieces = (0..100_u8).map(|n| (Stream::Stdout, vec![n; 32 * 1024]));
    let job = scene.scripted(writes(pieces.collect()));
    scene.store.fault(
        "append_output",
        (0..1000).map(|_| Fault::Before(unavailable())),
    );
    let worker = scene.start();
    until("it began to write", || scene.executor.pulled(job) > 0).await;
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!(
        scene.executor.pulled(job),
        2,
        "one batch of 64 KiB was pulled, and no more"
    );
    worker.shutdown.force();
    let report = in_time(worker.task)
        .await
        .expect("no panic")
        .expect("it began");
    assert_eq!(report.unfinished, 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_append_after_a_lost_reply_stores_nothing_twice() {
    let scene = Scene::new();
    let job = scene.scripted(writes(vec![(Stream::Stdout, b"once".to_vec())]));
    scene
        .store
        .fault("append_output", [Fault::After(unavailable())]);
    scene.work().await;
    let bytes: Vec<_> = scene
        .store
        .output(job)
        .into_iter()
        .map(|append| append.output.bytes)
        .collect();
    assert_eq!(bytes, [b"once".to_vec()]);
    assert_eq!(scene.store.lock().append_calls, 2);
}

#[tokio::test(start_paused = true)]
async fn output_that_never_says_its_end_is_given_up_and_the_record_says_so() {
    let scene = Scene::new();
    let job = scene.scripted(Script {
        output_stays_open: true,
        ..writes(vec![(Stream::Stdout, b"all that came".to_vec())])
    });
    scene.work().await;
    assert_eq!(scene.store.output(job)[0].output.bytes, b"all that came");
    let record = scene.store.record(job);
    assert_eq!(record.exit.and_then(|exit| exit.code), Some(0));
    let error = record.error.expect("that the end may be missing");
    assert!(error.text.contains("may lack its end"), "{}", error.text);
}
