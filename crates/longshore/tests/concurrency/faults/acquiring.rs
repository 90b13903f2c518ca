//! One job, one worker; and nobody waits behind a locked head.

use longshore_core::store::Leases as _;
use longshore_testkit::judged::{conclude, exercised, holds};
use longshore_testkit::store::scene::Scene;
use longshore_testkit::store::seed::Seed;

use super::gates::{BEFORE_COMMIT, Pg};

#[tokio::test]
async fn the_job_behind_a_locked_one_is_given_at_once() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let jobs = scene.submit_all(Seed::jobs(2)).await;
    let holder = pg.0.client().await;
    let hold = "BEGIN; SELECT FROM ready ORDER BY lane, seq LIMIT 1 FOR UPDATE";
    holder.batch_execute(hold).await.expect("a lock");
    let acquired = pg.hasty().await.acquire(scene.request(1)).await;
    let got: Vec<_> = match &acquired {
        Ok(acquired) => acquired.leases.iter().map(|lease| lease.key.job).collect(),
        Err(_) => vec![],
    };
    conclude(&holds("S7", got == [jobs[1]], || {
        format!("behind the locked {} came {got:?}: {acquired:?}", jobs[0])
    }));
}

#[tokio::test]
async fn a_job_that_one_session_takes_is_not_given_to_another_before_it_commits() {
    let pg = Pg::gated_at(BEFORE_COMMIT).await;
    let scene = Scene::open(&pg).await;
    scene.submit_all(Seed::jobs(2)).await;
    let first = pg.held(scene.request(1)).await;
    let (store, request) = (pg.patient().await, scene.request(1));
    let second = tokio::spawn(async move { store.acquire(request).await });
    pg.until_ended_or_waiting(&second).await;
    let mut keys = first.go().await.leases;
    let taken_first = keys.len();
    let second = second.await.expect("no panic").expect("acquire");
    keys.extend(second.leases);
    let mut jobs: Vec<_> = keys.iter().map(|lease| lease.key.job).collect();
    jobs.sort_unstable();
    let all = jobs.len();
    jobs.dedup();
    let judged = holds("S1", jobs.len() == all, || {
        format!(
            "two sessions acquired one job: {:?}",
            keys.iter().map(|l| l.key).collect::<Vec<_>>()
        )
    });
    let both = taken_first == 1 && all == 2;
    conclude(&judged.and(|| exercised(both, || "each is to acquire one".to_owned())));
}
