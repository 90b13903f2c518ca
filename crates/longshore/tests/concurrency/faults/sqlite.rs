//! SQLite: an answer comes after the commit, and a writer that waits gets its turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use longshore_core::store::JobFilter;
use longshore_fault::Gate;
use longshore_testkit::judged::{conclude, exercised, holds};
use longshore_testkit::store::StoreHarness as _;
use longshore_testkit::store::scene::Scene;
use longshore_testkit::store::seed::Seed;
use longshore_testkit::wait::eventually;

use super::gates::File;

#[tokio::test]
async fn a_job_is_acknowledged_only_when_its_commit_has_gone_well() {
    let file = File::new();
    let scene = Scene::open(&file).await;
    // The scene's own commits are over: a reader sees the last of them.
    eventually("the scene is set", async || {
        let workers = scene.store.workers(true).await.expect("a list");
        (!workers.is_empty()).then_some(())
    })
    .await;
    let commit = Gate::anywhere("commit.before", 1);
    commit.fail();
    let job = Seed::job().build_in(&scene.queue.name);
    let answer = scene.store.submit(&[job]).await;
    // One that was answered too early may not have come to its commit yet.
    eventually("it commits", async || {
        (!commit.keys().is_empty()).then_some(())
    })
    .await;
    drop(commit);
    let page = file.open().await.list_jobs(&all_jobs()).await;
    let there = page.expect("a list").jobs.len();
    let is_kept = answer.is_err() || there == 1;
    let judged = holds("S4", is_kept, || {
        format!("acknowledged as {answer:?}, and not there")
    });
    conclude(&judged.and(|| exercised(answer.is_err(), || "no commit failed".to_owned())));
}

/// Commits of the other writer.
const BESIDE: u32 = 10;
/// Many times the acquisitions that fit beside them.
const ASKED_MAX: u32 = 100_000;

#[tokio::test]
async fn a_verb_that_waits_for_another_writer_gets_its_turn() {
    let file = File::new();
    let scene = Scene::open(&file).await;
    scene.submit_all(Seed::jobs(20)).await;
    let path = file.path();
    let commits = Arc::new(AtomicU32::new(0));
    let made = Arc::clone(&commits);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        let connection = rusqlite::Connection::open(path).expect("the file is there");
        connection
            .busy_timeout(Duration::from_secs(10))
            .expect("a setting");
        while stopped.try_recv().is_err() {
            let write = "BEGIN IMMEDIATE; UPDATE queue SET epoch = epoch + 1";
            connection.execute_batch(write).expect("the lock");
            // As long as a commit takes on a slow disk: the other is let in between.
            std::thread::sleep(Duration::from_millis(5));
            connection.execute_batch("COMMIT").expect("a commit");
            made.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(8));
        }
    });
    let (mut asked, mut refused) = (0, Vec::new());
    // Beside so many commits that no luck avoids all of them.
    while commits.load(Ordering::Relaxed) < BESIDE && asked < ASKED_MAX {
        asked += 1;
        if let Err(error) = scene.store.acquire(scene.request(1)).await {
            refused.push(error.to_string());
        }
    }
    stop.send(()).expect("it listens");
    other.join().expect("the other writer does not fail");
    let commits = commits.load(Ordering::Relaxed);
    let judged = holds("L1", refused.is_empty(), || {
        format!(
            "{} of {asked} acquisitions were refused: {}",
            refused.len(),
            refused[0]
        )
    });
    conclude(&judged.and(|| exercised(commits >= BESIDE, || format!("{commits} commits beside"))));
}

fn all_jobs() -> JobFilter {
    JobFilter {
        limit: JobFilter::MAX_PAGE,
        ..JobFilter::default()
    }
}
