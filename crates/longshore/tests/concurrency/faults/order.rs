//! First queued, first acquired; and nothing before its time.

use std::time::Duration;

use longshore_core::JobId;
use longshore_core::store::Leases as _;
use longshore_testkit::judged::{conclude, exercised, holds};
use longshore_testkit::store::scene::{QUEUE, Scene};
use longshore_testkit::store::seed::Seed;

use super::gates::Pg;

#[tokio::test]
async fn what_was_queued_first_is_acquired_first() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let jobs = scene.submit_all(Seed::jobs(40)).await;
    let first = scene.acquire_ids(5).await;
    conclude(&holds("S7", first == jobs[..5], || {
        format!("of {jobs:?} the first five were {first:?}")
    }));
}

#[tokio::test]
async fn jobs_that_came_due_are_acquired_in_the_order_in_which_they_did() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let later = scene.store.now().await.expect("a clock") + Duration::from_hours(1);
    let seeds = (0..12).map(|_| Seed::job().due_at(later));
    let mut jobs = scene.submit_all(seeds).await;
    // The last submitted came due first.
    let past = "UPDATE scheduled SET due_at = now() - job_id * interval '1 minute'";
    let client = pg.0.client().await;
    client.batch_execute(past).await.expect("an update");
    jobs.reverse();
    let order = scene.acquire_ids(12).await;
    conclude(&holds("S7", order == jobs, || {
        format!("due in the order {jobs:?}, acquired {order:?}")
    }));
}

#[tokio::test]
async fn a_job_whose_submission_commits_late_is_not_passed_over() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let late = pg.0.client().await;
    let spec = serde_json::json!({ "command": ["true"], "queue": QUEUE });
    late.batch_execute("BEGIN").await.expect("begin");
    let submit = "SELECT longshore.submit($1)";
    let row = late.query_one(submit, &[&spec]).await.expect("valid");
    let late_job = JobId(row.get(0));
    scene.submit(Seed::job()).await;
    let store = pg.patient().await;
    for _ in 0..3 {
        store.look_at_line(scene.queue.id).await.expect("a look");
    }
    late.batch_execute("COMMIT").await.expect("commit");
    let acquired = store.acquire(scene.request(1)).await.expect("acquire");
    let got: Vec<_> = acquired.leases.iter().map(|lease| lease.key.job).collect();
    let judged = holds("S7", got == [late_job], || {
        format!("{late_job} is first in line, and {got:?} was acquired")
    });
    let looked = !store.asked(scene.queue.id).is_empty();
    conclude(&judged.and(|| exercised(looked, || "no look taught anything".to_owned())));
}

#[tokio::test]
async fn a_fast_clock_elsewhere_starts_no_job_early() {
    let pg = Pg::new().await;
    let fast = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET longshore.skew = ''1 day''', \
                current_database()); END $$";
    let client = pg.0.client().await;
    client.batch_execute(fast).await.expect("a setting");
    let scene = Scene::open(&pg).await;
    let due = scene.store.now().await.expect("a clock") + Duration::from_hours(1);
    scene.submit(Seed::job().due_at(due)).await;
    let staged = scene.store.stage_due(100).await.expect("stage");
    let got = scene.acquire_ids(1).await;
    conclude(&holds("S8", got.is_empty(), || {
        format!("an hour early: {got:?} ({staged:?} staged)")
    }));
}
