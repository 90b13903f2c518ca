//! Another process holds the write lock, or a verb fails among others.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Folder, beside, job, open};
use longshore_core::JobId;
use longshore_core::store::{Contention, Reading, Store, StoreError, Submissions, Upkeep};
use longshore_sqlite::{Options, SqliteStore};
use longshore_testkit::wait::eventually;

/// Far more than a hint needs on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_lock_that_another_holds_delays_a_write_and_fails_nothing() {
    let folder = Folder::new();
    let store = Arc::new(open(&folder.file()).await);
    let other = beside(&folder.file());
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the lock is free");
    let submit = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.submit(&[job()]).await }
    });
    eventually("it looks for the lock, again and again", async || {
        assert!(!submit.is_finished(), "it was written beside the lock");
        (store.looks_in_vain() >= 3).then_some(())
    })
    .await;
    assert_eq!(store.newest_job().await.expect("readers don't wait"), None);
    other.execute_batch("COMMIT").expect("commit");
    let submitted = submit.await.expect("no panic").expect("submit");
    assert_eq!(
        store.newest_job().await.expect("newest"),
        Some(submitted[0].job)
    );
    store.close().await;
}

#[tokio::test]
async fn a_lock_held_beyond_the_budget_fails_the_write_which_can_be_repeated() {
    let folder = Folder::new();
    let options = Options {
        busy_budget: Duration::from_millis(200),
        ..Options::default()
    };
    let store = SqliteStore::open(folder.file(), options)
        .await
        .expect("open");
    let other = beside(&folder.file());
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the lock is free");
    let refused = store.submit(&[job()]).await.expect_err("the lock is held");
    assert!(refused.is_transient(), "{refused:?}");
    let StoreError::Contended {
        contention, verb, ..
    } = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((contention, verb), (Contention::Busy, "submit"));
    other.execute_batch("COMMIT").expect("commit");
    assert_eq!(
        store.newest_job().await.expect("newest"),
        None,
        "nothing was written"
    );
    store.submit(&[job()]).await.expect("the same again");
    store.close().await;
}

#[tokio::test]
async fn a_verb_that_fails_does_not_take_the_others_of_its_commit_with_it() {
    let folder = Folder::new();
    let store = Arc::new(open(&folder.file()).await);
    let other = beside(&folder.file());
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the lock is free");
    // While the lock is held the first of them waits for it, and the rest become one group.
    let submit = || {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.submit(&[job()]).await })
    };
    let queue = |job| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.queue_job(JobId(job)).await })
    };
    let fine: Vec<_> = (0..3).map(|_| submit()).collect();
    let failing: Vec<_> = (900..903).map(queue).collect();
    let also_fine: Vec<_> = (0..3).map(|_| submit()).collect();
    // The tasks share this thread: all of them have asked once it comes back here.
    tokio::task::yield_now().await;
    other.execute_batch("COMMIT").expect("commit");
    let mut jobs = Vec::new();
    for submitted in fine.into_iter().chain(also_fine) {
        jobs.push(submitted.await.expect("no panic").expect("submit")[0].job);
    }
    for refused in failing {
        let refused = refused.await.expect("no panic");
        assert!(
            matches!(refused, Err(StoreError::UnknownJob(_))),
            "{refused:?}"
        );
    }
    jobs.sort_unstable();
    assert_eq!(jobs, [1, 2, 3, 4, 5, 6].map(JobId));
    assert_eq!(store.audit().await.expect("audit"), Vec::<String>::new());
    store.close().await;
}

#[tokio::test]
async fn commits_of_another_handle_arrive_as_hints() {
    let folder = Folder::new();
    let here = open(&folder.file()).await;
    let there = open(&folder.file()).await;
    let mut wakeups = here.wakeups();
    // The first look of a watcher hints by itself. After it, one commit is one hint: what comes
    // before the next commit would be somebody else's.
    assert!(wakeups.wait(PATIENCE).await, "the first look");
    for _ in 0..5 {
        assert!(!wakeups.wait(Duration::ZERO).await, "it is quiet");
        there.submit(&[job()]).await.expect("submit");
        assert!(wakeups.wait(PATIENCE).await, "a hint");
    }
    there.submit(&[job()]).await.expect("submit");
    assert!(
        wakeups.wait(PATIENCE).await,
        "nobody waited, yet it was kept"
    );
    here.close().await;
    there.close().await;
}
