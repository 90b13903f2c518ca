//! Ageing waiting jobs (promise L4).

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_core::disposition::Disposition;
use longshore_core::priority::Lane;
use longshore_core::state::TerminalState;
use longshore_core::store::{Aged, StoreError};
use longshore_core::{JobId, Priority, State};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene};
use crate::store::seed::Seed;
use crate::wait::eventually;

/// More than any case has.
const MANY: u32 = 1000;

/// After so long jobs move up, unless a case says otherwise.
const AGE: Duration = Duration::from_millis(50);

/// The lane that jobs of this priority join.
fn lane(priority: u8) -> Lane {
    Lane::joining(Priority::new(priority.into()).expect("0 to 100"))
}

async fn pass(scene: &Scene, limit: u32) -> Vec<Aged> {
    scene.store.age_waiting(limit).await.expect("a pass")
}

/// The time is over for all that is in line now, and for nothing that joins later; the pass that notes
/// the newest place must not be the first since less than a sixteenth of the time.
async fn wait_for_all_in_line(scene: &Scene) {
    let before = scene.store.now().await.expect("now");
    scene.wait_until(before + AGE / 16).await;
    pass(scene, 0).await;
    let noted = scene.store.now().await.expect("now");
    scene.wait_until(noted + AGE).await;
}

/// A scene whose queue ages its jobs.
async fn ageing(h: &dyn StoreHarness) -> Scene {
    let scene = Scene::open(h).await;
    scene.set_ageing(Some(AGE)).await;
    scene
}

fn jobs(aged: &[Aged]) -> Vec<JobId> {
    aged.iter().map(|aged| aged.job).collect()
}

pub async fn a_job_moves_up_one_priority_after_the_time_and_again_after_each_further_one(
    h: &dyn StoreHarness,
) {
    let scene = ageing(h).await;
    let job = scene.submit(Seed::job().priority(20)).await;
    assert_eq!(
        pass(&scene, MANY).await,
        [],
        "nobody knows yet how long it waits"
    );
    let mut moved_after = None;
    for priority in 21..=23 {
        let (began, aged) = eventually("its time is over", async || {
            let began = scene.store.now().await.expect("now");
            let aged = pass(&scene, MANY).await;
            (!aged.is_empty()).then_some((began, aged))
        })
        .await;
        let queue = scene.queue.id;
        let lane = lane(priority);
        assert_eq!(aged, [Aged { job, queue, lane }], "one priority at a time");
        let now = scene.store.now().await.expect("now");
        if let Some(before) = moved_after.replace(began) {
            let waited = now.duration_since(before).unsigned_abs();
            assert!(waited >= AGE, "{waited:?} since it moved before");
        }
    }
    let own = scene.show(job).await.summary.priority;
    assert_eq!(own, Priority::LOW, "its own priority stays");
    let lease = scene.acquire_one().await;
    assert_eq!((lease.key.job, lease.lane), (job, lane(23)));
    let own = scene.show(job).await.summary.priority;
    assert_eq!(own, Priority::LOW, "also when it is live");
}

pub async fn a_low_job_under_a_steady_stream_of_high_ones_starts_within_bounded_passes(
    h: &dyn StoreHarness,
) {
    // Two steps to the top; there it stands behind those that came until then: two in each round,
    // of which one went.
    const ROUNDS: usize = 10;
    let scene = ageing(h).await;
    let other = Scene::on_queue(h, "never", None).await;
    let low = scene.submit(Seed::job().priority(98)).await;
    let elsewhere = other.submit(Seed::job().priority(98)).await;
    let mut started = Vec::new();
    for _ in 0..ROUNDS {
        for scene in [&scene, &other] {
            let high = || Seed::job().priority(100);
            scene.submit_all([high(), high()]).await;
        }
        wait_for_all_in_line(&scene).await;
        pass(&scene, MANY).await;
        for scene in [&scene, &other] {
            started.extend(scene.acquire_ids(1).await);
        }
    }
    assert!(started.contains(&low), "it starts in its turn");
    assert!(!started.contains(&elsewhere), "no queue ages by itself");
}

pub async fn in_a_queue_that_does_not_age_nothing_ever_moves(h: &dyn StoreHarness) {
    let scene = ageing(h).await;
    let job = scene.submit(Seed::job().priority(20)).await;
    let shown = scene.set_ageing(None).await;
    assert_eq!(shown.ageing, None);
    for _ in 0..2 {
        wait_for_all_in_line(&scene).await;
        assert_eq!(pass(&scene, MANY).await, []);
    }
    scene.set_ageing(Some(LATER)).await;
    wait_for_all_in_line(&scene).await;
    assert_eq!(pass(&scene, MANY).await, [], "an hour is not over");
    let lease = scene.acquire_one().await;
    assert_eq!((lease.key.job, lease.lane), (job, lane(20)));
}

pub async fn a_paused_queue_ages_nothing_and_the_wait_counts_anew_when_it_goes_on(
    h: &dyn StoreHarness,
) {
    let scene = ageing(h).await;
    let job = scene.submit(Seed::job().priority(20)).await;
    pass(&scene, MANY).await;
    scene.pause(true).await;
    wait_for_all_in_line(&scene).await;
    assert_eq!(pass(&scene, MANY).await, [], "it is paused");
    scene.pause(false).await;
    assert_eq!(pass(&scene, MANY).await, [], "it waits since now");
    let aged = eventually("it ages again", async || {
        let aged = pass(&scene, MANY).await;
        (!aged.is_empty()).then_some(aged)
    })
    .await;
    assert_eq!(jobs(&aged), [job]);
}

pub async fn moved_jobs_join_behind_those_that_wait_there_and_keep_their_order(
    h: &dyn StoreHarness,
) {
    let scene = ageing(h).await;
    let back = scene.leased(Seed::job().priority(20)).await;
    let [first, second] = [0, 1].map(|_| Seed::job().priority(20));
    let [first, second] = scene.submit_all([first, second]).await[..] else {
        panic!("two jobs");
    };
    // Ahead of its priority, but its place was drawn last.
    scene.end(back, Disposition::HandBack).await;
    pass(&scene, MANY).await;
    let there = scene.submit(Seed::job().priority(21)).await;
    let noted = scene.store.now().await.expect("now");
    scene.wait_until(noted + AGE).await;
    let aged = pass(&scene, MANY).await;
    assert_eq!(jobs(&aged), [first, second, back.job]);
    assert!(aged.iter().all(|aged| aged.lane == lane(21)), "{aged:?}");
    assert_eq!(scene.acquire_ids(4).await, [there, first, second, back.job]);
}

pub async fn a_moved_job_keeps_its_attempts_budgets_and_state(h: &dyn StoreHarness) {
    let scene = ageing(h).await;
    let lost = scene.running(Seed::job().max_retries(3)).await;
    scene.end(lost, Disposition::Lost).await;
    let again = scene.acquire_one().await.key;
    scene.start(again).await;
    scene
        .end(again, Disposition::RetryAfter(Duration::ZERO))
        .await;
    eventually("its retry is due", async || {
        (scene.store.stage_due(MANY).await.expect("stage") == 1).then_some(())
    })
    .await;
    wait_for_all_in_line(&scene).await;
    let aged = pass(&scene, MANY).await;
    assert_eq!(jobs(&aged), [lost.job]);
    assert_eq!(scene.state(lost.job).await, State::Retrying);
    let lease = scene.acquire_one().await;
    assert_eq!(lease.key.attempt.0, 3);
    assert_eq!((lease.spent.tries, lease.spent.losses), (1, 1));
    assert_eq!(lease.lane, lane(51));
}

pub async fn a_job_that_is_held_scheduled_or_live_does_not_age(h: &dyn StoreHarness) {
    let scene = ageing(h).await;
    let live = scene.leased(Seed::job()).await;
    let later = scene.store.now().await.expect("now") + LATER;
    let scheduled = scene.submit(Seed::job().due_at(later)).await;
    let held = scene.submit(Seed::job().held()).await;
    let queued = scene.submit(Seed::job()).await;
    wait_for_all_in_line(&scene).await;
    assert_eq!(jobs(&pass(&scene, MANY).await), [queued]);
    let states = scene.store.states(&[live.job, scheduled, held]).await;
    let expected = [State::Launching, State::Queued, State::Pending];
    assert_eq!(states.expect("known jobs"), expected);
    scene.store.queue_job(held).await.expect("pending");
    scene.store.dequeue_job(queued).await.expect("queued");
    assert_eq!(scene.show(queued).await.summary.priority, Priority::NORMAL);
    let lease = scene.acquire_one().await;
    assert_eq!(
        (lease.key.job, lease.lane),
        (held, lane(50)),
        "it did not wait"
    );
}

pub async fn a_job_at_the_top_stays_there(h: &dyn StoreHarness) {
    let scene = ageing(h).await;
    let first = scene.submit(Seed::job().priority(100)).await;
    let risen = scene.submit(Seed::job().priority(99)).await;
    wait_for_all_in_line(&scene).await;
    let aged = pass(&scene, MANY).await;
    assert_eq!((jobs(&aged), aged[0].lane), (vec![risen], lane(100)));
    wait_for_all_in_line(&scene).await;
    assert_eq!(pass(&scene, MANY).await, [], "there is nothing above");
    assert_eq!(scene.acquire_ids(2).await, [first, risen]);
}

pub async fn those_that_waited_longest_move_first_in_bounded_batches(h: &dyn StoreHarness) {
    let scene = ageing(h).await;
    let seeds = [20, 50, 20, 80, 20].map(|priority| Seed::job().priority(priority));
    let submitted = scene.submit_all(seeds).await;
    wait_for_all_in_line(&scene).await;
    let mut moved = Vec::new();
    while moved.len() < submitted.len() {
        let aged = pass(&scene, 2).await;
        assert!(!aged.is_empty() && aged.len() <= 2, "{aged:?}");
        // Should the machine stall, some may have waited for as long again meanwhile.
        moved.extend(
            jobs(&aged)
                .into_iter()
                .filter(|job| !moved.contains(job))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(moved, submitted, "whatever their priorities");
}

pub async fn a_priority_that_a_person_gives_is_the_jobs_own_from_then_on(h: &dyn StoreHarness) {
    let scene = ageing(h).await;
    let job = scene.submit(Seed::job().priority(20)).await;
    wait_for_all_in_line(&scene).await;
    assert_eq!(pass(&scene, MANY).await.len(), 1);
    let fifty = Priority::NORMAL;
    scene
        .store
        .reprioritise(job, fifty)
        .await
        .expect("it waits");
    assert_eq!(scene.show(job).await.summary.priority, fifty);
    wait_for_all_in_line(&scene).await;
    assert_eq!(pass(&scene, MANY).await[0].lane, lane(51));
    assert_eq!(scene.show(job).await.summary.priority, fifty);
    let lease = scene.acquire_one().await.key;
    scene.start(lease).await;
    scene.settle(lease, TerminalState::Failed).await;
    // As for every job: after its end it goes by what was asked for at first.
    scene.store.retry_job(job).await.expect("failed");
    assert_eq!(scene.show(job).await.summary.priority, Priority::LOW);
    assert_eq!(scene.acquire_one().await.lane, lane(20));
}

pub async fn twin_passes_move_each_job_once(h: &dyn StoreHarness) {
    let scene = ageing(h).await;
    let other = h.open().await;
    let submitted = scene.submit_all(Seed::jobs(60)).await;
    wait_for_all_in_line(&scene).await;
    let (a, b) = tokio::join!(scene.store.age_waiting(MANY), other.age_waiting(MANY));
    let mut aged = a.expect("a pass");
    aged.extend(b.expect("a pass"));
    aged.extend(pass(&scene, MANY).await);
    // Should the machine stall, some may have waited for as long again meanwhile: not to the same lane.
    let distinct: BTreeSet<_> = aged.iter().collect();
    assert_eq!(
        distinct.len(),
        aged.len(),
        "no job twice to one lane: {aged:?}"
    );
    let first = aged.iter().filter(|aged| aged.lane == lane(51));
    let mut moved: Vec<JobId> = first.map(|aged| aged.job).collect();
    moved.sort_unstable();
    assert_eq!(moved, submitted, "each by one of them");
    let mut acquired = scene.acquire_ids(100).await;
    acquired.sort_unstable();
    assert_eq!(acquired, submitted, "each stands in line once");
}

pub async fn ageing_meets_acquisitions_and_cancellations_and_no_job_is_lost_or_doubled(
    h: &dyn StoreHarness,
) {
    let scene = ageing(h).await;
    scene.set_ageing(Some(Duration::from_millis(1))).await;
    let twin = scene.twin(h).await;
    let submitted = scene.submit_all(Seed::jobs(120)).await;
    let (to_cancel, _) = submitted.split_at(20);
    let moving_up = async {
        let mut moves = 0;
        for _ in 0..40 {
            moves += pass(&scene, 30).await.len();
        }
        moves
    };
    let ending_some = async {
        for job in to_cancel {
            let cancelled = twin.store.request_cancel(*job).await;
            cancelled.expect("it is somewhere");
        }
    };
    let acquiring = async {
        let mut acquired = Vec::new();
        for _ in 0..60 {
            acquired.extend(twin.acquire_ids(1).await);
        }
        acquired
    };
    let (_, (), mut seen) = tokio::join!(moving_up, ending_some, acquiring);
    loop {
        let rest = scene.acquire_ids(100).await;
        if rest.is_empty() {
            break;
        }
        seen.extend(rest);
    }
    let states = scene.store.states(to_cancel).await.expect("known jobs");
    let ended = to_cancel.iter().zip(states);
    let ended = ended.filter(|(_, state)| *state == State::Cancelled);
    seen.extend(ended.map(|(job, _)| *job));
    seen.sort_unstable();
    assert_eq!(seen, submitted, "each is acquired or cancelled, once");
}

pub async fn the_time_after_which_jobs_age_is_kept_and_what_is_none_is_refused(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    assert_eq!(scene.queue.ageing, None, "unless it is asked for");
    let set = scene.set_ageing(Some(LATER)).await;
    assert_eq!(set.ageing, Some(LATER));
    assert_eq!(
        scene.set_limit(Some(3)).await.ageing,
        Some(LATER),
        "it stays"
    );
    let refused = scene
        .store
        .change_queue(
            &scene.queue.name,
            &longshore_core::queue::QueueChange {
                ageing: Some(Some(Duration::ZERO)),
                ..Default::default()
            },
        )
        .await;
    assert!(
        matches!(&refused, Err(StoreError::Invalid(fault)) if fault.field == "ageing"),
        "{refused:?}"
    );
    let queue = scene.store.queue(&scene.queue.name).await.expect("known");
    assert_eq!(queue.ageing, Some(LATER));
}
