//! The database did what it was asked, and the answer is lost; or the question was.

use longshore_testkit::proxy::{Lost, contains};

use crate::network::Away;
use crate::support::Home;
use crate::trial::Trial;

/// Loses the first three requests of each kind, or their answers, in turns.
async fn lost(request: &'static str) {
    let away = Away::new().await;
    let mut trial = away.trial().await;
    let kinds = [Lost::AfterTheAct, Lost::BeforeTheAct, Lost::AfterTheAct];
    let traps: Vec<_> = kinds
        .into_iter()
        .map(|lost| away.proxy.lose(lost, contains(request)))
        .collect();
    trial.open_gate();
    // Heartbeats come soon enough that a slot whose lease nobody knows of is free again soon.
    trial.start_workers(&away.address);
    for trap in traps {
        trap.sprung().await;
    }
    finish_under_limit(trial, &away).await;
}

/// Puts jobs behind that fill the limit: with a leaked slot they never would.
async fn finish_under_limit(mut trial: Trial, away: &Away) {
    let store = away.database.store().await.expect("it is there");
    let before = trial.count();
    trial
        .submit(&store, crate::trial::LIMIT, "second gate")
        .await;
    longshore::Store::close(&store).await;
    trial.started(before + crate::trial::LIMIT as usize).await;
    trial.home.file("second gate", "");
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acquisition_whose_answer_is_lost_leaks_no_slot_and_runs_no_job_twice() {
    lost("FROM acquire(").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_whose_answer_is_lost_is_stored_once() {
    lost("-- Ends attempts, each judged alone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_whose_answer_is_lost_starts_one_container() {
    lost("FROM fence(").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_whose_answer_is_lost_is_stored_once() {
    lost("-- Stores output of leases").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_whose_answer_is_lost_is_only_a_heartbeat() {
    lost("-- A sign of life").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_whose_answer_is_lost_exists_once_after_a_retry_with_its_key() {
    for (lost, there) in [(Lost::AfterTheAct, 1), (Lost::BeforeTheAct, 0)] {
        let away = Away::new().await;
        let home = Home::new();
        let database = away.database.url();
        let submit = |at: &str| {
            let key = ["--idempotency-key", "the key"];
            let what = ["submit", "--database", at, "--queue", "local"];
            home.run(&[&what[..], &key, &["--", "true"]].concat())
        };
        let trap = away
            .proxy
            .lose(lost, |request| request.starts_with(b"COMMIT"));
        let failed = tokio::task::block_in_place(|| submit(&away.address));
        assert_eq!(
            (failed.code, failed.stdout.as_str()),
            (3, ""),
            "{}",
            failed.report()
        );
        trap.sprung().await;
        let depth =
            || home.json(&["stats", "--database", &database])["metrics"]["queue_depth"].clone();
        assert_eq!(depth(), there, "{lost:?}");
        let again = submit(&away.address);
        assert_eq!(again.code, 0, "{}", again.report());
        assert_eq!(depth(), 1, "{lost:?}");
        let third = submit(&database);
        assert_eq!(third.stdout, again.stdout, "{}", third.report());
    }
}
