//! What `doctor` sees of a real server in trouble, and that it is silent about one that is well.

mod scene;

use std::time::Duration;

use longshore_core::store::{Finding, Registry, Renewed, Severity, Store, Submissions as _};
use longshore_postgres::PostgresStore;
use longshore_postgres::testing::TestClient;
use scene::{Scene, by_hand, job, scene};

/// As if so much time had passed that whatever goes on has gone on for long.
const LATER: Duration = Duration::from_mins(5);

fn about<'f>(findings: &'f [Finding], subject: &str) -> &'f Finding {
    let found = findings.iter().find(|finding| finding.subject == subject);
    found.unwrap_or_else(|| panic!("nothing about {subject}: {findings:?}"))
}

async fn seen(store: &PostgresStore, later: Duration, subject: &str) -> Finding {
    let findings = store.diagnose_later(later).await.expect("diagnose");
    let finding = about(&findings, subject).clone();
    assert_eq!(
        finding.severity == Severity::Ok,
        finding.advice.is_empty(),
        "what is not well has advice: {finding:?}"
    );
    finding
}

async fn pid_of(client: &TestClient) -> i32 {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
    row.expect("a number").get(0)
}

#[tokio::test]
async fn a_server_that_is_well_is_reported_without_a_warning() {
    let scene = scene(None).await;
    scene.submit(1).await;
    for subject in ["vacuum", "writers", "clock jumps", "instance", "leases"] {
        let finding = seen(&scene.store, LATER, subject).await;
        assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
    }
    scene.store.close().await;
}

#[tokio::test]
async fn a_session_that_is_idle_in_a_transaction_is_named_with_how_to_end_it() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let pid = pid_of(&client).await;
    let name = "SET application_name = 'forgetful'; BEGIN; UPDATE queue SET paused = paused";
    client.batch_execute(name).await.expect("a transaction");
    let fresh = seen(&scene.store, Duration::ZERO, "vacuum").await;
    assert_eq!(fresh.severity, Severity::Ok, "it has only begun: {fresh:?}");
    for subject in ["vacuum", "writers"] {
        let finding = seen(&scene.store, LATER, subject).await;
        assert_eq!(finding.severity, Severity::Warning);
        let who = format!("session {pid} (forgetful, ");
        assert!(finding.seen.starts_with(&who), "{finding:?}");
        assert!(
            finding.seen.contains("idle in a transaction for 5m"),
            "{finding:?}"
        );
        let end = format!("SELECT pg_terminate_backend({pid})");
        assert!(finding.advice.contains(&end), "{finding:?}");
    }
    client.batch_execute("ROLLBACK").await.expect("its end");
    for subject in ["vacuum", "writers"] {
        let finding = seen(&scene.store, LATER, subject).await;
        assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
    }
    scene.store.close().await;
}

#[tokio::test]
async fn a_long_query_is_named_and_is_no_writer() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let pid = pid_of(&client).await;
    let long = client.batch_execute("SELECT count(*), pg_sleep(600) FROM queue");
    let watch = async {
        let found = loop {
            let finding = seen(&scene.store, LATER, "vacuum").await;
            if finding.severity == Severity::Warning {
                break finding;
            }
        };
        let who = format!("session {pid} ");
        assert!(found.seen.starts_with(&who), "{found:?}");
        assert!(
            found.seen.contains("in one transaction for 5m"),
            "{found:?}"
        );
        let cancel = format!("pg_cancel_backend({pid})");
        assert!(found.advice.contains(&cancel), "{found:?}");
        let writers = seen(&scene.store, LATER, "writers").await;
        assert_eq!(writers.severity, Severity::Ok, "{writers:?}");
        let other = scene.database.client().await;
        let cancel = "SELECT pg_cancel_backend($1)";
        other.query_one(cancel, &[&pid]).await.expect("cancelled");
    };
    let both = async { tokio::join!(long, watch) };
    let (ended, ()) = tokio::time::timeout(Duration::from_mins(1), both)
        .await
        .expect("it is seen at once");
    ended.expect_err("it was cancelled");
    scene.store.close().await;
}

#[tokio::test]
async fn a_prepared_transaction_that_nobody_ends_is_named() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let allowed = "SELECT current_setting('max_prepared_transactions')::integer";
    let allowed: i32 = client
        .query_one(allowed, &[])
        .await
        .expect("a setting")
        .get(0);
    if allowed == 0 {
        // A server of somebody's own; the one that `cargo xtask postgres` starts has them.
        eprintln!("skipped: this server has no prepared transactions");
        return;
    }
    let prepare = "BEGIN; UPDATE queue SET paused = paused; PREPARE TRANSACTION 'left over'";
    client.batch_execute(prepare).await.expect("prepared");
    let finding = seen(&scene.store, LATER, "vacuum").await;
    assert_eq!(finding.severity, Severity::Warning);
    assert!(
        finding
            .seen
            .contains("the prepared transaction \"left over\" has waited"),
        "{finding:?}"
    );
    assert!(
        finding.advice.contains("ROLLBACK PREPARED 'left over'"),
        "{finding:?}"
    );
    // The database can't be dropped before.
    let end = "ROLLBACK PREPARED 'left over'";
    client.batch_execute(end).await.expect("its end");
    let finding = seen(&scene.store, LATER, "vacuum").await;
    assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
    scene.store.close().await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_shows_in_what_was_written_before() {
    let scene = scene(None).await;
    scene.submit(1).await;
    let client = scene.database.client().await;
    for (change, back, words) in [
        (
            "UPDATE worker SET heartbeat_at = heartbeat_at + interval '1 hour'",
            "UPDATE worker SET heartbeat_at = heartbeat_at - interval '1 hour'",
            "a worker gave its last sign of life",
        ),
        (
            "UPDATE job SET created_at = created_at + interval '1 hour'",
            "UPDATE job SET created_at = created_at - interval '1 hour'",
            "the newest job was submitted",
        ),
    ] {
        client.batch_execute(change).await.expect("as from before");
        let finding = seen(&scene.store, Duration::ZERO, "clock jumps").await;
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.seen.starts_with(words), "{finding:?}");
        client.batch_execute(back).await.expect("as it was");
        let finding = seen(&scene.store, Duration::ZERO, "clock jumps").await;
        assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
    }
    scene.store.close().await;
}

async fn copy_of(scene: &Scene) -> (longshore_postgres::testing::TestDatabase, PostgresStore) {
    scene.store.close().await;
    let copy = scene.database.copy().await;
    let store = PostgresStore::connect(&copy.url(), by_hand()).await;
    (copy, store.expect("a copy is migrated"))
}

#[tokio::test]
async fn a_copied_database_is_told_from_the_one_that_has_its_name_and_gets_another() {
    let scene = scene(None).await;
    let original = scene.store.instance().await.expect("a name");
    scene.store.stop_worker(scene.worker).await.expect("known");
    let (_copy, store) = copy_of(&scene).await;
    assert_eq!(store.instance().await.expect("a name"), original);
    let finding = seen(&store, Duration::ZERO, "instance").await;
    assert_eq!(finding.severity, Severity::Warning, "{finding:?}");
    assert!(
        finding.advice.contains("migrate --new-instance"),
        "{finding:?}"
    );
    let renewed = store.renew_instance(false).await.expect("nobody uses it");
    let now = store.instance().await.expect("a name");
    assert_eq!(renewed, Renewed::To(now.clone()));
    assert_ne!(now, original);
    let finding = seen(&store, Duration::ZERO, "instance").await;
    assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
    store.close().await;
    let again = PostgresStore::connect(&scene.database.url(), by_hand()).await;
    let again = again.expect("the original is there");
    assert_eq!(again.instance().await.expect("a name"), original);
    let finding = seen(&again, Duration::ZERO, "instance").await;
    assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
    again.close().await;
}

#[tokio::test]
async fn leases_of_a_copy_are_the_originals_and_keep_it_from_no_name() {
    let scene = scene(None).await;
    scene.submit(1).await;
    assert_eq!(scene.acquire(1).await.len(), 1);
    scene.store.stop_worker(scene.worker).await.expect("known");
    let in_use = Renewed::InUse {
        leases: 1,
        workers: 0,
    };
    let refused = scene.store.renew_instance(false).await.expect("an answer");
    assert_eq!(refused, in_use, "the original's are its own");
    let original = scene.store.instance().await.expect("a name");
    let (_copy, store) = copy_of(&scene).await;
    let renewed = store.renew_instance(false).await.expect("an answer");
    assert_ne!(renewed, Renewed::To(original));
    assert!(matches!(renewed, Renewed::To(_)), "{renewed:?}");
    store.close().await;
}

#[tokio::test]
async fn a_copy_that_is_in_use_keeps_its_name_and_can_be_said_to_be_the_one() {
    let scene = scene(None).await;
    scene.submit(1).await;
    assert_eq!(scene.acquire(1).await.len(), 1);
    let original = scene.store.instance().await.expect("a name");
    let (_copy, store) = copy_of(&scene).await;
    let refused = store.renew_instance(false).await.expect("an answer");
    let in_use = Renewed::InUse {
        leases: 1,
        workers: 1,
    };
    assert_eq!(refused, in_use);
    assert_eq!(store.instance().await.expect("a name"), original);
    let finding = seen(&store, Duration::ZERO, "instance").await;
    assert_eq!(
        finding.severity,
        Severity::Warning,
        "nothing changed: {finding:?}"
    );
    let kept = store.renew_instance(true).await.expect("an answer");
    assert_eq!(kept, Renewed::To(original));
    // What the original may have given out since is not given out again.
    let next = store.submit(&[job(50)]).await.expect("submit");
    assert_eq!(next[0].job.0, 1 + 100_000_000 + 1);
    let finding = seen(&store, Duration::ZERO, "instance").await;
    assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
    store.close().await;
}
