//! The concurrency suite: each promise put to the test on real databases, by tasks and by processes,
//! and each test able to fail (`docs/testing.md`). The groups and names of the first specification
//! stand here; beside each of its tests, the twin that can't be fooled.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with the other test binaries")]
mod support;

// What the demo tells the checker of a job is what these tests tell it.
#[path = "../../src/commands/demo/stored.rs"]
mod stored;

#[path = "../e2e/scene.rs"]
#[allow(dead_code, reason = "shared with the other test binaries")]
mod scene;

/// Declares tests that run on both stores, `name::on_sqlite` and `name::on_postgres`, beside the others unless
/// they say `beside nobody`.
macro_rules! on_both_stores {
    ($($name:ident),* $(,)?) => {
        on_both_stores! { beside others: $($name),* }
    };
    (beside $whom:ident: $($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_sqlite() {
                let _beside = crate::beside::$whom().await;
                super::$name(crate::scene::Scene::on_sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn on_postgres() {
                let _beside = crate::beside::$whom().await;
                super::$name(crate::scene::Scene::on_postgres().await).await;
            }
        }
    )*};
}

mod backing_off;
mod beside;
mod changing_limits;
mod databases;
mod deadlock_recovery;
#[cfg(feature = "faults")]
mod faults;
mod graceful_shutdown;
mod job_acquisition;
mod judging;
mod ledger;
mod load;
mod random;
mod recorded_processes;
mod stepping;
mod together;
mod worker_coordination;
mod workplace;
