//! Tending storage, looking for problems, listening for hints.

use std::time::Duration;

use longshore_core::State;
use longshore_core::store::{Retention, Severity};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, QUEUE, Scene};
use crate::store::seed::Seed;
use crate::wait::{PATIENCE, eventually};

/// More than any case has.
const MANY: u32 = 1000;

pub async fn storage_can_be_tended_at_any_time(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.job_in(State::Completed).await;
    let waiting = scene.submit(Seed::job()).await;
    let retention = Retention {
        keep: LATER,
        batch: MANY,
    };
    for _ in 0..2 {
        scene
            .store
            .tend_storage(retention)
            .await
            .expect("idempotent");
    }
    assert_eq!(scene.state(job).await, State::Completed);
    assert_eq!(scene.state(waiting).await, State::Queued);
    scene.job_in(State::Completed).await;
}

pub async fn a_fresh_database_has_no_problem(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let findings = scene.store.diagnose().await.expect("diagnose");
    assert!(!findings.is_empty(), "something was looked at");
    for finding in findings {
        assert!(finding.severity < Severity::Problem, "{finding:?}");
        assert!(
            finding.severity == Severity::Ok || !finding.advice.is_empty(),
            "{finding:?}"
        );
    }
}

pub async fn a_listener_hears_that_another_handle_submitted(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    let mut wakeups = scene.store.wakeups();
    eventually("a hint after a submission", async || {
        let job = [Seed::job().build_in(QUEUE)];
        other.submit(&job).await.expect("submit");
        wakeups.wait(Duration::from_millis(500)).await.then_some(())
    })
    .await;
}

pub async fn a_listener_never_waits_longer_than_it_was_told(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut wakeups = scene.store.wakeups();
    let nap = Duration::from_millis(50);
    for _ in 0..3 {
        tokio::time::timeout(PATIENCE, wakeups.wait(nap))
            .await
            .expect("it returns");
    }
}
