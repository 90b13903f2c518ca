//! Two workers at one attempt: one that stalls, and one that has taken its lease over. Only for
//! executors whose containers survive their worker.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use longshore_core::Token;
use longshore_core::executor::{
    Capability, Ensured, Executor, ExecutorError, Handle, LaunchRequest, Phase,
};
use longshore_core::output::{OutputChunk, ResumePoint, Stream};
use longshore_core::spec::JobSpec;
use tokio::join;
use tokio::time::sleep;

use super::scene::{Scene, collect, in_time};

/// Everything that makes a place hard to find again: lines that are written at once and share a
/// moment, a line that comes in parts, one longer than an engine's log takes in one piece, both
/// outputs mixed, empty lines, and a last line without its end.
const AWKWARD: &str = "printf 'a\\nb\\nc\\n'; echo one >&2; printf 'be'; sleep 0.2; printf 'gun\\n'; \
    i=0; while [ $i -lt 5 ]; do i=$((i+1)); echo out $i; echo err $i >&2; done; \
    printf '%040000d\\n' 7; printf '\\n\\n'; printf 'x\\ny\\n' >&2; sleep 0.2; \
    printf 'the last'; printf 'also last' >&2; exit 7";

/// What a watch has brought: both outputs, and after each part how much of each there was, with the
/// place to go on from.
#[derive(Default)]
struct Whole {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    places: Vec<(usize, usize, ResumePoint)>,
}

async fn watch_whole(
    executor: &Arc<dyn Executor>,
    handle: &Handle,
    from: Option<&ResumePoint>,
) -> Whole {
    let watch = in_time("watch", executor.watch(handle, from)).await;
    let watch = watch.unwrap_or_else(|error| panic!("{error}"));
    let (whole, ended) = join!(pull_whole(watch.output), in_time("the end", watch.end));
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.exit.code, Some(7));
    whole
}

async fn pull_whole(mut output: BoxStream<'static, Result<OutputChunk, ExecutorError>>) -> Whole {
    let mut whole = Whole::default();
    while let Some(chunk) = in_time("a chunk", output.next()).await {
        let chunk = chunk.unwrap_or_else(|error| panic!("{error}"));
        match chunk.stream {
            Stream::Stdout => whole.stdout.extend(chunk.bytes),
            Stream::Stderr => whole.stderr.extend(chunk.bytes),
        }
        let (out, err) = (whole.stdout.len(), whole.stderr.len());
        let resume = chunk.resume.expect("what survives its worker has places");
        whole.places.push((out, err, resume));
    }
    whole
}

pub async fn from_every_resume_point_another_worker_reads_the_rest_once(scene: &Scene) {
    if !scene.can(Capability::SurvivesWorker) {
        return;
    }
    let launched = scene.launch(scene.shell(AWKWARD)).await;
    let handle = launched.handle.clone();
    // As it was written, and as it is kept: the parts are cut elsewhere, and both have places.
    let written = pull_whole(launched.output).await;
    in_time("the end", launched.end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let other = scene.another_executor();
    let kept = watch_whole(&other, &handle, None).await;
    assert!(
        written.stdout.ends_with(b"the last") && written.stderr.ends_with(b"also last"),
        "{:?}",
        String::from_utf8_lossy(&written.stderr)
    );
    assert!(
        written.stdout == kept.stdout,
        "all of it, from the beginning"
    );
    assert!(
        written.stderr == kept.stderr,
        "all of it, from the beginning"
    );
    for (out, err, place) in written.places.iter().chain(&kept.places) {
        let rest = watch_whole(&other, &handle, Some(place)).await;
        let at = &place.0;
        assert!(rest.stdout == kept.stdout[*out..], "stdout from {at}");
        assert!(rest.stderr == kept.stderr[*err..], "stderr from {at}");
        // And from the places of that one, again.
        if let Some((more_out, more_err, place)) = rest.places.first() {
            let later = watch_whole(&other, &handle, Some(place)).await;
            let at = format!("{at}, then {}", place.0);
            assert!(
                later.stdout == kept.stdout[out + more_out..],
                "stdout from {at}"
            );
            assert!(
                later.stderr == kept.stderr[err + more_err..],
                "stderr from {at}"
            );
        }
    }
}

pub async fn a_line_that_was_begun_is_ended_for_another_worker(scene: &Scene) {
    if !scene.can(Capability::SurvivesWorker) {
        return;
    }
    // Nothing more is written until it is told to end.
    let script = "trap 'echo gun; echo more >&2; exit 7' TERM; printf 'first\\nbe'; \
                  while :; do sleep 0.05; done";
    let mut launched = scene.launch(scene.shell(script)).await;
    let (mut seen, mut resume) = (Vec::new(), None);
    while !seen.ends_with(b"be") {
        let chunk = in_time("the beginning", launched.output.next()).await;
        let chunk = chunk.expect("it runs");
        let chunk = chunk.unwrap_or_else(|error| panic!("{error}"));
        seen.extend(chunk.bytes);
        resume = chunk.resume;
    }
    let other = scene.another_executor();
    let watch = in_time("watch", other.watch(&launched.handle, resume.as_ref())).await;
    let mut watch = watch.unwrap_or_else(|error| panic!("{error}"));
    drop(launched.output);
    let stop = other.stop(&launched.handle, Duration::from_mins(10));
    in_time("stop", stop)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let (stdout, stderr) = in_time("the rest", collect(&mut watch.output)).await;
    assert_eq!(String::from_utf8_lossy(&stdout), "gun\n");
    assert_eq!(String::from_utf8_lossy(&stderr), "more\n");
    let ended = in_time("the end", watch.end).await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.exit.code, Some(7));
}

fn under(request: &LaunchRequest, token: i64) -> LaunchRequest {
    let mut request = request.clone();
    request.identity.token = Token(token);
    request
}

async fn ensure_by(executor: &Arc<dyn Executor>, request: &LaunchRequest) -> Ensured {
    let ensured = in_time("ensure", executor.ensure(request)).await;
    ensured.unwrap_or_else(|error| panic!("{error}"))
}

/// A worker that wakes up late finds another's container, and leaves it alone.
pub async fn a_worker_that_was_superseded_touches_nothing(scene: &Scene) {
    if !scene.can(Capability::SurvivesWorker) {
        return;
    }
    let request = scene.request(scene.shell("echo ready; exec sleep 1000"));
    let first = scene.create(&request).await;
    let other = scene.another_executor();
    let Ensured::Created(second) = ensure_by(&other, &under(&request, 101)).await else {
        panic!("the first was never started, so it is made anew");
    };
    let phase = async || scene.phase(&second).await;
    let late = ensure_by(&scene.executor, &request).await;
    assert_eq!(late, Ensured::Superseded);
    let started = in_time("start", scene.executor.start(&first)).await;
    assert!(started.is_err(), "the first is gone");
    assert_eq!(phase().await, Some(Phase::Created));
    in_time("start", other.start(&second))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        ensure_by(&scene.executor, &request).await,
        Ensured::Superseded
    );
    // What it undoes is its own.
    scene.stop(&first, Duration::ZERO).await;
    scene.forget(&first).await;
    assert_eq!(phase().await, Some(Phase::Running));
    scene.await_live_processes(1).await;
}

/// Races of one start with one ensure. Few: each takes an engine about a second.
const RACES: u64 = 12;

/// A worker that stalled sends its start while another, who has its lease now, ensures.
pub async fn a_start_and_another_workers_ensure_leave_one_that_runs(scene: &Scene) {
    if !scene.can(Capability::SurvivesWorker) {
        return;
    }
    for number in 0..RACES {
        let spec: JobSpec = scene.shell("exec sleep 1000");
        let request = scene.request(spec);
        let first = scene.create(&request).await;
        let other = scene.another_executor();
        // Now the one is sent earlier, now the other.
        let skew = Duration::from_millis(15 * number);
        let (start_waits, ensure_waits) = if number % 2 == 0 {
            (Duration::ZERO, skew)
        } else {
            (skew, Duration::ZERO)
        };
        let start = async {
            sleep(start_waits).await;
            scene.executor.start(&first).await
        };
        let ensure = async {
            sleep(ensure_waits).await;
            ensure_by(&other, &under(&request, 101)).await
        };
        let (started, ensured) = in_time("the race", async { join!(start, ensure) }).await;
        let said = format!("race {number}: start {started:?}, ensure {ensured:?}");
        let running = match ensured {
            Ensured::Created(second) => {
                assert!(started.is_err(), "{said}");
                in_time("start", other.start(&second))
                    .await
                    .unwrap_or_else(|error| panic!("{said}: {error}"));
                second
            }
            Ensured::Running(found) => {
                assert_eq!(found, first, "{said}");
                found
            }
            Ensured::Exited(_) | Ensured::Superseded => panic!("{said}"),
        };
        let listed: Vec<_> = scene.list().await;
        assert_eq!(listed.len(), 1, "{said}");
        assert_eq!(listed[0].handle, running, "{said}");
        assert_eq!(listed[0].phase, Phase::Running, "{said}");
        scene.await_live_processes(1).await;
        scene.stop(&running, Duration::ZERO).await;
        scene.forget(&running).await;
        assert_eq!(scene.live_processes(), 0, "{said}");
    }
}
