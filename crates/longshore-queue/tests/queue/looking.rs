//! When a worker looks for work, and which of its queues it asks.

use std::time::Duration;

use longshore_core::state::TerminalState;
use longshore_core::{JobSpec, QueueId};
use longshore_queue::Until;
use tokio::time::{Instant, sleep};

use crate::support::{Fault, Scene, Script, in_time, unavailable, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_hint_is_heeded_at_once_and_what_is_put_off_starts_when_it_comes_due() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.config.poll_interval = 100 * SECOND;
    let worker = scene.start();
    sleep(5 * SECOND).await;
    let begun = Instant::now();
    let hinted = scene.job();
    until("it ended", || {
        scene.store.is_settled(hinted, TerminalState::Completed)
    })
    .await;
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());

    // A retry that comes due is announced by nobody: it is known when that will be.
    let quiet = scene.scripted(Script {
        ensure_errors: vec![longshore_core::classify::ErrorClass::Transient],
        ..Script::default()
    });
    let begun = Instant::now();
    until("it ended", || {
        scene.store.is_settled(quiet, TerminalState::Completed)
    })
    .await;
    assert!(
        begun.elapsed() <= 4 * SECOND,
        "its delay and no poll: {:?}",
        begun.elapsed()
    );
    worker.shutdown.drain();
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn without_hints_a_poll_finds_the_job() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.config.poll_interval = 20 * SECOND;
    scene.store.lock().hints_are_lost = true;
    let worker = scene.start();
    sleep(5 * SECOND).await;
    let begun = Instant::now();
    let job = scene.job();
    until("it ended", || {
        scene.store.is_settled(job, TerminalState::Completed)
    })
    .await;
    assert!(begun.elapsed() <= 21 * SECOND, "{:?}", begun.elapsed());
    worker.shutdown.drain();
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn of_many_queues_only_those_are_asked_in_which_something_waits() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.config.max_concurrent = 2;
    scene.config.poll_interval = 5 * SECOND;
    scene.config.queues = vec!["local".to_owned()];
    let mut queues = vec![];
    for id in 3..=40 {
        let name = format!("queue-{id}");
        queues.push(scene.store.add_queue(id, &name));
        scene.config.queues.push(name);
    }
    let worker = scene.start();
    sleep(60 * SECOND).await;
    assert_eq!(scene.journal.count("ask"), 0, "nothing waits anywhere");
    let looks = scene.journal.count("look");
    assert!((10..=20).contains(&looks), "one look each poll: {looks}");
    let command = || Ok(JobSpec::process(["true"]));
    let jobs = [5, 20, 5].map(|at: usize| scene.store.add_to(queues[at], command()));
    until("they ended", || {
        let is_done = |job: &i64| scene.store.is_settled(*job, TerminalState::Completed);
        jobs.iter().all(is_done)
    })
    .await;
    let asked = scene.journal.of(&["ask"]);
    let others = [queues[5], queues[20]].map(|queue| format!("ask {queue}"));
    assert!(asked.iter().all(|ask| others.contains(ask)), "{asked:?}");
    worker.shutdown.drain();
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fills_while_others_keep_all_slots_busy_has_its_turn() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.config.max_concurrent = 1;
    scene.config.queues = vec!["local".to_owned(), "second".to_owned()];
    scene.store.lock().hints_are_lost = true;
    let second = scene.store.add_queue(3, "second");
    for _ in 0..100 {
        scene.scripted(Script::runs_for(SECOND));
    }
    let worker = scene.start();
    until("it is busy", || scene.executor.most_live() == 1).await;
    sleep(5 * SECOND).await;
    let begun = Instant::now();
    let job = scene.store.add_to(second, Ok(JobSpec::process(["true"])));
    until("its turn", || {
        scene.store.is_settled(job, TerminalState::Completed)
    })
    .await;
    assert!(begun.elapsed() <= 5 * SECOND, "{:?}", begun.elapsed());
    worker.shutdown.drain();
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fails_does_not_keep_the_others_of_its_round_waiting() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.config.poll_interval = 30 * SECOND;
    scene.config.acquire_timeout = SECOND;
    scene.config.queues = vec!["local".to_owned(), "second".to_owned()];
    let second = scene.store.add_queue(3, "second");
    let job = scene.store.add_to(second, Ok(JobSpec::process(["true"])));
    let _stuck = scene.job();
    scene.store.fault_queue(QueueId(1));
    let begun = Instant::now();
    let worker = scene.start();
    until("the other queue is served", || {
        scene.store.is_settled(job, TerminalState::Completed)
    })
    .await;
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    worker.shutdown.drain();
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn acquisitions_that_fail_are_repeated_seldom() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    let worker = scene.start();
    sleep(SECOND).await;
    scene
        .store
        .fault("acquire", (0..100).map(|_| Fault::Before(unavailable())));
    sleep(60 * SECOND).await;
    worker.shutdown.drain();
    let report = in_time(worker.task)
        .await
        .expect("no panic")
        .expect("it began");
    assert_eq!(report.acquired, 0);
    let mut left = 0;
    while !matches!(scene.store.lock().faults.next("acquire"), Fault::None) {
        left += 1;
    }
    assert!(
        (70..=92).contains(&left),
        "{left} of 100 faults are left after a minute"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_hints_arrive_looks_a_third_as_often() {
    let mut asked = Vec::new();
    for hints_come_round in [false, true] {
        let mut scene = Scene::new();
        scene.config.until = Until::Stopped;
        scene.store.lock().hints_come_round = hints_come_round;
        let worker = scene.start();
        // It knows after a wait for a hint.
        sleep(20 * SECOND).await;
        let before = scene.journal.count("ask");
        sleep(60 * SECOND).await;
        asked.push(scene.journal.count("ask") - before);
        worker.shutdown.drain();
        worker.ended().await;
    }
    let [deaf, hearing] = asked[..] else {
        unreachable!("two were asked");
    };
    // With one after each look at the hosts.
    assert!((60..=90).contains(&deaf), "{deaf}");
    assert!((20..=40).contains(&hearing), "{hearing}");
}
