//! What a launch says of itself while it takes long.

use longshore_core::disposition::Disposition;
use longshore_core::store::{LeaseKey, LeaseStatus, MAX_NOTE_BYTES};
use longshore_core::waiting::WhyWaiting;

use super::leases;
use crate::store::StoreHarness;
use crate::store::scene::{Scene, stale};

async fn tell(scene: &Scene, key: LeaseKey, note: &str) -> LeaseStatus {
    let told = scene.store.note_launch(key, note).await;
    told.expect("note the launch")
}

async fn said(scene: &Scene, key: LeaseKey) -> Option<WhyWaiting> {
    scene.show(key.job).await.why_waiting
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what may be none")]
fn note(text: &str) -> Option<WhyWaiting> {
    let note = text.to_owned();
    Some(WhyWaiting::Launching { note })
}

pub async fn what_a_launch_says_is_why_its_job_waits_until_it_runs(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let [key, other] = leases(&scene, 2).await[..] else {
        panic!("two leases")
    };
    assert_eq!(said(&scene, key).await, None, "nothing was said yet");
    for text in ["pulling image: 10 %", "pulling image: 90 %", "it's \"ü\""] {
        assert_eq!(tell(&scene, key, text).await, LeaseStatus::Held);
        assert_eq!(said(&scene, key).await, note(text), "the last word");
    }
    assert_eq!(said(&scene, other).await, None, "no other job's");
    scene.mark_launched(key).await;
    assert_eq!(said(&scene, key).await, note("it's \"ü\""), "not yet");
    let running = scene.store.mark_running(key).await.expect("mark running");
    assert_eq!(running, LeaseStatus::Held);
    assert_eq!(said(&scene, key).await, None, "it runs");
    // A last word that comes late is no reason to wait.
    assert_eq!(tell(&scene, key, "late").await, LeaseStatus::Held);
    assert_eq!(said(&scene, key).await, None);
}

pub async fn what_a_launch_said_goes_with_its_attempt(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = leases(&scene, 1).await[0];
    tell(&scene, key, "pulling").await;
    scene.end(key, Disposition::HandBack).await;
    let waits = said(&scene, key).await;
    assert!(
        matches!(waits, Some(WhyWaiting::InLine { .. })),
        "{waits:?}"
    );
    let again = scene.acquire_one().await.key;
    assert_eq!(again.job, key.job);
    assert_eq!(said(&scene, again).await, None);
    assert_eq!(tell(&scene, key, "old").await, LeaseStatus::Lost);
    assert_eq!(said(&scene, again).await, None);
}

pub async fn a_stale_token_says_nothing_of_a_launch(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = leases(&scene, 1).await[0];
    tell(&scene, key, "pulling").await;
    assert_eq!(tell(&scene, stale(key), "stale").await, LeaseStatus::Lost);
    assert_eq!(said(&scene, key).await, note("pulling"));
}

pub async fn a_launch_that_says_something_learns_that_its_end_was_asked_for(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = leases(&scene, 1).await[0];
    scene.store.request_cancel(key.job).await.expect("live");
    let told = tell(&scene, key, "pulling").await;
    assert_eq!(told, LeaseStatus::CancelRequested);
    assert_eq!(said(&scene, key).await, note("pulling"));
}

pub async fn of_a_long_note_whole_characters_are_kept(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = leases(&scene, 1).await[0];
    let long = format!("x{}", "€".repeat(MAX_NOTE_BYTES));
    tell(&scene, key, &long).await;
    let kept = 1 + (MAX_NOTE_BYTES - 1) / 3 * 3;
    assert_eq!(said(&scene, key).await, note(&long[..kept]));
}
