//! Leases whose reply was lost.

use std::time::Duration;

use longshore_core::attempt::Outcome;
use longshore_core::state::TerminalState;
use longshore_queue::Until;
use tokio::time::sleep;

use crate::support::{Fault, Place, Scene, Script, unavailable, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn leases_whose_reply_was_lost_are_handed_back_and_run_once() {
    let scene = Scene::new();
    let jobs: Vec<i64> = (0..3).map(|_| scene.job()).collect();
    scene.store.fault("acquire", [Fault::After(unavailable())]);
    let report = scene.work().await;
    assert_eq!((report.reconciled, report.completed), (3, 3));
    for job in jobs {
        let outcomes: Vec<_> = scene.store.records(job).iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes, [Outcome::HandedBack, Outcome::Exited]);
        assert_eq!(scene.executor.starts(job), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn leases_of_a_call_in_flight_are_not_handed_back() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    let job = scene.job();
    // The acquisition happened and its reply is long in coming: many heartbeats pass meanwhile.
    scene.store.fault("acquire", [Fault::Hang]);
    let worker = scene.start();
    until("it is acquired", || scene.store.place(job) == Place::Leased).await;
    sleep(120 * SECOND).await;
    assert_eq!(scene.store.place(job), Place::Leased);
    assert_eq!(scene.journal.count("finish"), 0);
    worker.shutdown.drain();
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn leases_that_run_here_are_not_handed_back() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for(300 * SECOND));
    let report = scene.work().await;
    assert_eq!((report.reconciled, report.completed), (0, 1));
    assert_eq!(scene.store.records(job).len(), 1);
    assert!(scene.store.is_settled(job, TerminalState::Completed));
}
