//! What attempts use over time.

use std::time::Duration;

use longshore_core::attempt::Usage;
use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{LeaseKey, Retention};
use longshore_core::usage::{AttemptUsage, Sample, UsageNote, UsageSeries};
use longshore_core::{AttemptNumber, JobId};

use crate::store::StoreHarness;
use crate::store::scene::{Scene, stale};
use crate::store::seed::Seed;

/// So many samples, a second apart, of a job that uses all of a core.
fn series(seconds: u64) -> UsageSeries {
    let mut series = UsageSeries::default();
    for second in 1..=seconds {
        let usage = Usage {
            cpu_micros: Some(second * 1_000_000),
            peak_memory_bytes: None,
        };
        let memory_bytes = (second % 2 == 0).then_some(second << 20);
        series.add(
            Duration::from_secs(second),
            Sample {
                usage,
                memory_bytes,
            },
        );
    }
    series
}

async fn note(scene: &Scene, lease: LeaseKey, series: &UsageSeries) {
    let note = UsageNote {
        lease,
        series: series.clone(),
    };
    scene.store.note_usage(&[note]).await.expect("noted");
}

async fn used(scene: &Scene, job: JobId) -> Vec<AttemptUsage> {
    scene.store.usage_of(job).await.expect("a look")
}

fn of(attempt: AttemptNumber, series: &UsageSeries) -> AttemptUsage {
    AttemptUsage {
        attempt,
        points: series.points().to_vec(),
    }
}

pub async fn what_an_attempt_uses_is_noted_by_its_holder_alone(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    assert_eq!(used(&scene, key.job).await, []);
    note(&scene, key, &series(3)).await;
    let other = scene.twin(h).await;
    assert_eq!(used(&other, key.job).await, [of(key.attempt, &series(3))]);
    // The whole of it comes in place of what was there.
    note(&scene, key, &series(5)).await;
    note(&scene, stale(key), &series(9)).await;
    assert_eq!(used(&other, key.job).await, [of(key.attempt, &series(5))]);
    scene.settle(key, TerminalState::Completed).await;
    note(&scene, key, &series(9)).await;
    assert_eq!(used(&other, key.job).await, [of(key.attempt, &series(5))]);
    scene.store.note_usage(&[]).await.expect("nothing to do");
}

pub async fn each_attempt_has_its_own_usage_and_jobs_do_not_mix(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let (first, other) = (
        scene.running(Seed::job()).await,
        scene.running(Seed::job()).await,
    );
    let notes = [(first, series(2)), (other, series(4))];
    let notes = notes.map(|(lease, series)| UsageNote { lease, series });
    scene.store.note_usage(&notes).await.expect("noted");
    scene.end(first, Disposition::HandBack).await;
    let again = scene.acquire_one().await.key;
    assert_eq!(again.job, first.job);
    note(&scene, again, &series(6)).await;
    let found = used(&scene, first.job).await;
    assert_eq!(
        found.last(),
        Some(&of(again.attempt, &series(6))),
        "{found:?}"
    );
    assert_eq!(
        used(&scene, other.job).await,
        [of(other.attempt, &series(4))]
    );
    scene.settle(again, TerminalState::Completed).await;
    scene.settle(other, TerminalState::Completed).await;
}

pub async fn pruning_takes_usage_along(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let kept = scene.running(Seed::job()).await;
    for lease in [key, kept] {
        note(&scene, lease, &series(2)).await;
    }
    scene.settle(key, TerminalState::Completed).await;
    let ended = scene.store.now().await.expect("now");
    scene.wait_until(ended).await;
    let retention = Retention {
        keep: Duration::ZERO,
        batch: 10,
    };
    while scene.store.prune(retention).await.expect("pruned").more {}
    assert_eq!(used(&scene, key.job).await, []);
    assert_eq!(used(&scene, kept.job).await.len(), 1);
    scene.settle(kept, TerminalState::Completed).await;
}
