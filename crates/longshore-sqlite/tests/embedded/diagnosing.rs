//! What `doctor` says of a log that cannot be cut back.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use longshore_core::store::{Finding, Severity, Store, Upkeep};
use longshore_sqlite::SqliteStore;

use crate::support::{Folder, open};

async fn of_log(store: &SqliteStore) -> Finding {
    let findings = store.diagnose().await.expect("diagnose");
    let of_log = |finding: &Finding| finding.subject == "write-ahead log";
    findings.into_iter().find(of_log).expect("looked at")
}

#[tokio::test]
async fn a_log_that_has_grown_large_is_a_warning_that_names_who_has_the_file_open() {
    let folder = Folder::new();
    let store = open(&folder.file()).await;
    assert_eq!(of_log(&store).await.severity, Severity::Ok);
    // As large as a long read lets it become; what lies behind its last frame is never looked at.
    let log = format!("{}-wal", folder.file().display());
    let log = OpenOptions::new()
        .write(true)
        .open(log)
        .expect("it is there");
    log.set_len(300 << 20).expect("a hole takes no room");
    let found = of_log(&store).await;
    assert_eq!(found.severity, Severity::Warning, "{found:?}");
    assert!(
        !found.advice.contains("(process "),
        "nobody else has it open: {found:?}"
    );

    let mut reader = Command::new("tail")
        .args(["-f", "-c", "0"])
        .arg(folder.file())
        .stdout(Stdio::null())
        .spawn()
        .expect("there is a tail");
    let named = format!("tail (process {})", reader.id());
    let deadline = Instant::now() + Duration::from_secs(30);
    while !of_log(&store).await.advice.contains(&named) {
        assert!(Instant::now() < deadline, "{:?}", of_log(&store).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    reader.kill().expect("it runs");
    reader.wait().expect("it ends");
    store.close().await;
}
