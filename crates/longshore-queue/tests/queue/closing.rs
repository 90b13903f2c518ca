//! The end of a queue manager, or of its worker: whatever it had acquired is accounted for.
//!
//! Where the clock is paused, a sleep ends only when nothing else is left that could happen before:
//! there it says "whatever this leads to", and waits for nothing real.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::attempt::Outcome;
use longshore_core::state::TerminalState;
use longshore_queue::{GracefulShutdown, QueueError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Fault, Place, Scene, Script, refused, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_manager_that_was_closed_launches_nothing_more() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for(5 * SECOND));
    let manager = scene.manager();
    manager
        .launch_next_batch("local", 1, SECOND)
        .await
        .expect("it launches");
    let report = manager.close().await;
    assert_eq!(report.completed, 1, "what ran had its grace time");
    assert!(scene.store.is_settled(job, TerminalState::Completed));
    let refused = manager.launch_next_batch("local", 1, SECOND).await;
    assert!(matches!(refused, Err(QueueError::ShuttingDown)));
    assert_eq!(manager.running().await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_brings_after_the_close_began_is_not_launched_and_goes_back() {
    let scene = Scene::new();
    let jobs: Vec<i64> = (0..3).map(|_| scene.job()).collect();
    scene.store.fault("acquire", [Fault::Late(SECOND)]);
    let manager = Arc::new(scene.manager());
    let launching = Arc::clone(&manager);
    let call = tokio::spawn(async move { launching.launch_next_batch("local", 3, SECOND).await });
    until("it asks", || scene.journal.count("ask") == 1).await;
    let report = manager.close().await;
    let refused = call.await.expect("no panic");
    assert!(
        matches!(refused, Err(QueueError::ShuttingDown)),
        "{refused:?}"
    );
    sleep(60 * SECOND).await;
    for job in jobs {
        assert_eq!(scene.store.place(job), Place::Ready, "no lease is left");
        assert_eq!(scene.executor.starts(job), 0);
    }
    assert_eq!(report.accounted(), report.acquired);
}

#[tokio::test(start_paused = true)]
async fn a_job_held_unlaunched_goes_back_at_once_when_its_manager_closes() {
    let scene = Scene::new();
    let jobs: Vec<i64> = (0..3).map(|_| scene.job()).collect();
    let manager = scene.manager();
    let mut held = Vec::new();
    for _ in &jobs {
        let next = manager.acquire_next_job("local", SECOND).await;
        held.push(next.expect("it acquires").expect("there is one"));
    }
    let begun = Instant::now();
    let report = manager.close().await;
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(
        (report.acquired, report.handed_back, report.unfinished),
        (3, 3, 0)
    );
    let late = held.pop().expect("three were acquired").launch().await;
    assert!(late.is_err(), "it is not ours to launch any more");
    held.pop().expect("three were acquired").hand_back().await;
    drop(held);
    for job in jobs {
        assert_eq!(scene.store.place(job), Place::Ready);
        assert_eq!(scene.store.record(job).outcome, Outcome::HandedBack);
        assert_eq!(scene.executor.starts(job), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hand_back_whose_caller_leaves_is_stored_all_the_same() {
    let scene = Scene::new();
    let job = scene.job();
    let manager = scene.manager();
    let next = manager.acquire_next_job("local", SECOND).await;
    let held = next.expect("it acquires").expect("there is one");
    scene.store.set_away(true);
    let waited = timeout(SECOND, held.hand_back()).await;
    assert!(waited.is_err(), "it waits while the database is away");
    scene.store.set_away(false);
    until("it is back", || scene.store.place(job) == Place::Ready).await;
    sleep(SECOND).await;
    assert_eq!(manager.running().await, 0, "nobody answers for it any more");
    let begun = Instant::now();
    let report = manager.close().await;
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!((report.acquired, report.handed_back), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_job_cancelled_before_it_was_handed_back_counts_as_cancelled() {
    let scene = Scene::new();
    let job = scene.job();
    let manager = scene.manager();
    let next = manager.acquire_next_job("local", SECOND).await;
    let held = next.expect("it acquires").expect("there is one");
    scene.store.cancel(job);
    held.hand_back().await;
    assert!(scene.store.is_settled(job, TerminalState::Cancelled));
    let report = manager.close().await;
    assert_eq!((report.cancelled, report.handed_back), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_fenced_manager_works_on_under_a_fresh_id_and_reports_on_both() {
    let scene = Scene::new();
    let taken = scene.scripted(Script::runs_for_ever());
    let manager = scene.manager();
    manager
        .launch_next_batch("local", 1, SECOND)
        .await
        .expect("it launches");
    scene.store.take_over(taken);
    {
        let mut inner = scene.store.lock();
        let worker = inner.workers.values_mut().next().expect("registered");
        worker.fenced = true;
    }
    sleep(15 * SECOND).await;
    let job = scene.job();
    let batch = manager
        .launch_next_batch("local", 5, SECOND)
        .await
        .expect("it launches");
    assert_eq!(batch.launched, 1);
    until("it ended", || {
        scene.store.is_settled(job, TerminalState::Completed)
    })
    .await;
    let report = manager.close().await;
    assert_eq!(
        (report.acquired, report.completed, report.lost_leases),
        (2, 1, 1)
    );
    assert_eq!(report.fenced, 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_worker_is_fenced_meanwhile_says_so_and_the_next_one_works_on() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for(SECOND));
    let manager = scene.manager();
    let none = manager.launch_next_batch("local", 0, SECOND).await;
    assert_eq!(none.expect("it looks").acquired(), 0);
    scene.store.fault("acquire", [Fault::Late(60 * SECOND)]);
    {
        let mut inner = scene.store.lock();
        let worker = inner.workers.values_mut().next().expect("registered");
        worker.fenced = true;
    }
    let fenced = manager.launch_next_batch("local", 1, SECOND).await;
    assert!(matches!(fenced, Err(QueueError::Fenced)), "{fenced:?}");
    let next = manager.launch_next_batch("local", 1, SECOND).await;
    assert_eq!(next.expect("under a fresh id").launched, 1);
    until("it ended", || {
        scene.store.is_settled(job, TerminalState::Completed)
    })
    .await;
    manager.close().await;
}

#[tokio::test(start_paused = true)]
async fn processing_that_is_interrupted_says_what_it_had_launched() {
    let scene = Scene::new();
    for _ in 0..2 {
        scene.job();
    }
    scene
        .store
        .fault("acquire", [Fault::None, Fault::Before(refused())]);
    let manager = scene.manager();
    let shutdown = GracefulShutdown::new();
    let processed = manager.process_queue("local", 5, &shutdown);
    let error = processed.await.expect_err("the second look fails");
    let QueueError::Interrupted { so_far, source } = error else {
        panic!("{error} does not say what was launched");
    };
    assert_eq!(so_far.launched, 2);
    assert!(matches!(*source, QueueError::Store(_)));
    manager.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_manager_whose_worker_a_person_drains_launches_nothing_more() {
    let scene = Scene::new();
    scene.scripted(Script::runs_for(50 * SECOND));
    let manager = scene.manager();
    manager
        .launch_next_batch("local", 1, SECOND)
        .await
        .expect("it launches");
    let workers = |draining| {
        let mut inner = scene.store.lock();
        inner
            .workers
            .values_mut()
            .for_each(|worker| worker.draining = draining);
    };
    workers(true);
    sleep(15 * SECOND).await;
    let refused = manager.launch_next_batch("local", 2, SECOND).await;
    assert!(matches!(refused, Err(QueueError::ShuttingDown)));
    manager.close().await;
}

/// On the real clock and two threads, for the moments in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_against_launches_leaves_no_lease_whatever_comes_first() {
    for round in 0..100_u64 {
        let scene = Scene::new();
        let jobs: Vec<i64> = (0..8).map(|_| scene.job()).collect();
        let manager = Arc::new(scene.manager());
        let mut calls = JoinSet::new();
        for n in 0..4 {
            let manager = Arc::clone(&manager);
            calls.spawn(async move {
                if n % 2 == 0 {
                    let _ = manager.launch_next_batch("local", 8, SECOND).await;
                } else if let Ok(Some(held)) = manager.acquire_next_job("local", SECOND).await {
                    let _ = held.launch().await;
                }
            });
        }
        sleep(Duration::from_micros(round * 20)).await;
        let report = manager.close().await;
        calls.join_all().await;
        assert_eq!(report.accounted(), report.acquired, "{report:?}");
        assert_eq!(report.unfinished, 0, "{report:?}");
        assert!(
            scene.store.lock().leases.is_empty(),
            "round {round}: a lease is left"
        );
        let launched = jobs.iter().filter(|job| scene.executor.starts(**job) > 0);
        assert_eq!(launched.count() as u64, report.completed, "{report:?}");
    }
}
