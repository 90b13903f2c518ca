//! What goes on without the worker that launched it is adopted by another, which misses nothing.
//! Only for executors whose containers survive, or whose listing is full.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use longshore_core::executor::{Capability, Ensured, Executor, Phase};
use longshore_core::output::{ResumePoint, Stream};

use super::scene::{Launched, Scene, collect, in_time};

/// Both outputs, over some time, and an end with a code of its own once it is told to end: so it runs
/// however long the workers that follow each other take.
const LINES: &str = "trap 'printf \"the last\"; exit 7' TERM; i=0; \
                     while [ $i -lt 60 ]; do i=$((i+1)); echo out $i; echo err $i >&2; \
                     sleep 0.1; done; while :; do sleep 0.05; done";

fn lines(word: &str) -> String {
    (1..=60).fold(String::new(), |mut text, number| {
        writeln!(text, "{word} {number}").expect("writing to a string works");
        text
    })
}

async fn watch_by(
    executor: &Arc<dyn Executor>,
    launched: &Launched,
    from: Option<&ResumePoint>,
) -> Launched {
    let watch = in_time("watch", executor.watch(&launched.handle, from)).await;
    let watch = watch.unwrap_or_else(|error| panic!("{error}"));
    Launched {
        handle: launched.handle.clone(),
        identity: launched.identity.clone(),
        output: watch.output,
        end: watch.end,
    }
}

/// Pulls so many chunks; what they held, and where to go on.
async fn pull(launched: &mut Launched, chunks: usize) -> (Vec<u8>, Vec<u8>, Option<ResumePoint>) {
    let (mut stdout, mut stderr, mut resume) = (vec![], vec![], None);
    for _ in 0..chunks {
        let Some(chunk) = in_time("a chunk", launched.output.next()).await else {
            break;
        };
        let chunk = chunk.unwrap_or_else(|error| panic!("{error}"));
        match chunk.stream {
            Stream::Stdout => stdout.extend(chunk.bytes),
            Stream::Stderr => stderr.extend(chunk.bytes),
        }
        resume = chunk.resume;
    }
    (stdout, stderr, resume)
}

pub async fn a_container_outlives_its_executor_and_loses_no_byte(scene: &Scene) {
    if !scene.can(Capability::SurvivesWorker) {
        return;
    }
    let request = scene.request(scene.shell(LINES));
    let handle = scene.create(&request).await;
    let mut launched = scene.watch(handle, request.identity.clone()).await;
    scene.start(&launched.handle).await;
    let (mut stdout, mut stderr, mut resume) = pull(&mut launched, 9).await;
    // One worker after the other goes on with it for a while, and dies.
    for chunks in [1, 7, 12] {
        let executor = scene.another_executor();
        let ensured = in_time("ensure", executor.ensure(&request)).await;
        let ensured = ensured.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(ensured, Ensured::Running(launched.handle.clone()));
        launched = watch_by(&executor, &launched, resume.as_ref()).await;
        drop(executor);
        let (more_stdout, more_stderr, later) = pull(&mut launched, chunks).await;
        stdout.extend(more_stdout);
        stderr.extend(more_stderr);
        resume = later;
    }
    let executor = scene.another_executor();
    launched = watch_by(&executor, &launched, resume.as_ref()).await;
    while !(stdout.ends_with(b"out 60\n") && stderr.ends_with(b"err 60\n")) {
        let (more_stdout, more_stderr, _) = pull(&mut launched, 1).await;
        assert!(
            !more_stdout.is_empty() || !more_stderr.is_empty(),
            "it runs"
        );
        stdout.extend(more_stdout);
        stderr.extend(more_stderr);
    }
    let stopped = executor.stop(&launched.handle, Duration::from_mins(10));
    in_time("stop", stopped)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let finished = launched.finish().await;
    assert_eq!(finished.code(), 7);
    stdout.extend(finished.stdout);
    stderr.extend(finished.stderr);
    assert_eq!(String::from_utf8_lossy(&stdout), lines("out") + "the last");
    assert_eq!(String::from_utf8_lossy(&stderr), lines("err"));
}

pub async fn what_ended_unwatched_is_harvested_whole(scene: &Scene) {
    if !scene.can(Capability::SurvivesWorker) {
        return;
    }
    let script = "echo said; echo complained >&2; printf 'the last'; exit 5";
    let mut launched = scene.launch(scene.shell(script)).await;
    let (stdout, stderr, resume) = pull(&mut launched, 1).await;
    in_time("the end", launched.end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let executor = scene.another_executor();
    for (from, mut stdout, mut stderr) in
        [(resume.as_ref(), stdout, stderr), (None, vec![], vec![])]
    {
        let watch = in_time("watch", executor.watch(&launched.handle, from)).await;
        let mut watch = watch.unwrap_or_else(|error| panic!("{error}"));
        let rest = in_time("the output", collect(&mut watch.output)).await;
        stdout.extend(rest.0);
        stderr.extend(rest.1);
        assert_eq!(String::from_utf8_lossy(&stdout), "said\nthe last");
        assert_eq!(String::from_utf8_lossy(&stderr), "complained\n");
        let ended = in_time("the end", watch.end).await;
        let ended = ended.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(ended.exit.code, Some(5));
    }
}

pub async fn a_full_listing_names_the_containers_of_other_workers(scene: &Scene) {
    if !scene.can(Capability::FullListing) {
        return;
    }
    let created = scene.prepare(scene.shell(":")).await;
    let running = scene.launch(scene.shell("exec sleep 1000")).await;
    let other = scene.another_executor();
    let listed = in_time("list", other.list(&scene.instance)).await;
    let mut listed = listed.unwrap_or_else(|error| panic!("{error}"));
    listed.sort_by_key(|listed| listed.identity.job);
    let seen: Vec<_> = listed
        .into_iter()
        .map(|listed| (listed.handle, listed.identity, listed.phase))
        .collect();
    assert_eq!(
        seen,
        [
            (created.handle, created.identity, Phase::Created),
            (running.handle, running.identity, Phase::Running)
        ]
    );
}

pub async fn another_worker_stops_and_forgets_a_container(scene: &Scene) {
    if !scene.can(Capability::SurvivesWorker) {
        return;
    }
    let launched = scene.launch(scene.shell("exec sleep 1000")).await;
    let other = scene.another_executor();
    let stopped = other.stop(&launched.handle, Duration::ZERO);
    in_time("stop", stopped)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scene.live_processes(), 0);
    in_time("forget", other.forget(&launched.handle))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scene.list().await, []);
}
