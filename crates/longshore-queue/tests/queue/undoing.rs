//! A container that is there although this launch did not start it, or of which nobody can say
//! whether it was started.

use std::time::Duration;

use longshore_core::attempt::{Exit, Outcome};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::Phase as ContainerPhase;
use longshore_core::state::TerminalState;

use crate::support::{Fault, Place, Scene, Script, refused, until};

#[tokio::test(start_paused = true)]
async fn a_failed_start_is_proved_never_to_run_before_it_is_retried() {
    let scene = Scene::new();
    let script = Script {
        start_error: Some(ErrorClass::Transient),
        ..Script::default()
    };
    let job = scene.scripted(script);
    let report = scene.work().await;
    assert_eq!((report.retried, report.completed), (1, 1));
    let steps = scene.journal.of(&["start", "forget", "finish"]);
    assert_eq!(steps[..3], ["start 1", "forget 1", "finish 1"]);
    assert_eq!(scene.executor.starts(job), 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_went_through_although_its_answer_was_an_error_is_not_sent_again() {
    let scene = Scene::new();
    let script = Script {
        start_error: Some(ErrorClass::Transient),
        starts_all_the_same: true,
        ..Script::runs_for(Duration::from_secs(3))
    };
    let job = scene.scripted(script);
    let report = scene.work().await;
    assert_eq!((report.retried, report.completed), (0, 1));
    assert_eq!(scene.executor.starts(job), 1);
    assert_eq!(scene.store.record(job).outcome, Outcome::Exited);
}

#[tokio::test(start_paused = true)]
async fn a_short_job_whose_start_went_through_in_spite_of_its_answer_runs_once() {
    let scene = Scene::new();
    let script = Script {
        start_error: Some(ErrorClass::Transient),
        starts_all_the_same: true,
        ..Script::exits(0)
    };
    let job = scene.scripted(script);
    let report = scene.work().await;
    assert_eq!((report.retried, report.completed), (0, 1));
    assert_eq!(scene.executor.starts(job), 1);
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_met_a_container_of_a_higher_token_goes_on_under_a_fresh_one() {
    let scene = Scene::new();
    let script = Script {
        superseded: true,
        ..Script::default()
    };
    let job = scene.scripted(script);
    let worker = scene.start();
    until("it is acquired", || scene.journal.count("acquired") == 1).await;
    // The store says that the lease is ours and the container says that it is not: nobody hands it
    // back, and recovery looks at it under another token.
    until("it ended", || {
        scene.store.is_settled(job, TerminalState::Completed)
    })
    .await;
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!(
        (report.unfinished, report.taken_over, report.completed),
        (1, 1, 1)
    );
    assert_eq!(report.reconciled, 0);
    assert_eq!(report.accounted(), report.acquired);
    assert_eq!(scene.executor.starts(job), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_runs_since_an_earlier_token_is_adopted_and_not_started() {
    let scene = Scene::new();
    let script = Script {
        finds: Some(ContainerPhase::Running),
        ..Script::runs_for(Duration::from_secs(9))
    };
    let job = scene.scripted(script);
    let report = scene.work().await;
    assert_eq!(report.completed, 1);
    assert_eq!(
        scene
            .journal
            .of(&["create", "fence", "watch", "start", "exited", "finish"]),
        ["fence 1", "watch 1", "exited 1", "finish 1"]
    );
    assert_eq!(scene.executor.starts(job), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ended_under_an_earlier_token_is_harvested() {
    let scene = Scene::new();
    let script = Script {
        finds: Some(ContainerPhase::Exited),
        ..Script::exits(5)
    };
    let job = scene.scripted(script);
    let report = scene.work().await;
    assert_eq!(report.failed, 1);
    assert_eq!(scene.store.record(job).exit, Some(Exit::with_code(5)));
    assert_eq!(scene.journal.count("start"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_running_container_whose_handle_cant_be_stored_is_never_run_beside_another() {
    let scene = Scene::new();
    let script = Script {
        finds: Some(ContainerPhase::Running),
        ..Script::runs_for_ever()
    };
    let job = scene.scripted(script);
    scene
        .store
        .fault("mark_launched", (0..10).map(|_| Fault::Before(refused())));
    let worker = scene.start();
    until("the fence was given up", || {
        scene.journal.count("fence") == 5
    })
    .await;
    until("it was taken over", || scene.store.is_running(job)).await;
    assert_eq!(
        scene.journal.count("finish"),
        0,
        "nobody hands it back while it runs"
    );
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!(report.handed_back, 1, "it can't outlive its worker");
    assert!(report.taken_over > 0, "{report}");
    assert_eq!(report.reconciled, 0);
    assert!(scene.executor.doubled().is_empty());
    assert_eq!(scene.executor.starts(job), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_lost_while_a_start_is_unclear_leaves_nothing_running() {
    let scene = Scene::new();
    let script = Script {
        start_error: Some(ErrorClass::Transient),
        starts_all_the_same: true,
        ..Script::runs_for_ever()
    };
    let job = scene.scripted(script);
    scene.executor.set_blind(true);
    let worker = scene.start();
    until("it runs, unseen", || scene.executor.live() == 1).await;
    scene.store.take_over(job);
    until("it is stopped", || scene.executor.live() == 0).await;
    until("and removed", || scene.executor.left() == 0).await;
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!(report.lost_leases, 1);
    assert_eq!(scene.journal.count("finish"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_found_container_whose_lease_is_lost_at_the_fence_does_not_run_on() {
    let scene = Scene::new();
    let script = Script {
        finds: Some(ContainerPhase::Running),
        ensure_takes: Duration::from_secs(1),
        ..Script::runs_for_ever()
    };
    let job = scene.scripted(script);
    let worker = scene.start();
    until("the job is acquired", || {
        scene.store.place(job) == Place::Leased
    })
    .await;
    scene.store.take_over(job);
    until("it ran and was stopped", || {
        scene.journal.count("stop") == 1 && scene.executor.live() == 0
    })
    .await;
    until("and removed", || scene.executor.left() == 0).await;
    worker.shutdown.drain();
    assert_eq!(worker.ended().await.lost_leases, 1);
}
