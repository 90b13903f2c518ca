//! Hosts: their bounds, which of them a job goes to, and what happens when none takes it.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::executor::Executor;
use longshore_core::host::Capacity;
use longshore_core::state::TerminalState;
use longshore_core::{JobSpec, QueueId};
use longshore_queue::{Until, Worker};
use tokio::time::{Instant, sleep};

use crate::support::{Place, Scene, Script, ScriptedExecutor, start_worker, until};

const SECOND: Duration = Duration::from_secs(1);

fn slots(slots: u32) -> Capacity {
    Capacity {
        slots: Some(slots),
        ..Capacity::default()
    }
}

fn memory(gib: u64) -> Capacity {
    Capacity {
        memory_bytes: Some(gib << 30),
        ..Capacity::default()
    }
}

fn asking_for(gib: u64) -> JobSpec {
    JobSpec {
        memory: Some(gib << 30),
        ..JobSpec::process(["true"])
    }
}

/// A scene, and a second host beside its own.
fn two_hosts() -> (Scene, Arc<ScriptedExecutor>, Worker) {
    let scene = Scene::new();
    let second = Arc::new(ScriptedExecutor::on(scene.journal.clone(), "host-2"));
    let mut executors = scene.executors();
    executors.push(Arc::clone(&second) as Arc<dyn Executor>);
    let worker = Worker::new(scene.store.as_dyn(), executors, scene.config.clone())
        .expect("the scene's configuration is valid");
    (scene, second, worker)
}

#[tokio::test(start_paused = true)]
async fn a_host_runs_as_many_jobs_as_it_has_slots() {
    let scene = Scene::new();
    scene.store.add_host("host-1", slots(2));
    for _ in 0..7 {
        scene.scripted(Script::runs_for(SECOND));
    }
    let report = scene.work().await;
    assert_eq!(report.completed, 7);
    assert_eq!(scene.executor.most_live(), 2);
    assert_eq!(
        report.handed_back, 0,
        "no more is acquired than there is room for"
    );
    assert_eq!(
        scene.journal.count("create"),
        7,
        "nothing is created in vain"
    );
}

#[tokio::test(start_paused = true)]
async fn jobs_are_spread_over_hosts_within_the_slots_of_each() {
    let (scene, second, worker) = two_hosts();
    scene.store.add_host("host-1", slots(1));
    scene.store.add_host("host-2", slots(3));
    for _ in 0..12 {
        let job = scene.scripted(Script::runs_for(SECOND));
        second.script(job, Script::runs_for(SECOND));
    }
    let report = start_worker(worker).ended().await;
    assert_eq!(report.completed, 12);
    assert_eq!((scene.executor.most_live(), second.most_live()), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_with_its_lease_until_there_is_memory_and_says_so() {
    let scene = Scene::new();
    scene.store.add_host("host-1", memory(4));
    let first = scene.scripted_of(asking_for(3), Script::runs_for(10 * SECOND));
    let second = scene.scripted_of(asking_for(3), Script::runs_for(SECOND));
    let report = scene.work().await;
    assert_eq!((report.completed, report.handed_back), (2, 0));
    assert_eq!(scene.executor.most_live(), 1);
    assert_eq!(
        scene.journal.count("create"),
        2,
        "nothing is created in vain"
    );
    let notes = scene.journal.of(&["note"]);
    let [note] = &notes[..] else {
        panic!("one is told once: {notes:?}");
    };
    let waits = if note.contains(&format!("note {first}:")) {
        first
    } else {
        second
    };
    assert_eq!(
        *note,
        format!(
            "note {waits}: waiting for room: host host-1: 1 GiB of 4 GiB of memory are free and \
             the job asks for 3 GiB"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_large_job_is_not_overtaken_for_ever_by_small_ones() {
    let scene = Scene::new();
    scene.store.add_host("host-1", memory(4));
    let small = |n: u32| scene.scripted_of(asking_for(1), Script::runs_for(n * SECOND));
    for n in 1..=4 {
        small(n);
    }
    let large = scene.scripted_of(asking_for(4), Script::runs_for(SECOND));
    let later: Vec<_> = (1..=20).map(small).collect();
    let report = scene.work().await;
    assert_eq!(report.completed, 25);
    let started = scene.journal.of(&["start"]);
    let place = |job: i64| {
        started
            .iter()
            .position(|line| *line == format!("start {job}"))
    };
    let overtaking = later.iter().filter(|job| place(**job) < place(large));
    let acquired_with_it = usize::try_from(scene.config.max_concurrent).expect("it is small") - 1;
    assert!(overtaking.count() <= acquired_with_it, "{started:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_no_host_can_ever_hold_fails_and_says_why() {
    let scene = Scene::new();
    scene.store.add_host("host-1", memory(2));
    let job = scene.job_of(asking_for(8));
    let report = scene.work().await;
    assert_eq!(report.failed, 1);
    assert!(scene.store.is_settled(job, TerminalState::Failed));
    let (_, record, _) = scene.store.lock().attempts.pop().expect("one attempt");
    let error = record.error.expect("it says why").text;
    assert_eq!(
        error,
        "no host is large enough: host host-1: 2 GiB of 2 GiB of memory are free and the job asks \
         for 8 GiB"
    );
    assert_eq!(scene.journal.count("create"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_another_workers_host_can_hold_is_left_to_it_without_haste() {
    let scene = Scene::new();
    scene.store.add_host("host-1", memory(2));
    scene.store.add_host("elsewhere", memory(64));
    let job = scene.job_of(asking_for(8));
    let worker = scene.start();
    until("it is handed back", || scene.journal.count("finish") > 0).await;
    sleep(60 * SECOND).await;
    let tries = scene.journal.count("finish");
    assert!(tries <= 10, "{tries} hand-backs in a minute");
    assert_eq!(scene.store.place(job), Place::Ready);
    worker.shutdown.drain();
    worker.ended().await;
    assert_eq!(scene.journal.count("create"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_host_gets_nothing_until_it_is_enabled_and_keeps_what_runs() {
    let scene = Scene::new();
    let running = scene.scripted(Script::runs_for(60 * SECOND));
    let worker = scene.start();
    until("it runs", || scene.executor.live() == 1).await;
    scene
        .store
        .change_host("host-1", |host| host.enabled = false);
    sleep(15 * SECOND).await; // Longer than it takes a worker to hear of it.
    let waiting = scene.job();
    sleep(15 * SECOND).await;
    assert_eq!(
        scene.store.place(waiting),
        Place::Ready,
        "it is not even acquired"
    );
    assert_eq!(scene.executor.live(), 1, "what runs goes on");
    scene
        .store
        .change_host("host-1", |host| host.enabled = true);
    until("the other one ran", || scene.executor.starts(waiting) == 1).await;
    assert_eq!(scene.executor.starts(running), 1);
    assert_eq!(worker.ended().await.completed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_disabled_in_the_moment_of_a_launch_gets_it_not() {
    let (scene, second, worker) = two_hosts();
    let slow = Script {
        ensure_takes: 2 * SECOND,
        ..Script::default()
    };
    let job = scene.scripted(slow);
    let worker = start_worker(worker);
    until("it is being launched", || {
        scene.store.place(job) == Place::Leased
    })
    .await;
    scene
        .store
        .change_host("host-1", |host| host.enabled = false);
    assert_eq!(worker.ended().await.completed, 1);
    assert_eq!((scene.executor.starts(job), second.starts(job)), (0, 1));
    assert_eq!(
        scene.executor.left() + second.left(),
        0,
        "nothing is left behind"
    );
}

#[tokio::test(start_paused = true)]
async fn room_that_others_took_meanwhile_is_waited_for() {
    let scene = Scene::new();
    scene.store.add_host("host-1", slots(1));
    let slow = Script {
        ensure_takes: SECOND,
        ..Script::default()
    };
    let job = scene.scripted(slow);
    let worker = scene.start();
    until("it is being launched", || {
        scene.store.place(job) == Place::Leased
    })
    .await;
    scene
        .store
        .change_host("host-1", |host| host.capacity = slots(0));
    until("it is undone", || scene.journal.count("forget") == 1).await;
    sleep(30 * SECOND).await;
    assert_eq!(scene.executor.starts(job), 0);
    assert_eq!(scene.executor.left(), 0);
    scene
        .store
        .change_host("host-1", |host| host.capacity = slots(1));
    assert_eq!(worker.ended().await.completed, 1);
    assert_eq!(scene.executor.starts(job), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_room_can_be_cancelled() {
    let scene = Scene::new();
    scene.store.add_host("host-1", memory(4));
    scene.scripted_of(asking_for(4), Script::runs_for(60 * SECOND));
    let waiting = scene.scripted_of(asking_for(4), Script::default());
    let worker = scene.start();
    until("one waits", || scene.journal.count("note") == 1).await;
    scene.store.cancel(waiting);
    until("it is cancelled", || {
        scene.store.is_settled(waiting, TerminalState::Cancelled)
    })
    .await;
    assert_eq!(scene.executor.starts(waiting), 0);
    let report = worker.ended().await;
    assert_eq!((report.completed, report.cancelled), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stops_answering_gets_nothing_new_and_says_why() {
    let scene = Scene::new();
    scene.scripted(Script::runs_for(60 * SECOND));
    let worker = scene.start();
    until("it runs", || scene.executor.live() == 1).await;
    scene.executor.set_silent(true);
    until("the store is told", || {
        scene.store.host("host-1").problem.is_some()
    })
    .await;
    let waiting = scene.job();
    sleep(15 * SECOND).await;
    assert_eq!(scene.store.place(waiting), Place::Ready);
    scene.executor.set_silent(false);
    until("it answers again", || {
        scene.store.host("host-1").problem.is_none()
    })
    .await;
    assert_eq!(worker.ended().await.completed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_hangs_is_noticed_soon_and_holds_up_no_other() {
    let (scene, second, worker) = two_hosts();
    scene.store.add_host("host-1", slots(1));
    let job = scene.scripted(Script::runs_for(600 * SECOND));
    second.script(job, Script::runs_for(600 * SECOND));
    let worker = start_worker(worker);
    until("it runs", || scene.executor.live() + second.live() == 1).await;
    let began = Instant::now();
    scene.executor.set_hung(true);
    until("the first one's silence is told", || {
        scene.store.host("host-1").problem.is_some()
    })
    .await;
    assert!(began.elapsed() <= 21 * SECOND, "{:?}", began.elapsed());
    let began = Instant::now();
    second.set_silent(true);
    until("the second one's silence is told", || {
        scene.store.host("host-2").problem.is_some()
    })
    .await;
    assert!(began.elapsed() <= 15 * SECOND, "{:?}", began.elapsed());
    worker.shutdown.force();
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_late_is_used_from_then_on() {
    let (scene, second, worker) = two_hosts();
    scene.store.add_host("host-1", slots(1));
    second.set_silent(true);
    let first = scene.scripted(Script::runs_for(120 * SECOND));
    let other = scene.job();
    let worker = start_worker(worker);
    until("the first runs", || scene.executor.starts(first) == 1).await;
    sleep(15 * SECOND).await;
    assert_eq!(scene.store.place(other), Place::Ready);
    second.set_silent(false);
    until("the other ran there", || second.starts(other) == 1).await;
    assert_eq!(
        scene.store.lock().reached.len(),
        2,
        "the store knows who reaches it"
    );
    assert_eq!(worker.ended().await.completed, 2);
}

#[tokio::test(start_paused = true)]
async fn queues_of_an_executor_that_answers_late_are_served_from_then_on() {
    let mut scene = Scene::new();
    scene.config.queues = vec![];
    scene.config.until = Until::Stopped;
    let later = Arc::new(ScriptedExecutor::of_kind(scene.journal.clone(), "docker"));
    later.set_silent(true);
    let mut executors = scene.executors();
    executors.push(Arc::clone(&later) as Arc<dyn Executor>);
    let queue = QueueId(2); // whose jobs a kind named "docker" runs
    let here = scene.job();
    let there = scene.store.add_to(queue, Ok(JobSpec::process(["true"])));
    let worker = Worker::new(scene.store.as_dyn(), executors, scene.config.clone());
    let worker = start_worker(worker.expect("the scene's configuration is valid"));
    until("what needs no late host ran", || {
        scene.store.is_settled(here, TerminalState::Completed)
    })
    .await;
    sleep(60 * SECOND).await;
    assert_eq!(scene.store.place(there), Place::Ready);
    later.set_silent(false);
    until("the rest ran", || later.starts(there) == 1).await;
    assert!(scene.store.lock().served.contains(&queue), "people see it");
    worker.shutdown.drain();
    assert_eq!(worker.ended().await.completed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_worker_none_of_whose_hosts_answers_does_not_begin() {
    let scene = Scene::new();
    scene.job();
    scene.executor.set_silent(true);
    let shutdown = longshore_queue::GracefulShutdown::new();
    let error = scene
        .worker()
        .run(&shutdown)
        .await
        .expect_err("nobody answers");
    assert_eq!(error.to_string(), "the scripted executor does not answer");
}
