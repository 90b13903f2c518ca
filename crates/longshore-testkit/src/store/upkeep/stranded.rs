//! Leases that nobody tends to, as `doctor` sees them.

use std::time::Duration;

use longshore_core::store::{Finding, NewWorker, Severity};

use crate::store::StoreHarness;
use crate::store::scene::{QUEUE, Scene, new_worker};
use crate::store::seed::Seed;
use crate::wait::eventually;

async fn finding(scene: &Scene) -> Finding {
    let findings = scene.store.diagnose().await.expect("diagnose");
    let of_leases = |finding: &Finding| finding.subject == "leases";
    findings.into_iter().find(of_leases).expect("looked at")
}

pub async fn leases_whose_worker_is_stopped_or_silent_are_found_with_jobs_queues_and_slots(
    h: &dyn StoreHarness,
) {
    let scene = Scene::limited(h, 5).await;
    let mut silent = scene.twin(h).await;
    let short = NewWorker {
        lease_ttl: Duration::from_millis(1100),
        ..new_worker(&[scene.queue.id])
    };
    silent.worker = scene.store.register_worker(&short).await.expect("a worker");
    let stopping = scene.twin(h).await;
    let held = scene.leased(Seed::job()).await;
    let left = stopping.leased(Seed::job()).await;
    let unheard = silent.leased(Seed::job()).await;
    scene
        .store
        .stop_worker(stopping.worker)
        .await
        .expect("a known worker");
    let found = eventually("both are found", async || {
        let found = finding(&scene).await;
        found.seen.starts_with("2 leases ").then_some(found)
    })
    .await;
    assert_eq!(found.severity, Severity::Warning, "{found:?}");
    assert!(!found.advice.is_empty());
    let jobs = format!("jobs {}, {} in {QUEUE}", left.job, unheard.job);
    assert!(
        found.seen.contains(&jobs) && found.seen.contains(" 2 slots "),
        "{found:?}, and not of job {}",
        held.job
    );
    // Their worker, its machine, the host that they are on if one is known, and since when.
    for words in [
        "workers: worker on machine-1",
        "on hosts: none",
        "last heard of ",
        " ago",
    ] {
        assert!(found.seen.contains(words), "{words:?}: {found:?}");
    }
    silent.mark_launched(unheard).await;
    let found = finding(&scene).await;
    assert!(
        found.seen.contains("on hosts: machine-1.example"),
        "{found:?}"
    );
}

pub async fn leases_of_live_workers_are_as_they_should_be(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.leased(Seed::job()).await;
    assert_eq!(finding(&scene).await.severity, Severity::Ok);
}
