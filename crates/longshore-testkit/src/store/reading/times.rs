//! What ended when, and what is due next.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_core::State;
use longshore_core::disposition::Disposition;
use longshore_core::store::EndedInMinute;

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene};
use crate::store::seed::Seed;

pub async fn what_ended_lately_is_counted_by_the_minute_and_by_how(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let ends = [
        (State::Completed, 3),
        (State::Failed, 2),
        (State::TimedOut, 1),
        (State::Cancelled, 4),
    ];
    let before = scene.store.now().await.expect("a time");
    for (state, times) in ends {
        for _ in 0..times {
            scene.job_in(state).await;
        }
    }
    scene.job_in(State::Running).await;
    let counts = async |minutes| {
        let counts = scene.store.ended_by_minute(minutes).await;
        counts.expect("counts")
    };
    // Enough of them, however long that took.
    let told = counts(30).await;
    let after = scene.store.now().await.expect("a time");
    assert_eq!(told.len(), 30);
    for pair in told.windows(2) {
        let length = pair[1].minute.duration_since(pair[0].minute);
        assert_eq!(length.unsigned_abs(), Duration::from_mins(1));
    }
    let last = told[29].minute;
    assert_eq!(
        last.as_second() % 60,
        0,
        "{last} is the beginning of a minute"
    );
    assert!(
        last <= after
            && before.duration_since(last) < Duration::from_mins(1).try_into().expect("a minute")
    );
    let mut all: BTreeMap<State, u64> = BTreeMap::new();
    for EndedInMinute { minute, ended } in &told {
        for (state, jobs) in ended {
            assert!(*jobs > 0, "what did not happen is left out");
            *all.entry(*state).or_default() += jobs;
        }
        let over =
            minute.duration_since(before) + Duration::from_mins(1).try_into().expect("a minute");
        assert!(
            ended.is_empty() || over.is_positive(),
            "{minute} was over before"
        );
    }
    assert_eq!(all, BTreeMap::from(ends));
    assert_eq!(counts(0).await.len(), 1, "the current minute at least");
    let most = counts(u32::MAX).await.len();
    assert_eq!(most, EndedInMinute::MOST as usize);
}

pub async fn what_is_due_next_is_told_first_whatever_queue_it_is_in(h: &dyn StoreHarness) {
    let one = Scene::open(h).await;
    let two = Scene::on_queue(h, "another", None).await;
    let now = one.store.now().await.expect("a time");
    let at = |hours: u64| now + Duration::from_hours(hours);
    assert_eq!(one.store.next_due(10).await.expect("a list"), []);
    let retrying = one.running(Seed::job()).await;
    one.end(retrying, Disposition::RetryAfter(LATER)).await;
    let third = one.submit(Seed::job().due_at(at(300))).await;
    let first = one.submit(Seed::job().due_at(at(100))).await;
    let second = two.submit(Seed::job().due_at(at(200))).await;
    one.submit(Seed::job()).await;
    one.submit(Seed::job().held()).await;
    two.submit(Seed::job().due_at(at(150)).held()).await;
    let due = async |limit| {
        let jobs = one.store.next_due(limit).await.expect("a list");
        let jobs = jobs.into_iter().map(|job| {
            assert!(job.due_at.is_some_and(|due| due > now), "{job:?}");
            (job.id, job.state, job.queue)
        });
        jobs.collect::<Vec<_>>()
    };
    let (here, there) = (&one.queue.name, &two.queue.name);
    let all = [
        (retrying.job, State::Retrying, here.clone()),
        (first, State::Queued, here.clone()),
        (second, State::Queued, there.clone()),
        (third, State::Queued, here.clone()),
    ];
    assert_eq!(due(10).await, all);
    assert_eq!(due(3).await, all[..3]);
    assert_eq!(due(0).await, all[..1]);
    assert_eq!(due(u32::MAX).await, all);
}
