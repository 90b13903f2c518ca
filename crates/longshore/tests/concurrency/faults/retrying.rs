//! What is repeated, what is not, and after how long.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::limit::Limit;
use longshore_core::store::{
    AcquireRequest, JobFilter, Leases as _, Reading as _, Store, Submissions as _,
};
use longshore_fault::Gate;
use longshore_queue::Retrying;
use longshore_testkit::judged::{conclude, exercised, holds};
use longshore_testkit::store::scene::Scene;
use longshore_testkit::store::seed::Seed;

use super::gates::Pg;

#[tokio::test]
async fn a_submission_without_a_key_is_not_repeated_when_its_reply_was_lost() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let store = Retrying::new(Arc::clone(&scene.store));
    let lost = Gate::at("submit.committed", 1);
    lost.fail();
    let job = Seed::job().build_in(&scene.queue.name);
    let answer = store.submit(&[job]).await;
    let page = store.list_jobs(&all_jobs()).await.expect("a list");
    let there = page.jobs.len();
    let judged = holds("S4", there <= 1, || {
        format!("submitted once, there {there} times: {answer:?}")
    });
    let was_lost = !lost.keys().is_empty() && there > 0;
    conclude(&judged.and(|| exercised(was_lost, || "no reply was lost".to_owned())));
}

#[tokio::test]
async fn a_contended_call_is_repeated_after_pauses_that_grow() {
    let pg = Pg::new().await;
    let scene = Scene::limited(&pg, 1).await;
    scene.submit(Seed::job()).await;
    let holder = pg.0.client().await;
    let hold = "BEGIN; SELECT FROM queue FOR UPDATE";
    holder.batch_execute(hold).await.expect("a lock");
    let pauses = Gate::counting("retry.before_pause");
    let hasty: Arc<dyn Store> = pg.hasty().await;
    let store = Retrying::new(hasty).within(Duration::from_millis(700));
    let request = AcquireRequest {
        max_concurrent: Some(Limit(1)),
        ..scene.request(1)
    };
    let answer = store.acquire(request).await;
    let pauses = pauses.keys();
    let judged = holds("S9", pauses.iter().any(|micros| *micros > 0), || {
        format!("{} repeats without a pause", pauses.len())
    });
    let repeated = answer.is_err() && pauses.len() >= 3;
    conclude(&judged.and(|| exercised(repeated, || format!("{pauses:?}: {answer:?}"))));
}

fn all_jobs() -> JobFilter {
    JobFilter {
        limit: JobFilter::MAX_PAGE,
        ..JobFilter::default()
    }
}
