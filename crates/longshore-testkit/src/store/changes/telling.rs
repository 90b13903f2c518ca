//! Pages and cursors: the same feed however it is read, and a word where it is cut.

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{Change, ChangeCursor, ChangePage, Finish, Retention};
use longshore_core::{JobId, State};
use std::time::Duration;

use super::Listener;
use crate::store::StoreHarness;
use crate::store::scene::{Scene, record_for};
use crate::store::seed::Seed;
use crate::wait::eventually;

const KEPT: Retention = Retention {
    keep: Retention::FOREVER,
    batch: 100,
};

const HOUR: Duration = Duration::from_hours(1);

/// Many jobs in few calls, through their whole lives.
async fn lives(scene: &Scene) -> Vec<JobId> {
    let jobs = scene.submit_all(Seed::jobs(450)).await;
    let leases = scene.acquire(1000).await;
    assert_eq!(leases.len(), jobs.len());
    let finishes = leases.iter().enumerate().map(|(place, lease)| {
        let state = [TerminalState::Completed, TerminalState::Failed][place % 2];
        let then = Disposition::Settle(state);
        Finish {
            lease: lease.key,
            record: record_for(then),
            then,
        }
    });
    let finishes: Vec<_> = finishes.collect();
    scene.store.finish(&finishes).await.expect("held leases");
    jobs
}

fn states_of(heard: &[Change], job: JobId) -> Vec<State> {
    let mine = heard.iter().filter(|change| change.job == job);
    mine.map(|change| change.state).collect()
}

pub async fn every_job_of_a_large_batch_is_told_once_each_time_it_moves(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut listener = Listener::begin(&scene).await;
    let jobs = lives(&scene).await;
    let heard = listener.hear().await;
    assert_eq!(heard.len(), 3 * jobs.len());
    for (place, job) in jobs.into_iter().enumerate() {
        let end = [State::Completed, State::Failed][place % 2];
        let expected = [State::Queued, State::Launching, end];
        assert_eq!(states_of(&heard, job), expected, "job {job}");
    }
}

pub async fn a_reader_of_small_pages_is_told_the_same_as_one_of_large_ones(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let begin = scene.store.newest_change().await.expect("a cursor");
    lives(&scene).await;
    for seed in [Seed::job(), Seed::job().held(), Seed::job()] {
        scene.submit(seed).await;
    }
    let mut whole = Listener::after(&scene, &begin);
    let expected = whole.hear().await;
    // None counts as one, and more than there may be as what there may be.
    for limit in [0, 1, 2, 7, u32::MAX] {
        let mut reader = Listener::after(&scene, &begin);
        reader.limit = limit;
        assert_eq!(reader.hear().await, expected, "in pages of {limit}");
        let mut reader = Listener::after(&scene, &begin);
        reader.limit = limit;
        let mut heard = Vec::new();
        loop {
            let page = reader.page().await;
            heard.extend(page.changes);
            if page.is_all {
                break;
            }
        }
        assert_eq!(heard, expected, "until all is told, in pages of {limit}");
    }
}

pub async fn reading_again_from_an_old_cursor_tells_the_same_changes(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut listener = Listener::begin(&scene).await;
    listener.limit = 2;
    let mut pages = Vec::new();
    for _ in 0..5 {
        scene.running(Seed::job()).await;
        let cursor = listener.cursor();
        pages.push((cursor, listener.page().await));
    }
    let told: Vec<Change> = pages
        .iter()
        .flat_map(|(_, page)| page.changes.clone())
        .collect();
    for (cursor, page) in &pages {
        let again = scene.store.changes(cursor, 2).await.expect("a page");
        assert_eq!(again.changes, page.changes);
    }
    let mut reader = Listener::after(&scene, &pages[0].0);
    let again = reader.hear().await;
    assert_eq!(again[..told.len()], told[..]);
    assert_eq!(again.len(), 15);
}

pub async fn a_listener_that_begins_now_is_told_nothing_of_the_past(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.running(Seed::job()).await;
    let mut listener = Listener::begin(&scene).await;
    assert_eq!(listener.told().await, []);
    let job = scene.submit(Seed::job()).await;
    assert_eq!(listener.told().await, [(job, State::Queued)]);
}

pub async fn the_default_cursor_is_the_beginning(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.running(Seed::job()).await.job;
    let mut listener = Listener::after(&scene, &ChangeCursor::default());
    let states = [State::Queued, State::Launching, State::Running];
    assert_eq!(listener.states_of(job).await, states);
}

pub async fn changes_are_kept_for_three_days_and_then_the_feed_is_cut(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let begin = scene.store.newest_change().await.expect("a cursor");
    let job = scene.running(Seed::job()).await.job;
    let mut current = Listener::after(&scene, &begin);
    current.hear().await;
    // Others' transactions that were open then might have written what goes, for all that is known.
    eventually("nothing is open of before", async || {
        assert_eq!(current.hear().await, []);
        current.cursor().open.is_empty().then_some(())
    })
    .await;

    h.age_changes(ChangePage::KEPT.saturating_sub(HOUR)).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    let states = [State::Queued, State::Launching, State::Running];
    let mut reader = Listener::after(&scene, &begin);
    assert_eq!(
        reader.states_of(job).await,
        states,
        "three days are not over"
    );

    h.age_changes(3 * HOUR).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    assert_eq!(current.told().await, [], "it was told all that went");
    let mut late = Listener::after(&scene, &begin);
    let page = late.page().await;
    assert!(page.is_cut, "{page:?}");
    assert_eq!(page.changes, []);
    assert_eq!(late.told().await, [], "it is said once");
    let next = scene.submit(Seed::job()).await;
    for listener in [&mut current, &mut late] {
        assert_eq!(listener.told().await, [(next, State::Queued)]);
    }
}

pub async fn however_many_changes_are_old_one_pass_takes_them_away(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.submit_all(Seed::jobs(2500)).await;
    h.age_changes(ChangePage::KEPT + 2 * HOUR).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    let mut reader = Listener::after(&scene, &ChangeCursor::default());
    let page = reader.page().await;
    assert!(page.is_cut);
    let newest = scene.store.newest_change().await.expect("a cursor");
    let near = ChangeCursor {
        seen: newest.seen - 2,
        ..ChangeCursor::default()
    };
    assert!(Listener::after(&scene, &near).page().await.is_cut);
}

/// As after a backup was restored: the listener is ahead of the feed.
pub async fn a_cursor_from_another_past_of_the_database_is_cut(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.running(Seed::job()).await;
    let ahead = ChangeCursor {
        seen: 1_000_000,
        ..ChangeCursor::default()
    };
    let mut listener = Listener::after(&scene, &ahead);
    assert!(listener.page().await.is_cut);
    let job = scene.submit(Seed::job()).await;
    assert_eq!(listener.told().await, [(job, State::Queued)]);
}
