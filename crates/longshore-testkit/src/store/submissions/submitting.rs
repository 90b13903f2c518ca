//! Submitting jobs, one or many.

use std::time::Duration;

use longshore_core::retry::{RetriedExitCodes, Strategy};
use longshore_core::spec::{
    DEFAULT_QUEUE, Device, LOCAL_QUEUE, Mount, MountKind, Network, PullPolicy, Timeout,
};
use longshore_core::store::{MAX_SUBMITTED, StoreError};
use longshore_core::{JobSpec, Priority, State};

use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::rest::every_job;
use crate::store::scene::{LATER, QUEUE, Scene};
use crate::store::seed::Seed;
use crate::wait::eventually;

pub async fn a_submitted_job_is_queued(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let before = scene.store.now().await.expect("now");
    let job = scene.submit(Seed::job().named("first")).await;
    let detail = scene.show(job).await;
    assert_eq!(detail.summary.id, job);
    assert_eq!(detail.summary.state, State::Queued);
    assert_eq!(detail.summary.queue, QUEUE);
    assert_eq!(detail.summary.name.as_deref(), Some("first"));
    assert_eq!(detail.summary.attempts, 0);
    assert!(detail.attempts_made.is_empty());
    let age = detail.summary.created_at.duration_since(before);
    assert!(
        age.as_millis() >= -1,
        "created_at is the database's time of the submission: {age}"
    );
}

pub async fn jobs_of_one_call_get_growing_ids_in_their_order(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let seeds = (0..250).map(|n| Seed::job().named(&format!("job {n}")).priority(n % 101));
    let ids = scene.submit_all(seeds).await;
    assert_eq!(ids.len(), 250);
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    for (n, id) in ids.iter().enumerate().step_by(49) {
        assert_eq!(scene.show(*id).await.summary.name, Some(format!("job {n}")));
    }
    let next = scene.submit(Seed::job()).await;
    assert!(next > ids[249], "ids grow from call to call");
}

pub async fn submitting_nothing_does_nothing(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    assert_eq!(
        scene.store.submit(&[]).await.expect("nothing to refuse"),
        []
    );
    assert_eq!(scene.store.newest_job().await.expect("newest"), None);
}

pub async fn a_call_with_too_many_jobs_is_refused_whole(h: &dyn StoreHarness) {
    let store = h.open().await;
    let jobs = vec![Seed::job().build_in(LOCAL_QUEUE); MAX_SUBMITTED + 1];
    // Counted, for the answers would be too many to show.
    match store.submit(&jobs).await.map(|answers| answers.len()) {
        Err(StoreError::Invalid(error)) => {
            assert_eq!(error.field, "jobs");
            assert!(error.problem.contains("in parts"), "{error}");
        }
        other => panic!("expected too many, got {other:?}"),
    }
    assert_eq!(store.newest_job().await.expect("newest"), None);
}

pub async fn one_unknown_queue_refuses_the_whole_call_and_suggests(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let jobs = [Seed::job(), Seed::job().queue("lime"), Seed::job()].map(|s| s.build_in(QUEUE));
    match scene.store.submit(&jobs).await {
        Err(StoreError::UnknownQueue { name, hint }) => {
            assert_eq!(name, "lime");
            assert!(
                hint.contains(QUEUE),
                "the hint offers the nearest name: {hint}"
            );
        }
        other => panic!("expected an unknown queue, got {other:?}"),
    }
    assert_eq!(
        scene.store.newest_job().await.expect("newest"),
        None,
        "nothing was submitted"
    );
}

pub async fn a_migrated_database_has_a_queue_for_images_and_one_for_commands(h: &dyn StoreHarness) {
    let store = h.open().await;
    for (name, executor) in [(DEFAULT_QUEUE, "docker"), (LOCAL_QUEUE, "process")] {
        let queue = store.queue(name).await.expect("made by the migration");
        assert_eq!(queue.executor, executor, "of queue {name}");
        assert!(!queue.paused);
        assert_eq!(queue.max_concurrent, None);
    }
    let image = JobSpec {
        image: Some("busybox".to_owned()),
        ..JobSpec::default()
    };
    let jobs = [image, JobSpec::process(["true"])].map(|spec| spec.validate().expect("valid"));
    let answers = store.submit(&jobs).await.expect("both queues are there");
    for (answer, queue) in answers.iter().zip([DEFAULT_QUEUE, LOCAL_QUEUE]) {
        let detail = store.show_job(answer.job).await.expect("submitted");
        assert_eq!(detail.summary.queue, queue);
    }
}

pub async fn a_spec_reads_back_as_it_was_submitted(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let spec = full_spec();
    let job = scene.submit(Seed::of(spec.clone())).await;
    let stored = scene.show(job).await;
    let expected = JobSpec {
        queue: Some(QUEUE.to_owned()),
        ..spec
    };
    assert_eq!(stored.spec, expected);
    assert_eq!(stored.summary.labels, expected.labels);
    assert_eq!(stored.summary.image, expected.image);
    assert_eq!(stored.summary.command, expected.command);
    assert_eq!(stored.summary.priority, expected.priority);
    let lease = scene.acquire_one().await;
    assert_eq!(
        *lease.spec.expect("readable"),
        expected,
        "the worker gets the same"
    );
}

pub async fn a_job_on_hold_is_pending_and_not_acquired(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.submit(Seed::job().held()).await;
    assert_eq!(scene.state(job).await, State::Pending);
    assert_eq!(scene.acquire_ids(10).await, []);
    assert_eq!(scene.store.stage_due(100).await.expect("stage"), 0);
    assert_eq!(scene.state(job).await, State::Pending);
}

pub async fn a_scheduled_job_is_queued_with_its_time_and_not_acquired_before(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let due = scene.store.now().await.expect("now") + Duration::from_millis(700);
    let job = scene.submit(Seed::job().due_at(due)).await;
    let detail = scene.show(job).await;
    assert_eq!(detail.summary.state, State::Queued);
    let apart = detail
        .summary
        .due_at
        .expect("still to come")
        .duration_since(due);
    assert!(
        apart.abs().as_millis() <= 1,
        "due_at is the time asked for: {apart} off"
    );

    let lease = eventually("the scheduled job comes due", async || {
        let lease = scene.acquire(1).await.pop();
        if lease.is_none() {
            scene.store.stage_due(100).await.expect("stage");
        }
        lease
    })
    .await;
    assert_eq!(lease.key.job, job);
    let early = due.duration_since(lease.claimed_at);
    assert!(
        early.as_millis() <= 1,
        "acquired {early} early, by the database's clock"
    );
}

pub async fn a_time_that_has_passed_is_due_at_once(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let past = scene.store.now().await.expect("now") - LATER;
    let job = scene.submit(Seed::job().due_at(past)).await;
    assert_eq!(scene.acquire_ids(1).await, [job]);
}

pub async fn twin_calls_from_two_handles_get_ids_of_their_own_in_order(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(h.open().await);
    }
    let calls = all_at_once(handles, |store| async move {
        let jobs = vec![Seed::job().build_in(QUEUE); 50];
        let answers = store.submit(&jobs).await.expect("submit");
        answers
            .into_iter()
            .map(|answer| answer.job)
            .collect::<Vec<_>>()
    })
    .await;
    for ids in &calls {
        assert!(
            ids.is_sorted_by(|a, b| a < b),
            "ids grow within a call: {ids:?}"
        );
    }
    let mut all = calls.concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 200, "no id was given twice");
    assert_eq!(every_job(&*scene.store).await.len(), 200);
}

/// Every field, with values that are easily damaged on their way.
fn full_spec() -> JobSpec {
    let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    JobSpec {
        name: Some("näme \"quoted\" \\ 名前 🚢".to_owned()),
        description: Some("two\nlines\tand a tab".to_owned()),
        submitted_by: Some("o'neill".to_owned()),
        labels: [("team".to_owned(), "a=b, c".to_owned())].into(),
        image: Some("registry.example/app:1.2@sha256:00".to_owned()),
        command: words(&["sh", "-c", "echo \"$HOME\" '%s' {}", ""]),
        entrypoint: words(&["/bin/init"]),
        env: [
            ("GREETING".to_owned(), "h€llo = wörld".into()),
            ("EMPTY".to_owned(), "".into()),
        ]
        .into(),
        secret_env: vec!["REGION".to_owned()],
        env_templates: words(&["base", "region.eu"]),
        working_directory: Some("/srv/my work".to_owned()),
        user: Some("1000:1000".to_owned()),
        mounts: vec![
            Mount {
                kind: MountKind::Bind,
                source: Some("/data".to_owned()),
                target: "/in".to_owned(),
                read_only: true,
            },
            Mount {
                kind: MountKind::Tmpfs,
                source: None,
                target: "/tmp".to_owned(),
                read_only: false,
            },
        ],
        networks: vec![Network {
            name: "backend".to_owned(),
            aliases: words(&["db", "cache"]),
        }],
        devices: vec![Device {
            source: "/dev/fuse".to_owned(),
            target: Some("/dev/other fuse".to_owned()),
            permissions: Some("wr".to_owned()),
        }],
        privileged: true,
        memory: Some(1 << 40),
        cpus: Some(1.25),
        pids_limit: Some(512),
        run_timeout: Some(Timeout::Never),
        queue_timeout: Some(Timeout::After(Duration::from_millis(86_400_250))),
        no_output_timeout: Some(Timeout::After(Duration::from_secs(90))),
        stop_grace: Some(Duration::from_millis(2500)),
        queue: None,
        priority: Priority::new(77).expect("in range"),
        scheduled_for: Some("2024-02-29T12:34:56.789Z".parse().expect("a time")),
        max_retries: Some(0),
        retry_strategy: Some(Strategy::Conservative),
        retry_exit_codes: Some(RetriedExitCodes::These(vec![75, 111])),
        pull: Some(PullPolicy::Always),
        idempotency_key: Some("order-4711/β".to_owned()),
    }
}
