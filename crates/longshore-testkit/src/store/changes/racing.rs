//! Many writers at once, and listeners that begin in the midst of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::Change;
use longshore_core::{JobId, State};

use super::Listener;
use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::rest::every_job;
use crate::store::scene::Scene;
use crate::store::seed::Seed;

const WRITERS: usize = 8;
const LISTENERS: usize = 4;
/// Of each writer.
const ROUNDS: usize = 10;
/// How long a listener that has heard all waits for a hint.
const GLANCE: Duration = Duration::from_millis(5);

/// A writer submits, acquires what there is (its own or another's), and ends or hands back.
async fn write(scene: Arc<Scene>, number: usize) {
    for round in 0..ROUNDS {
        let held = if round % 4 == 0 {
            Seed::job().held()
        } else {
            Seed::job()
        };
        let jobs = scene.submit_all([Seed::job(), held, Seed::job()]).await;
        // What others do with it meanwhile, or have done, is as good.
        let _ = scene.store.dequeue_job(jobs[0]).await;
        let _ = scene.store.queue_job(jobs[1]).await;
        if round % 3 == 0 {
            scene
                .store
                .request_cancel(jobs[2])
                .await
                .expect("a known job");
        }
        for (place, lease) in scene.acquire(3).await.into_iter().enumerate() {
            if place != 1 {
                scene
                    .store
                    .mark_running(lease.key)
                    .await
                    .expect("an answer");
            }
            let then = match (number + round + place) % 4 {
                0 => Disposition::HandBack,
                1 => Disposition::Settle(TerminalState::Failed),
                2 => Disposition::RetryAfter(Duration::from_millis(1)),
                _ => Disposition::Settle(TerminalState::Completed),
            };
            let record = crate::store::scene::record_for(then);
            scene.finish(lease.key, record, then).await;
        }
    }
}

/// What a listener heard.
struct Heard {
    changes: Vec<Change>,
    /// Where it ended.
    cursor: String,
    /// How often each job had moved for certain before the listener began, and how often at most.
    past: [BTreeMap<JobId, usize>; 2],
}

/// How often each job has moved so far.
async fn moves_so_far(first: &mut Listener) -> BTreeMap<JobId, usize> {
    let states = by_job(&first.hear().await);
    states
        .into_iter()
        .map(|(job, states)| (job, states.len()))
        .collect()
}

/// Each job's states in order, as heard.
fn by_job(changes: &[Change]) -> BTreeMap<JobId, Vec<State>> {
    let mut states: BTreeMap<JobId, Vec<State>> = BTreeMap::new();
    for change in changes {
        states.entry(change.job).or_default().push(change.state);
    }
    states
}

/// Whether there is an arrow from one state to the other, as the feed tells them.
fn follows(before: Option<State>, state: State) -> bool {
    use State::{Launching, Pending, Queued, Retrying, Running};
    match before {
        None => matches!(state, Pending | Queued),
        Some(Pending) => matches!(state, Queued | State::Cancelled),
        Some(Queued | Retrying) => matches!(state, Launching | Pending | State::Cancelled),
        Some(Launching) => state != Launching && state != Pending,
        Some(Running) => !matches!(state, Running | Launching | Pending),
        Some(_) => false,
    }
}

pub async fn listeners_that_begin_in_the_midst_of_many_writers_miss_nothing_and_hear_nothing_twice(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let first = Listener::begin(&scene).await;
    // Two tasks to a handle, as elsewhere: more processes than this wait for long on some stores.
    let mut crew = vec![];
    for _ in 0..WRITERS / 2 {
        crew.push(Arc::new(scene.twin(h).await));
    }
    let crew = crew.iter().chain(&crew).cloned();
    let written = Arc::new(AtomicUsize::new(0));
    let writing = all_at_once(crew.enumerate(), |(number, scene)| {
        let written = Arc::clone(&written);
        async move {
            write(scene, number).await;
            written.fetch_add(1, Ordering::SeqCst);
        }
    });
    // The first from the start; each other begins once the one before has heard something.
    let began: Vec<_> = (0..=LISTENERS)
        .map(|_| Arc::new(AtomicUsize::new(0)))
        .collect();
    let listening = all_at_once(0..LISTENERS, |number| {
        let (store, cursor) = (Arc::clone(&first.store), first.cursor.clone());
        let limit = [1000, 1, 3, 50][number];
        let (mine, next) = (Arc::clone(&began[number]), Arc::clone(&began[number + 1]));
        let written = Arc::clone(&written);
        async move {
            let whole = || Listener {
                store: Arc::clone(&store),
                cursor: cursor.clone(),
                limit: 1000,
            };
            let mut listener = Listener { limit, ..whole() };
            let mut past = [BTreeMap::new(), BTreeMap::new()];
            if number > 0 {
                while mine.load(Ordering::SeqCst) < 20 && written.load(Ordering::SeqCst) < WRITERS {
                    tokio::task::yield_now().await;
                }
                let before = moves_so_far(&mut whole()).await;
                let newest = store.newest_change().await.expect("a cursor");
                past = [before, moves_so_far(&mut whole()).await];
                listener.cursor = newest.to_string();
            }
            let mut changes: Vec<Change> = Vec::new();
            let mut hints = store.wakeups();
            loop {
                let is_over = written.load(Ordering::SeqCst) == WRITERS;
                let page = listener.page().await;
                assert!(!page.is_cut);
                next.fetch_add(page.changes.len(), Ordering::SeqCst);
                let is_idle = page.changes.is_empty();
                changes.extend(page.changes);
                // All that there was, when nobody wrote any more: half of them believe the page's word.
                let is_all = page.is_all && (number % 2 == 0 || is_idle);
                if is_all && is_over {
                    let cursor = listener.cursor;
                    return Heard {
                        changes,
                        cursor,
                        past,
                    };
                }
                if is_idle {
                    hints.wait(GLANCE).await;
                }
            }
        }
    });
    let (_, heard) = tokio::join!(writing, listening);
    judge(&scene, &first, heard).await;
}

async fn judge(scene: &Scene, first: &Listener, heard: Vec<Heard>) {
    let whole = &heard[0].changes;
    for (job, states) in by_job(whole) {
        let mut before = None;
        for state in &states {
            assert!(follows(before, *state), "job {job}: {states:?}");
            before = Some(*state);
        }
    }
    let in_the_end: BTreeMap<JobId, State> = whole
        .iter()
        .map(|change| (change.job, change.state))
        .collect();
    let stand = every_job(&*scene.store).await;
    let stand: BTreeMap<JobId, State> = stand.iter().map(|job| (job.id, job.state)).collect();
    assert_eq!(
        in_the_end, stand,
        "the last state heard is where each job stands"
    );

    let whole_by_job = by_job(whole);
    for (number, heard) in heard.iter().enumerate() {
        let mut latest: BTreeMap<JobId, i64> = BTreeMap::new();
        for change in &heard.changes {
            let before = latest.insert(change.job, change.number);
            assert!(before < Some(change.number), "numbers rise: {change:?}");
        }
        let (mine, past) = (by_job(&heard.changes), &heard.past);
        for (job, all) in &whole_by_job {
            let states = mine.get(job).map_or(&[][..], Vec::as_slice);
            let said = || format!("listener {number}, job {job}: {states:?} of {all:?}, {past:?}");
            assert!(all.ends_with(states), "{}", said());
            let [least, most] = past
                .each_ref()
                .map(|past| past.get(job).copied().unwrap_or(0));
            let unheard = all.len() - states.len();
            assert!((least..=most).contains(&unheard), "{}", said());
        }
        assert!(
            mine.keys().all(|job| whole_by_job.contains_key(job)),
            "of no others"
        );
        let mut end = Listener {
            store: Arc::clone(&first.store),
            cursor: heard.cursor.clone(),
            limit: 1000,
        };
        assert_eq!(end.hear().await, [], "listener {number} heard all");
    }
    // From the same beginning, whatever the order in which it came at the time.
    let mut again = Listener {
        store: Arc::clone(&first.store),
        cursor: first.cursor.clone(),
        limit: 1000,
    };
    assert_eq!(
        by_job(&again.hear().await),
        whole_by_job,
        "read again, all at once"
    );
}
