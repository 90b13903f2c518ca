//! From a lease to a running container: the order of the steps, and what a launch that fails
//! leaves behind.

use std::time::Duration;

use longshore_core::JobSpec;
use longshore_core::attempt::Outcome;
use longshore_core::classify::ErrorClass;
use longshore_core::spec::EnvValue;
use longshore_core::state::TerminalState;
use longshore_core::template::Template;
use longshore_queue::BootClock;

use crate::support::{Fault, Place, Scene, Script, start_worker, unavailable, until};

#[tokio::test(start_paused = true)]
async fn the_handle_is_stored_before_the_start_and_the_end_before_the_removal() {
    let scene = Scene::new();
    let job = scene.job();
    let report = scene.work().await;
    assert_eq!(report.completed, 1);
    assert!(scene.store.is_settled(job, TerminalState::Completed));
    assert_eq!(
        scene.journal.of(&[
            "create", "fence", "watch", "start", "exited", "finish", "forget"
        ]),
        [
            "create 1", "fence 1", "watch 1", "start 1", "exited 1", "finish 1", "forget 1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_lost_at_the_fence_starts_nothing_and_removes_its_own_container() {
    let scene = Scene::new();
    let script = Script {
        ensure_takes: Duration::from_secs(1),
        ..Script::default()
    };
    let job = scene.scripted(script);
    let worker = scene.start();
    until("the job is acquired", || {
        scene.store.place(job) == Place::Leased
    })
    .await;
    scene.store.take_over(job);
    until("the container is removed", || {
        scene.journal.count("forget") == 1
    })
    .await;
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!(report.lost_leases, 1);
    assert_eq!(scene.executor.starts(job), 0);
    assert_eq!(scene.executor.left(), 0);
    assert_eq!(
        scene.journal.count("finish"),
        0,
        "a lost lease is not finished"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancel_seen_at_the_fence_removes_the_container_and_finishes_as_cancelled() {
    let scene = Scene::new();
    let script = Script {
        ensure_takes: Duration::from_secs(1),
        ..Script::default()
    };
    let job = scene.scripted(script);
    // So that the fence is the first to learn of it.
    scene.store.fault(
        "check_leases",
        (0..1000).map(|_| Fault::Before(unavailable())),
    );
    let worker = scene.start();
    until("the job is acquired", || {
        scene.store.place(job) == Place::Leased
    })
    .await;
    scene.store.cancel(job);
    let report = worker.ended().await;
    assert_eq!(report.cancelled, 1);
    assert!(scene.store.is_settled(job, TerminalState::Cancelled));
    assert_eq!(scene.executor.starts(job), 0);
    assert_eq!(
        scene.journal.of(&["start", "forget", "finish"]),
        ["forget 1", "finish 1"]
    );
}

#[tokio::test(start_paused = true)]
async fn transient_launch_errors_are_retried_with_growing_delays_until_they_pass() {
    let scene = Scene::new();
    let script = Script {
        ensure_errors: vec![ErrorClass::Transient, ErrorClass::Unknown],
        ..Script::default()
    };
    let job = scene.scripted(script);
    let report = scene.work().await;
    assert_eq!(
        (report.retried, report.completed, report.launch_failures),
        (2, 1, 2)
    );
    let outcomes: Vec<_> = scene
        .store
        .records(job)
        .iter()
        .map(|record| record.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            Outcome::LaunchFailed,
            Outcome::LaunchFailed,
            Outcome::Exited
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn launch_retries_are_bounded() {
    let scene = Scene::new();
    let script = Script {
        ensure_errors: vec![ErrorClass::Transient; 20],
        ..Script::default()
    };
    let job = scene.scripted(script);
    let report = scene.work().await;
    assert_eq!(
        (report.retried, report.failed),
        (3, 1),
        "the default strategy retries 3 times"
    );
    assert!(scene.store.is_settled(job, TerminalState::Failed));
    assert_eq!(scene.executor.starts(job), 0);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_launch_error_is_not_retried() {
    let scene = Scene::new();
    let script = Script {
        ensure_errors: vec![ErrorClass::Permanent],
        ..Script::default()
    };
    let job = scene.scripted(script);
    let report = scene.work().await;
    assert_eq!((report.retried, report.failed), (0, 1));
    let error = scene.store.record(job).error.expect("it says why");
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(error.text.contains("as the script says"), "{}", error.text);
}

#[tokio::test(start_paused = true)]
async fn a_field_that_the_executor_cant_honour_fails_the_launch_by_name() {
    let scene = Scene::new();
    let spec = JobSpec {
        user: Some("nobody".to_owned()),
        ..JobSpec::process(["true"])
    };
    let job = scene.job_of(spec);
    scene.work().await;
    let error = scene.store.record(job).error.expect("it says why");
    assert!(error.text.contains("user"), "{}", error.text);
    assert_eq!(scene.journal.count("create"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_cant_be_read_fails_alone() {
    let scene = Scene::new();
    let broken = scene.store.add_raw(Err("unknown field `x`".to_owned()));
    let good = scene.job();
    let report = scene.work().await;
    assert_eq!((report.failed, report.completed), (1, 1));
    assert!(scene.store.is_settled(broken, TerminalState::Failed));
    assert!(scene.store.is_settled(good, TerminalState::Completed));
}

#[tokio::test(start_paused = true)]
async fn templates_are_resolved_at_launch_and_their_versions_recorded() {
    let scene = Scene::new();
    scene.store.lock().templates.push(Template {
        name: "common".to_owned(),
        version: 4,
        body: "A=template\nB=template\n".to_owned(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    });
    let spec = JobSpec {
        env_templates: vec!["common".to_owned()],
        env: [("B".to_owned(), EnvValue::from("own"))].into(),
        ..JobSpec::process(["true"])
    };
    let job = scene.job_of(spec);
    scene.work().await;
    let env = scene.executor.env(job);
    assert_eq!(env["A"], "template");
    assert_eq!(env["B"], "own", "the job's own value wins");
    assert_eq!(scene.store.record(job).template_versions["common"], 4);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_template_fails_the_launch_for_good() {
    let scene = Scene::new();
    let spec = JobSpec {
        env_templates: vec!["gone".to_owned()],
        ..JobSpec::process(["true"])
    };
    let job = scene.job_of(spec);
    let report = scene.work().await;
    assert_eq!((report.failed, report.retried), (1, 0));
    let error = scene.store.record(job).error.expect("it says why");
    assert!(error.text.contains("gone"), "{}", error.text);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_slept_through_its_lease_starts_nothing() {
    let scene = Scene::new();
    let script = Script {
        ensure_takes: Duration::from_secs(2),
        ..Script::default()
    };
    let job = scene.scripted(script);
    // The machine is suspended for an hour while the container is created: the runtime's clock
    // stands still, the clock that runs through suspend does not.
    let asleep = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let slept = std::sync::Arc::clone(&asleep);
    let begun = tokio::time::Instant::now();
    let clock = BootClock::from_fn(move || {
        let slept = slept.load(std::sync::atomic::Ordering::Relaxed);
        begun.elapsed() + Duration::from_secs(slept)
    });
    let worker = start_worker(scene.worker().with_clock(clock));
    until("the job is acquired", || {
        scene.store.place(job) == Place::Leased
    })
    .await;
    asleep.store(3600, std::sync::atomic::Ordering::Relaxed);
    until("the first attempt is over", || {
        !scene.store.records(job).is_empty()
    })
    .await;
    assert_eq!(scene.executor.starts(job), 0);
    assert_eq!(scene.store.records(job)[0].outcome, Outcome::HandedBack);
    // Once a heartbeat has been answered it works again.
    let report = worker.ended().await;
    assert_eq!((report.handed_back, report.completed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_slept_between_the_fence_and_the_start_starts_nothing() {
    let scene = Scene::new();
    let job = scene.job();
    // An hour passes in the moment in which the container is watched, and no heartbeat with it.
    let (journal, begun) = (scene.journal.clone(), tokio::time::Instant::now());
    let clock = BootClock::from_fn(move || {
        let slept = journal.count("watch") > 0;
        begun.elapsed() + Duration::from_secs(if slept { 3600 } else { 0 })
    });
    let worker = start_worker(scene.worker().with_clock(clock));
    until("the first attempt is over", || {
        !scene.store.records(job).is_empty()
    })
    .await;
    assert_eq!(scene.journal.count("fence"), 1);
    assert_eq!(scene.executor.starts(job), 0);
    assert_eq!(scene.executor.left(), 0, "its container is removed");
    let report = worker.ended().await;
    assert_eq!((report.handed_back, report.completed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fence_whose_reply_was_lost_is_asked_again_before_the_start() {
    let scene = Scene::new();
    let job = scene.job();
    scene.store.fault(
        "mark_launched",
        [Fault::After(unavailable()), Fault::Before(unavailable())],
    );
    let report = scene.work().await;
    assert_eq!(report.completed, 1);
    assert_eq!(
        scene.journal.of(&["fence", "start"]),
        ["fence 1", "fence 1", "fence 1", "start 1"]
    );
    assert_eq!(scene.executor.starts(job), 1);
}
