//! Output: stored as it comes, read page by page (promise S11).

use longshore_core::disposition::Disposition;
use longshore_core::output::{KeptOutput, ResumePoint, Stream};
use longshore_core::state::TerminalState;
use longshore_core::store::{
    LeaseKey, LeaseStatus, OutputAppend, OutputCursor, OutputPage, OutputRequest, StoreError,
    StoredOutput,
};
use longshore_core::{AttemptNumber, JobId, State};

use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::scene::{Scene, is_unknown_job, stale};
use crate::store::seed::Seed;

const ALL: u32 = 64 * 1024 * 1024;

fn append(lease: LeaseKey, seq: i32, position: u64, bytes: &[u8]) -> OutputAppend {
    let output = KeptOutput {
        stream: Stream::Stdout,
        position,
        bytes: bytes.to_vec(),
    };
    OutputAppend {
        lease,
        seq,
        output,
        resume: Some(ResumePoint(format!("after {seq}"))),
    }
}

async fn read(
    scene: &Scene,
    job: JobId,
    after: Option<OutputCursor>,
    max_bytes: u32,
) -> OutputPage {
    let request = OutputRequest {
        job,
        attempt: None,
        after,
        max_bytes,
    };
    scene.store.read_output(request).await.expect("a known job")
}

/// Pages through everything that there is.
async fn read_all(scene: &Scene, job: JobId, max_bytes: u32) -> Vec<StoredOutput> {
    let mut chunks: Vec<StoredOutput> = Vec::new();
    loop {
        let page = read(
            scene,
            job,
            chunks.last().map(|chunk| chunk.cursor),
            max_bytes,
        )
        .await;
        let at_end = page.chunks.is_empty() || page.is_end;
        chunks.extend(page.chunks);
        if at_end {
            return chunks;
        }
    }
}

pub async fn output_reads_back_in_order_byte_for_byte(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let binary: Vec<u8> = (0..=255).collect();
    let mut stderr = append(key, 1, 0, b"\xff\xfe\0 not text");
    stderr.output.stream = Stream::Stderr;
    let appends = [
        append(key, 0, 0, &binary),
        stderr,
        append(key, 2, 256, b"no newline"),
    ];
    let statuses = scene.store.append_output(&appends).await.expect("append");
    assert_eq!(statuses, [LeaseStatus::Held; 3]);
    let page = read(&scene, key.job, None, ALL).await;
    assert_eq!(
        (page.attempt, page.state),
        (Some(key.attempt), State::Running)
    );
    assert!(!page.is_end, "the attempt is live");
    assert_eq!(page.chunks.len(), 3);
    for (chunk, append) in page.chunks.iter().zip(&appends) {
        assert_eq!(
            chunk.cursor,
            OutputCursor {
                token: key.token,
                seq: append.seq
            }
        );
        assert_eq!(chunk.stream, append.output.stream);
        assert_eq!(chunk.position, append.output.position);
        assert_eq!(chunk.bytes, append.output.bytes);
    }
}

pub async fn repeating_output_whose_reply_was_lost_stores_it_once(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let appends = [append(key, 0, 0, b"one"), append(key, 1, 3, b"two")];
    scene.store.append_output(&appends).await.expect("append");
    let again = [append(key, 1, 3, b"TWO"), append(key, 2, 6, b"three")];
    let statuses = scene
        .store
        .append_output(&again)
        .await
        .expect("the same and more");
    assert_eq!(statuses, [LeaseStatus::Held; 2]);
    let bytes: Vec<_> = read_all(&scene, key.job, ALL)
        .await
        .into_iter()
        .map(|c| c.bytes)
        .collect();
    assert_eq!(bytes, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
}

pub async fn one_lost_lease_does_not_hold_back_the_output_of_others(h: &dyn StoreHarness) {
    use LeaseStatus::{CancelRequested, Held, Lost};
    let scene = Scene::open(h).await;
    let first = scene.running(Seed::job()).await;
    let lost = scene.running(Seed::job()).await;
    let asked = scene.running(Seed::job()).await;
    scene.store.request_cancel(asked.job).await.expect("live");
    let appends = [
        append(asked, 0, 0, b"c"),
        append(stale(lost), 0, 0, b"x"),
        append(first, 0, 0, b"a"),
        append(stale(lost), 1, 1, b"y"),
        append(asked, 1, 1, b"d"),
    ];
    assert_eq!(
        scene.store.append_output(&appends).await.expect("append"),
        [CancelRequested, Lost, Held, Lost, CancelRequested]
    );
    for (key, expected) in [(first, "a"), (lost, ""), (asked, "cd")] {
        let chunks = read_all(&scene, key.job, ALL).await;
        let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }
}

pub async fn pages_end_with_the_chunk_that_reaches_their_size(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let appends: Vec<_> = (0..7u8)
        .map(|n| append(key, n.into(), u64::from(n) * 10, &[n; 10]))
        .collect();
    scene.store.append_output(&appends).await.expect("append");
    for (max_bytes, expected) in [
        (1, 1),
        (10, 1),
        (11, 2),
        (15, 2),
        (20, 2),
        (69, 7),
        (ALL, 7),
    ] {
        let page = read(&scene, key.job, None, max_bytes).await;
        assert_eq!(page.chunks.len(), expected, "max_bytes {max_bytes}");
        let whole: Vec<u8> = read_all(&scene, key.job, max_bytes)
            .await
            .into_iter()
            .flat_map(|chunk| chunk.bytes)
            .collect();
        let expected: Vec<u8> = (0..7u8).flat_map(|n| [n; 10]).collect();
        assert_eq!(whole, expected, "page by page, {max_bytes} bytes each");
    }
}

pub async fn the_end_is_said_with_the_last_chunk_of_an_ended_attempt(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let appends = [append(key, 0, 0, b"one"), append(key, 1, 3, b"two")];
    scene.store.append_output(&appends).await.expect("append");
    assert!(
        !read(&scene, key.job, None, ALL).await.is_end,
        "more may come"
    );
    scene.settle(key, TerminalState::Completed).await;
    let first = read(&scene, key.job, None, 1).await;
    assert!(!first.is_end, "a chunk follows");
    assert_eq!(first.state, State::Completed);
    let after = first.chunks.last().map(|chunk| chunk.cursor);
    let rest = read(&scene, key.job, after, ALL).await;
    assert_eq!(rest.chunks.len(), 1);
    assert!(rest.is_end);
    let nothing = read(
        &scene,
        key.job,
        rest.chunks.last().map(|chunk| chunk.cursor),
        ALL,
    )
    .await;
    assert_eq!((nothing.chunks.len(), nothing.is_end), (0, true));
}

pub async fn what_the_cap_left_out_shows_as_a_jump_of_position(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let far = 9_000_000_000_000;
    let appends = [append(key, 0, 0, b"head"), append(key, 1, far, b"tail")];
    scene.store.append_output(&appends).await.expect("append");
    let positions: Vec<_> = read_all(&scene, key.job, ALL)
        .await
        .iter()
        .map(|chunk| chunk.position)
        .collect();
    assert_eq!(positions, [0, far]);
}

pub async fn each_attempt_has_output_of_its_own_and_the_newest_is_the_default(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let first = scene.running(Seed::job()).await;
    scene
        .store
        .append_output(&[append(first, 0, 0, b"first")])
        .await
        .expect("append");
    scene.end(first, Disposition::HandBack).await;
    let page = read(&scene, first.job, None, ALL).await;
    assert_eq!(
        (page.attempt, page.chunks.len()),
        (Some(first.attempt), 1),
        "the last one"
    );
    assert!(page.is_end, "the attempt has ended, though the job goes on");

    let second = scene.acquire_one().await.key;
    let page = read(&scene, first.job, None, ALL).await;
    assert_eq!(
        (page.attempt, page.chunks.len()),
        (Some(second.attempt), 0),
        "the live one"
    );
    assert!(!page.is_end);
    scene.start(second).await;
    scene
        .store
        .append_output(&[append(second, 0, 0, b"second")])
        .await
        .expect("append");
    for (key, text) in [(first, "first"), (second, "second")] {
        let request = OutputRequest {
            job: key.job,
            attempt: Some(key.attempt),
            after: None,
            max_bytes: ALL,
        };
        let page = scene.store.read_output(request).await.expect("output");
        assert_eq!(page.attempt, Some(key.attempt));
        assert_eq!(page.chunks.len(), 1);
        assert_eq!(page.chunks[0].bytes, text.as_bytes());
    }
}

pub async fn a_job_that_never_ran_has_no_output_and_an_unknown_one_is_an_error(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let job = scene.submit(Seed::job()).await;
    let page = read(&scene, job, None, ALL).await;
    assert_eq!((page.attempt, page.state), (None, State::Queued));
    assert_eq!(page.chunks, []);
    let request = OutputRequest {
        job: JobId(i64::MAX),
        attempt: Some(AttemptNumber(1)),
        after: None,
        max_bytes: ALL,
    };
    let answer = scene.store.read_output(request).await;
    assert!(is_unknown_job(&answer, request.job));
}

pub async fn output_of_an_attempt_that_never_was_is_an_error_that_names_the_newest(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let waiting = scene.submit(Seed::job()).await;
    let refusal = async |job| {
        let request = OutputRequest {
            job,
            attempt: Some(AttemptNumber(7)),
            after: None,
            max_bytes: ALL,
        };
        match scene.store.read_output(request).await {
            Err(StoreError::Invalid(error)) if error.field == "attempt" => error.problem,
            other => panic!("expected that there is no such attempt, got {other:?}"),
        }
    };
    let never = refusal(waiting).await;
    assert!(never.contains("no attempt yet"), "{never}");
    scene.acquire_one().await;
    let live = refusal(waiting).await;
    assert!(live.ends_with("its newest is 1"), "{live}");
}

pub async fn a_large_chunk_is_stored_whole(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let bytes: Vec<u8> = (0..1_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
    scene
        .store
        .append_output(&[append(key, 0, 0, &bytes)])
        .await
        .expect("append");
    let chunks = read_all(&scene, key.job, 1).await;
    assert_eq!(chunks.len(), 1);
    assert!(
        chunks[0].bytes == bytes,
        "a million bytes came back as they were"
    );
}

pub async fn output_of_many_jobs_at_once_stays_apart(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    scene.submit_all(Seed::jobs(8)).await;
    let keys: Vec<_> = scene
        .acquire(8)
        .await
        .iter()
        .map(|lease| lease.key)
        .collect();
    let writers = keys.iter().enumerate().map(|(n, key)| {
        let store = if n % 2 == 0 { &scene.store } else { &other };
        (std::sync::Arc::clone(store), *key)
    });
    let line = |key: LeaseKey, seq: i32| format!("{}:{seq}\n", key.job);
    all_at_once(writers, |(store, key)| async move {
        for seq in 0..20i32 {
            let text = line(key, seq);
            let position = u64::from(seq.unsigned_abs()) * 100;
            let appends = [append(key, seq, position, text.as_bytes())];
            assert_eq!(
                store.append_output(&appends).await.expect("append"),
                [LeaseStatus::Held]
            );
        }
    })
    .await;
    for key in keys {
        let chunks = read_all(&scene, key.job, 40).await;
        let text: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
        let expected: Vec<String> = (0..20).map(|seq| line(key, seq)).collect();
        assert_eq!(String::from_utf8_lossy(&text), expected.concat());
    }
}
