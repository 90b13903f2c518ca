//! The queue as a library.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::JobSpec;
use longshore_core::attempt::Outcome;
use longshore_core::classify::ErrorClass;
use longshore_core::spec::Timeout;
use longshore_core::state::TerminalState;
use longshore_queue::{GracefulShutdown, QueueError};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{Place, Scene, Script, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn concurrent_batches_never_pass_their_limit_together() {
    let scene = Scene::new();
    for n in 0..40 {
        scene.scripted(Script::runs_for(Duration::from_millis(1 + n % 7)));
    }
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let manager = scene.manager();
        calls.spawn(async move {
            let mut launched = 0;
            // Jobs end between the calls and within them.
            for _ in 0..50 {
                let batch = manager.launch_next_batch("local", 3, 10 * SECOND).await;
                launched += batch.expect("it launches").launched;
                sleep(Duration::from_millis(1)).await;
            }
            let report = manager.close().await;
            assert_eq!(report.completed, u64::from(launched));
            launched
        });
    }
    let launched: u32 = calls.join_all().await.into_iter().sum();
    assert_eq!(launched, 40, "every job was launched by one of them");
    assert_eq!(
        scene.executor.most_live(),
        3,
        "as the containers saw it: the limit was reached and never passed"
    );
}

#[tokio::test(start_paused = true)]
async fn eight_tasks_launch_three_hundred_jobs_three_at_a_time() {
    let scene = Scene::new();
    let jobs: Vec<i64> = (0..300)
        .map(|n| scene.scripted(Script::runs_for(Duration::from_millis(n % 9))))
        .collect();
    let manager = Arc::new(scene.manager());
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let manager = Arc::clone(&manager);
        tasks.spawn(async move {
            manager
                .process_queue("local", 3, &GracefulShutdown::new())
                .await
        });
    }
    let mut launched = 0;
    for batch in tasks.join_all().await {
        let batch = batch.expect("no call fails");
        assert!(batch.errors.is_empty());
        launched += batch.launched;
    }
    assert_eq!(launched, 300);
    assert_eq!(
        scene.executor.most_live(),
        3,
        "the limit was reached and never passed"
    );
    assert!(jobs.iter().all(|job| scene.executor.starts(*job) == 1));
    assert!(
        jobs.iter()
            .all(|job| scene.store.is_settled(*job, TerminalState::Completed))
    );
    let report = manager.close().await;
    assert_eq!((report.acquired, report.completed), (300, 300));
}

#[tokio::test(start_paused = true)]
async fn a_batch_says_what_was_launched_and_what_failed() {
    let scene = Scene::new();
    let good = scene.scripted(Script::runs_for(SECOND));
    let bad = scene.scripted(Script {
        ensure_errors: vec![ErrorClass::Permanent],
        ..Script::default()
    });
    let manager = scene.manager();
    let batch = manager
        .launch_next_batch("local", 5, SECOND)
        .await
        .expect("it launches");
    assert_eq!(batch.launched, 1);
    assert_eq!(batch.errors.len(), 1);
    assert_eq!(batch.errors[0].job.0, bad);
    assert!(batch.errors[0].to_string().contains("as the script says"));
    let metrics = manager.worker_metrics().await.expect("it counts");
    assert_eq!(metrics.queue_depth.0, 0);
    until("the other ended", || {
        scene.store.is_settled(good, TerminalState::Completed)
    })
    .await;
    manager.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_acquired_job_is_launched_handed_back_or_given_back_when_dropped() {
    let scene = Scene::new();
    let jobs: Vec<i64> = (0..3).map(|_| scene.job()).collect();
    let manager = scene.manager();
    let next = async || {
        let acquired = manager
            .acquire_next_job("local", SECOND)
            .await
            .expect("it acquires");
        acquired.expect("there is one")
    };
    let (first, second, third) = (next().await, next().await, next().await);
    assert!(
        manager
            .acquire_next_job("local", SECOND)
            .await
            .expect("it looks")
            .is_none()
    );
    assert_eq!(first.lease().key.job.0, jobs[0]);
    assert_eq!(manager.running().await, 3);

    first.launch().await.expect("it starts");
    second.hand_back().await;
    drop(third);
    until("all are where they belong", || {
        scene.store.is_settled(jobs[0], TerminalState::Completed)
            && scene.store.place(jobs[1]) == Place::Ready
            && scene.store.place(jobs[2]) == Place::Ready
    })
    .await;
    for job in &jobs[1..] {
        assert_eq!(scene.store.record(*job).outcome, Outcome::HandedBack);
        assert_eq!(scene.executor.starts(*job), 0);
    }
    manager.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_acquired_job_that_is_held_for_long_is_not_handed_back_behind_its_holder() {
    let scene = Scene::new();
    let job = scene.job();
    let manager = scene.manager();
    let held = manager
        .acquire_next_job("local", SECOND)
        .await
        .expect("it acquires");
    sleep(200 * SECOND).await;
    assert_eq!(scene.store.place(job), Place::Leased);
    held.expect("there was one")
        .launch()
        .await
        .expect("it starts");
    until("it ended", || {
        scene.store.is_settled(job, TerminalState::Completed)
    })
    .await;
    manager.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_manager_alone_ends_what_has_waited_for_too_long() {
    let scene = Scene::new();
    scene.scripted(Script::runs_for(100 * SECOND));
    let manager = scene.manager();
    manager
        .launch_next_batch("local", 1, SECOND)
        .await
        .expect("it launches");
    let waiting = scene.job_of(JobSpec {
        queue_timeout: Some(Timeout::After(5 * SECOND)),
        ..JobSpec::process(["true"])
    });
    sleep(20 * SECOND).await;
    assert!(scene.store.is_settled(waiting, TerminalState::TimedOut));
    manager.close().await;
}

#[tokio::test(start_paused = true)]
async fn reading_and_submitting_registers_no_worker() {
    let scene = Scene::new();
    let manager = scene.manager();
    let spec = JobSpec::process(["true"]).validate().expect("it is valid");
    let submitted = manager.submit(&[spec]).await.expect("it submits");
    assert_eq!(submitted[0].job.0, 1);
    manager
        .queue_job(submitted[0].job)
        .await
        .expect("it queues");
    assert_eq!(
        manager.queue_stats().await.expect("it counts")[0]
            .counts
            .queue_depth
            .0,
        1
    );
    assert!(scene.store.workers().is_empty());
    manager.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_queue_and_one_of_another_executor_are_clear_errors() {
    let scene = Scene::new();
    let manager = scene.manager();
    let unknown = manager
        .launch_next_batch("locall", 1, SECOND)
        .await
        .expect_err("no such queue");
    assert!(unknown.to_string().contains("locall"));
    assert!(!unknown.is_systems_fault());
    let other = manager.launch_next_batch("default", 1, SECOND).await;
    assert!(matches!(other, Err(QueueError::NoExecutor { .. })));
    manager.close().await;
}
