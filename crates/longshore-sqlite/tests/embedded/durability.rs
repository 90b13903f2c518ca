//! What was acknowledged stays, whatever becomes of the process.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Folder, job, open};
use longshore_core::JobId;
use longshore_core::store::{Reading, Retention, Store, StoreError, Submissions, Upkeep};

/// Names the folder for a test that runs as another process, which goes on until it is killed.
const FOLDER: &str = "LONGSHORE_TEST_FOLDER";

/// Where a process notes what was acknowledged to it.
fn notes(file: &Path) -> PathBuf {
    file.with_file_name("acknowledged")
}

#[tokio::test]
async fn what_is_submitted_is_there() {
    let folder = Folder::new();
    let given = std::env::var_os(FOLDER).map(PathBuf::from);
    let is_endless = given.is_some();
    let file = given.unwrap_or_else(|| folder.file());
    let store = open(&file).await;
    let mut notes = std::fs::File::create(notes(&file)).expect("notes");
    let mut rounds = 0;
    while is_endless || rounds < 20 {
        let submitted = store.submit(&[job(), job(), job()]).await.expect("submit");
        writeln!(notes, "{}", submitted[2].job).expect("note");
        rounds += 1;
    }
    let newest = store.newest_job().await.expect("newest");
    assert_eq!(newest, Some(JobId(60)));
    store.close().await;
}

#[tokio::test]
async fn acknowledged_jobs_survive_a_process_that_is_killed() {
    for _ in 0..3 {
        let folder = Folder::new();
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "durability::what_is_submitted_is_there"])
            .env(FOLDER, folder.file())
            .stdout(Stdio::null())
            .spawn()
            .expect("this program starts again");
        let deadline = Instant::now() + Duration::from_secs(30);
        let noted = || std::fs::read_to_string(notes(&folder.file())).unwrap_or_default();
        while noted().lines().count() < 30 {
            assert!(
                Instant::now() < deadline,
                "the other process submits nothing"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.kill().expect("kill");
        child.wait().expect("it ends");
        let acknowledged: i64 = noted()
            .lines()
            .filter_map(|line| line.parse().ok())
            .max()
            .expect("some were acknowledged");
        let store = open(&folder.file()).await;
        let newest = store.newest_job().await.expect("newest").expect("jobs");
        assert!(
            newest.0 >= acknowledged,
            "{newest} is older than {acknowledged}"
        );
        assert_eq!(newest.0 % 3, 0, "each call happened whole or not at all");
        let ids: Vec<JobId> = (1..=newest.0).map(JobId).collect();
        store
            .states(&ids)
            .await
            .expect("every one of them is there");
        assert_eq!(store.audit().await.expect("audit"), Vec::<String>::new());
        store.close().await;
    }
}

#[tokio::test]
async fn a_closed_store_has_finished_what_was_asked_and_takes_nothing_more() {
    let folder = Folder::new();
    let store = std::sync::Arc::new(open(&folder.file()).await);
    let submitting: Vec<_> = (0..50)
        .map(|_| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move { store.submit(&[job()]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    let mut acknowledged = 0;
    for task in submitting {
        match task.await.expect("no panic") {
            Ok(_) => acknowledged += 1,
            Err(error) => assert!(error.is_unavailable(), "{error:?}"),
        }
    }
    assert!(matches!(
        store.newest_job().await,
        Err(StoreError::Unavailable { .. })
    ));
    let store = open(&folder.file()).await;
    let newest = store
        .newest_job()
        .await
        .expect("newest")
        .map_or(0, |job| job.0);
    assert_eq!(newest, acknowledged, "what was refused did not happen");
    store.close().await;
}

#[tokio::test]
async fn a_handle_that_closes_beside_others_leaves_their_log_alone() {
    let folder = Folder::new();
    let busy = open(&folder.file()).await;
    busy.submit(&[job()]).await.expect("submit");
    let log = folder.file().with_file_name("longshore.db-wal");
    let size = || std::fs::metadata(&log).map_or(0, |found| found.len());
    let before = size();
    assert!(before > 0, "the submission is in the log");
    let glance = open(&folder.file()).await;
    glance.newest_job().await.expect("newest");
    glance.close().await;
    assert_eq!(size(), before, "cutting it would take the write lock");
    busy.close().await;
}

#[tokio::test]
async fn the_log_is_cut_back_while_the_store_is_used_and_gone_once_it_is_closed() {
    let folder = Folder::new();
    let store = open(&folder.file()).await;
    let log = folder.file().with_file_name("longshore.db-wal");
    let size = || std::fs::metadata(&log).map_or(0, |found| found.len());
    let jobs = vec![job(); 500];
    for _ in 0..60 {
        store.submit(&jobs).await.expect("submit");
    }
    // 30,000 jobs are about three times as much.
    assert!(size() < 16 * 1024 * 1024, "the log has {} bytes", size());
    let retention = Retention {
        keep: Duration::from_hours(1),
        batch: 100,
    };
    store.tend_storage(retention).await.expect("tend");
    assert_eq!(size(), 0, "tending cuts it to nothing");
    store.submit(&jobs).await.expect("submit");
    store.close().await;
    assert!(!log.exists(), "the last one to close takes it away");
}
