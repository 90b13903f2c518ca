//! Two hundred containers on a real engine, through three worker processes under a limit.
//!
//! The jobs witness themselves in a file that is bound into each container, so that the limit is
//! seen at every instant from inside; outputs, codes and order are the store's; what is left on
//! the engine is the engine's own word.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use longshore::{JobId, State};
use longshore_core::limit::Limit;
use longshore_core::output::Stream;
use longshore_core::queue::NewQueue;
use longshore_core::spec::{EnvValue, Mount, MountKind};
use longshore_core::store::{OutputRequest, Store};
use longshore_history::Verdict;

use crate::scene::Scene;
use crate::support::engine::{self, Engine};

const JOBS: usize = 200;
const LIMIT: u32 = 4;
const QUEUE: &str = "containers";

/// How long all of them may take: many times what a slow engine needs.
const DEADLINE: Duration = Duration::from_mins(8);

/// What each job says on its outputs beside its witness.
const SAYS: &str = r#"echo "out of $LONGSHORE_JOB_ID"; echo "err of $LONGSHORE_JOB_ID" >&2"#;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_containers_through_three_worker_processes_on_sqlite() {
    if let Some(engine) = engine::or_skip() {
        two_hundred(Scene::on_sqlite(), &engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_containers_through_three_worker_processes_on_postgres() {
    if let Some(engine) = engine::or_skip() {
        two_hundred(Scene::on_postgres().await, &engine).await;
    }
}

async fn two_hundred(scene: Scene, engine: &Engine) {
    let store = scene.store().await;
    let jobs = submit(&scene, &*store, engine).await;
    let folder = scene
        .home
        .path()
        .to_str()
        .expect("temporary paths are UTF-8");
    let config = scene
        .home
        .file("engine.toml", &format!("[docker]\nbinds = [{folder:?}]\n"));
    let begun = Instant::now();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let what = ["worker", "--queue", QUEUE, "--until-empty"];
            let how = ["--max-concurrent", "4", "--poll-interval", "200ms"];
            let place = ["--database", &scene.address, "--config", &config];
            let engine = ["--docker-host", &engine.address];
            scene
                .home
                .spawn(&[&what[..], &how[..], &place[..], &engine[..]].concat())
        })
        .collect();
    for worker in workers {
        let left = DEADLINE.saturating_sub(begun.elapsed());
        let ended = tokio::task::spawn_blocking(move || worker.finish_within(left));
        let ran = ended.await.expect("it ends");
        assert_eq!(ran.code, 0, "{}", ran.report());
    }

    let states = store.states(&jobs).await.expect("the store answers");
    assert_eq!(states, vec![State::Completed; JOBS]);
    for job in &jobs {
        assert_eq!(
            said(&*store, *job, Stream::Stdout).await,
            format!("out of {job}\n")
        );
        assert_eq!(
            said(&*store, *job, Stream::Stderr).await,
            format!("err of {job}\n")
        );
    }
    assert_in_order(&*store, &jobs).await;
    let verdict = scene.verdict(&jobs, LIMIT).await;
    let expected = format!(
        "verdict: PASSED: {JOBS} jobs, each ran exactly once; \
         limit {LIMIT} reached, never exceeded (max live {LIMIT})"
    );
    assert_eq!(verdict.to_string(), expected);
    assert!(matches!(verdict, Verdict::Passed { .. }));
    let instance = store.instance().await.expect("the store answers");
    assert_eq!(engine.containers_of(&instance.0), Vec::<String>::new());
    store.close().await;
}

async fn submit(scene: &Scene, store: &dyn Store, engine: &Engine) -> Vec<JobId> {
    let queue = NewQueue {
        name: QUEUE.to_owned(),
        executor: "docker".to_owned(),
        host_selector: BTreeMap::new(),
        max_concurrent: Some(Limit(LIMIT)),
    };
    store.create_queue(&queue).await.expect("a new queue");
    let mut spec = scene.witnessing_job(QUEUE, LIMIT);
    spec.image = Some(engine.image.clone());
    spec.command[2] = format!("{SAYS}\n{}", spec.command[2]);
    let folder = scene
        .home
        .path()
        .to_str()
        .expect("temporary paths are UTF-8");
    spec.env
        .insert("WITNESS".to_owned(), EnvValue::from("/witness/witness.log"));
    spec.mounts = vec![Mount {
        kind: MountKind::Bind,
        source: Some(folder.to_owned()),
        target: "/witness".to_owned(),
        read_only: false,
    }];
    let job = spec.validate().expect("a valid job");
    let submitted = store.submit(&vec![job; JOBS]).await.expect("submitted");
    submitted
        .into_iter()
        .map(|submitted| submitted.job)
        .collect()
}

/// A stream of a job, whole.
async fn said(store: &dyn Store, job: JobId, stream: Stream) -> String {
    let request = OutputRequest {
        job,
        attempt: None,
        after: None,
        max_bytes: 1 << 20,
    };
    let page = store.read_output(request).await.expect("the job is there");
    assert!(page.is_end, "a short output fits a page");
    let of_stream = page
        .chunks
        .into_iter()
        .filter(|chunk| chunk.stream == stream);
    let bytes: Vec<u8> = of_stream.flat_map(|chunk| chunk.bytes).collect();
    String::from_utf8(bytes).expect("the job writes text")
}

/// First queued, first acquired (S7): nobody was acquired before somebody that was queued earlier.
/// Acquisitions of one call carry one time, so this compares times and not places.
async fn assert_in_order(store: &dyn Store, jobs: &[JobId]) {
    let mut last = None;
    for job in jobs {
        let detail = store.show_job(*job).await.expect("the job is there");
        let [attempt] = &detail.attempts_made[..] else {
            panic!("job {job} had {} attempts", detail.attempts_made.len());
        };
        assert_eq!(
            attempt.record.as_ref().and_then(|record| record.exit?.code),
            Some(0)
        );
        assert!(
            last <= Some(attempt.claimed_at),
            "job {job} was acquired before one that was queued earlier"
        );
        last = Some(attempt.claimed_at);
    }
}

impl Engine {
    /// Names of the containers of an instance that are left, whatever their state.
    fn containers_of(&self, instance: &str) -> Vec<String> {
        let label = format!("label=longshore.instance={instance}");
        let output = Command::new("docker")
            .args(["-H", &self.address, "ps", "-a", "--filter", &label])
            .args(["--format", "{{.Names}} {{.Status}}"])
            .output()
            .expect("the docker command can be run");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("names are text");
        text.lines().map(str::to_owned).collect()
    }
}
