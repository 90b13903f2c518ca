//! From a running container to its recorded end.

use std::time::Duration;

use longshore_core::JobSpec;
use longshore_core::attempt::{Exit, Outcome};
use longshore_core::output::Stream;
use longshore_core::retry::RetriedExitCodes;
use longshore_core::spec::Timeout;
use longshore_core::state::TerminalState;
use tokio::time::Instant;

use crate::support::{Fault, Scene, Script, unavailable, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn an_exit_code_is_recorded_and_decides() {
    let scene = Scene::new();
    let bad = scene.scripted(Script::exits(3));
    let killed = scene.scripted(Script {
        exit: Exit::by_signal(9),
        ..Script::default()
    });
    let report = scene.work().await;
    assert_eq!(report.failed, 2);
    assert_eq!(scene.store.record(bad).exit, Some(Exit::with_code(3)));
    assert_eq!(scene.store.record(killed).exit, Some(Exit::by_signal(9)));
}

#[tokio::test(start_paused = true)]
async fn an_exit_code_that_the_spec_names_is_retried_as_often_as_it_says() {
    let scene = Scene::new();
    let spec = JobSpec {
        retry_exit_codes: Some(RetriedExitCodes::These(vec![75])),
        max_retries: Some(2),
        ..JobSpec::process(["true"])
    };
    let job = scene.scripted_of(spec, Script::exits(75));
    let report = scene.work().await;
    assert_eq!((report.retried, report.failed), (2, 1));
    assert_eq!(scene.executor.starts(job), 3);
    assert!(scene.executor.doubled().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_run_timeout_stops_the_container_with_its_grace() {
    let scene = Scene::new();
    let spec = JobSpec {
        run_timeout: Some(Timeout::After(60 * SECOND)),
        stop_grace: Some(7 * SECOND),
        ..JobSpec::process(["true"])
    };
    let script = Script {
        ignores_term: true,
        writes: vec![(SECOND, Stream::Stdout, b"so far".to_vec())],
        ..Script::runs_for_ever()
    };
    let job = scene.scripted_of(spec, script);
    let begun = Instant::now();
    let report = scene.work().await;
    assert_eq!(report.timed_out, 1);
    assert!(begun.elapsed() >= 67 * SECOND, "the timeout and the grace");
    assert!(
        begun.elapsed() < 75 * SECOND,
        "and little more: {:?}",
        begun.elapsed()
    );
    assert_eq!(scene.journal.of(&["stop"]), ["stop 1 7s"]);
    let record = scene.store.record(job);
    assert_eq!(record.outcome, Outcome::RunTimeout);
    assert_eq!(record.exit, Some(Exit::by_signal(9)));
    assert_eq!(scene.store.output(job)[0].output.bytes, b"so far");
    assert!(scene.store.is_settled(job, TerminalState::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_in_its_spec_a_job_may_run_for_an_hour() {
    let mut scene = Scene::new();
    // Hours on the paused clock: let the background sleep meanwhile.
    scene.config.poll_interval = 500 * SECOND;
    scene.config.lease_ttl = 1000 * SECOND;
    scene.config.heartbeat_interval = 500 * SECOND;
    let quick = scene.scripted(Script::runs_for(3599 * SECOND));
    let slow = scene.scripted(Script::runs_for(3700 * SECOND));
    let unbounded = JobSpec {
        run_timeout: Some(Timeout::Never),
        ..JobSpec::process(["true"])
    };
    let unbounded = scene.scripted_of(unbounded, Script::runs_for(5000 * SECOND));
    let report = tokio::time::timeout(9000 * SECOND, async {
        let shutdown = longshore_queue::GracefulShutdown::new();
        scene
            .worker()
            .run(&shutdown)
            .await
            .expect("the worker begins")
    });
    let report = report.await.expect("all jobs end");
    assert_eq!((report.completed, report.timed_out), (2, 1));
    assert!(scene.store.is_settled(quick, TerminalState::Completed));
    assert!(scene.store.is_settled(slow, TerminalState::TimedOut));
    assert!(scene.store.is_settled(unbounded, TerminalState::Completed));
}

#[tokio::test(start_paused = true)]
async fn silence_beyond_the_no_output_timeout_stops_the_container() {
    let scene = Scene::new();
    let spec = JobSpec {
        no_output_timeout: Some(Timeout::After(10 * SECOND)),
        ..JobSpec::process(["true"])
    };
    let word = |pause| (pause, Stream::Stderr, b"x".to_vec());
    let script = Script {
        writes: vec![word(9 * SECOND), word(9 * SECOND), word(30 * SECOND)],
        ..Script::runs_for(60 * SECOND)
    };
    let job = scene.scripted_of(spec, script);
    let begun = Instant::now();
    let report = scene.work().await;
    assert_eq!(report.timed_out, 1);
    assert_eq!(scene.store.record(job).outcome, Outcome::OutputTimeout);
    assert!(
        begun.elapsed() >= 28 * SECOND,
        "18 s with words and 10 s without"
    );
    assert!(begun.elapsed() < 35 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_not_called_silent_while_the_database_is_away_and_nobody_listens() {
    let scene = Scene::new();
    let spec = JobSpec {
        no_output_timeout: Some(Timeout::After(5 * SECOND)),
        ..JobSpec::process(["true"])
    };
    let word = |pause| (pause, Stream::Stdout, b"x".to_vec());
    let script = Script {
        writes: vec![word(SECOND), word(3 * SECOND), word(3 * SECOND)],
        ..Script::runs_for_ever()
    };
    let job = scene.scripted_of(spec, script);
    // The first append takes about 12 s of retries.
    let faults = (0..8).map(|_| Fault::Before(unavailable()));
    scene.store.fault("append_output", faults);
    let worker = scene.start();
    until("it wrote all", || scene.executor.pulled(job) == 3).await;
    scene.executor.end(job);
    let report = worker.ended().await;
    assert_eq!((report.completed, report.timed_out), (1, 0));
    let stored = scene.store.output(job).into_iter();
    let bytes: Vec<u8> = stored.flat_map(|append| append.output.bytes).collect();
    assert_eq!(bytes, b"xxx");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_fails_is_tried_again_until_the_container_has_ended() {
    let scene = Scene::new();
    let spec = JobSpec {
        run_timeout: Some(Timeout::After(SECOND)),
        ..JobSpec::process(["true"])
    };
    let script = Script {
        stop_errors: 3,
        ..Script::runs_for_ever()
    };
    let job = scene.scripted_of(spec, script);
    let report = scene.work().await;
    assert_eq!(report.timed_out, 1);
    assert_eq!(scene.journal.count("stop"), 4);
    assert_eq!(scene.store.record(job).outcome, Outcome::RunTimeout);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_tried_again_gives_the_grace_once() {
    let scene = Scene::new();
    let spec = JobSpec {
        run_timeout: Some(Timeout::After(SECOND)),
        stop_grace: Some(5 * SECOND),
        ..JobSpec::process(["true"])
    };
    let script = Script {
        stop_errors: 8,
        ..Script::runs_for_ever()
    };
    let job = scene.scripted_of(spec, script);
    scene.work().await;
    let stops = scene.journal.of(&["stop"]);
    assert_eq!(stops.first(), Some(&format!("stop {job} 5s")));
    assert_eq!(stops.last(), Some(&format!("stop {job} 0s")), "{stops:?}");
}

#[tokio::test(start_paused = true)]
async fn a_container_out_of_sight_is_stopped_before_the_next_attempt_begins() {
    let scene = Scene::new();
    let script = Script {
        watch_breaks_after: Some(SECOND),
        stop_errors: 2,
        ..Script::runs_for(3600 * SECOND)
    };
    let job = scene.scripted(script);
    let worker = scene.start();
    until("the first attempt is over", || {
        !scene.store.records(job).is_empty()
    })
    .await;
    let record = scene.store.records(job)[0].clone();
    assert_eq!(record.outcome, Outcome::Vanished);
    assert!(
        record
            .error
            .expect("it says why")
            .text
            .contains("lost sight")
    );
    let report = worker.ended().await;
    assert_eq!(
        (report.lost, report.failed),
        (3, 1),
        "the crash budget bounds it"
    );
    assert!(
        scene.executor.doubled().is_empty(),
        "no two of them ran at once"
    );
    assert_eq!(scene.executor.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_supervision_stops_the_container_frees_the_slot_and_is_bounded() {
    let mut scene = Scene::new();
    scene.config.max_concurrent = 1;
    let script = Script {
        panics: true,
        ..Script::runs_for_ever()
    };
    let job = scene.scripted(script);
    let after = scene.job();
    let report = scene.work().await;
    assert_eq!((report.lost, report.failed, report.completed), (3, 1, 1));
    assert!(scene.store.is_settled(job, TerminalState::Failed));
    assert!(
        scene.store.is_settled(after, TerminalState::Completed),
        "the one slot was freed"
    );
    let record = scene.store.records(job)[0].clone();
    assert_eq!(record.outcome, Outcome::Vanished);
    assert!(
        record
            .error
            .expect("it says why")
            .text
            .contains("the script panics")
    );
    assert_eq!(scene.executor.live(), 0);
    assert!(scene.executor.doubled().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_start_that_the_store_could_not_be_told_of_is_in_the_record() {
    let scene = Scene::new();
    let job = scene.job();
    scene.store.fault(
        "mark_running",
        (0..50).map(|_| Fault::Before(unavailable())),
    );
    let report = scene.work().await;
    assert_eq!(report.completed, 1);
    assert!(scene.store.record(job).started);
}

#[tokio::test(start_paused = true)]
async fn a_run_timeout_whose_watch_breaks_while_it_is_stopped_stays_a_timeout() {
    let scene = Scene::new();
    let spec = JobSpec {
        run_timeout: Some(Timeout::After(SECOND)),
        ..JobSpec::process(["true"])
    };
    let script = Script {
        ignores_term: true,
        watch_breaks_after: Some(3 * SECOND),
        ..Script::runs_for_ever()
    };
    let job = scene.scripted_of(spec, script);
    let report = scene.work().await;
    assert_eq!((report.timed_out, report.lost), (1, 0));
    let record = scene.store.record(job);
    assert_eq!(record.outcome, Outcome::RunTimeout);
    let error = record.error.expect("it says what is not known");
    assert!(error.text.contains("lost sight"), "{}", error.text);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_never_told_after_a_stop_is_not_waited_for_without_bound() {
    let scene = Scene::new();
    let spec = JobSpec {
        run_timeout: Some(Timeout::After(SECOND)),
        ..JobSpec::process(["true"])
    };
    let script = Script {
        end_is_never_told: true,
        ..Script::runs_for_ever()
    };
    let job = scene.scripted_of(spec, script);
    let begun = Instant::now();
    let report = scene.work().await;
    assert!(begun.elapsed() < 60 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(report.timed_out, 1);
    assert_eq!(scene.store.record(job).outcome, Outcome::RunTimeout);
}
