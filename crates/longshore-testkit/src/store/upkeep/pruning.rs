//! Pruning what ended long ago.

use std::time::Duration;

use longshore_core::output::{KeptOutput, Stream};
use longshore_core::state::TerminalState;
use longshore_core::store::{JobFilter, LeaseKey, OutputAppend, Pruned, Retention};
use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, QUEUE, Scene, is_unknown_job};
use crate::store::seed::Seed;
use crate::wait::eventually;

/// More than any case has.
const MANY: u32 = 1000;

/// Ends a job that has one attempt and some output.
async fn ended(scene: &Scene, seed: Seed) -> JobId {
    let key = scene.running(seed).await;
    let output = KeptOutput {
        stream: Stream::Stdout,
        position: 0,
        bytes: b"done\n".to_vec(),
    };
    let append = OutputAppend {
        lease: key,
        seq: 0,
        output,
        resume: None,
    };
    scene.store.append_output(&[append]).await.expect("append");
    scene.settle(key, TerminalState::Completed).await;
    key.job
}

async fn prune(scene: &Scene, keep: Duration, batch: u32) -> Pruned {
    scene
        .store
        .prune(Retention { keep, batch })
        .await
        .expect("prune")
}

pub async fn pruning_takes_what_ended_long_ago_and_keeps_the_rest(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let old = ended(&scene, Seed::job().key("old")).await;
    assert_eq!(
        prune(&scene, LATER, MANY).await,
        Pruned::default(),
        "an hour is not over"
    );
    let ended_at = scene.show(old).await.summary.ended_at.expect("it ended");
    let gap = Duration::from_secs(3);
    eventually("time passes between two ends", async || {
        (scene.store.now().await.expect("now") > ended_at + gap).then_some(())
    })
    .await;
    let recent = ended(&scene, Seed::job()).await;
    // The line runs just behind the end of the old one: nearly 3 s before that of the recent one.
    let age = scene
        .store
        .now()
        .await
        .expect("now")
        .duration_since(ended_at);
    let keep = age
        .unsigned_abs()
        .saturating_sub(Duration::from_millis(100));
    assert_eq!(
        prune(&scene, keep, MANY).await,
        Pruned {
            jobs: 1,
            attempts: 1,
            more: false
        }
    );
    assert!(is_unknown_job(&scene.store.show_job(old).await, old));
    assert_eq!(scene.state(recent).await, State::Completed);
    assert_eq!(scene.show(recent).await.attempts_made.len(), 1);

    let again = [Seed::job().key("old").priority(1).build_in(QUEUE)];
    let answer = scene
        .store
        .submit(&again)
        .await
        .expect("its key is free again");
    assert!(
        answer[0].is_new && answer[0].job > recent,
        "no id is used again: {answer:?}"
    );
}

pub async fn what_is_prunable_is_counted_and_left(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let prunable = async |keep| scene.store.prunable(keep).await.expect("a count").0;
    assert_eq!(prunable(Duration::ZERO).await, 0);
    for _ in 0..3 {
        ended(&scene, Seed::job()).await;
    }
    scene.running(Seed::job()).await;
    scene.submit(Seed::job()).await;
    scene
        .wait_until(scene.store.now().await.expect("now"))
        .await;
    assert_eq!(prunable(Duration::ZERO).await, 3);
    assert_eq!(prunable(LATER).await, 0, "an hour is not over");
    while prune(&scene, Duration::ZERO, MANY).await.more {}
    assert_eq!(prunable(Duration::ZERO).await, 0);
}

pub async fn pruning_goes_by_bounded_batches_until_nothing_is_left(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for _ in 0..5 {
        ended(&scene, Seed::job()).await;
    }
    let mut taken = Pruned::default();
    eventually("all of them are gone", async || {
        let pruned = prune(&scene, Duration::ZERO, 2).await;
        assert!(pruned.jobs <= 2, "{pruned:?} in one pass");
        taken.jobs += pruned.jobs;
        taken.attempts += pruned.attempts;
        assert!(pruned.more || taken.jobs == 5, "more is said to be left");
        (taken.jobs >= 5).then_some(())
    })
    .await;
    assert_eq!((taken.jobs, taken.attempts), (5, 5));
    let left = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    assert_eq!(scene.store.list_jobs(&left).await.expect("a page").jobs, []);
    assert_eq!(prune(&scene, Duration::ZERO, 2).await, Pruned::default());
}

pub async fn pruning_until_no_more_is_said_to_be_left_leaves_nothing_however_much_was_written(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        let key = scene.running(Seed::job()).await;
        let appends: Vec<_> = (0..400).map(|seq| a_byte(key, seq)).collect();
        scene.store.append_output(&appends).await.expect("append");
        scene.settle(key, TerminalState::Completed).await;
        jobs.push(key.job);
    }
    let ended_at = scene.store.now().await.expect("now");
    scene.wait_until(ended_at).await;
    let mut calls = 0;
    while prune(&scene, Duration::ZERO, MANY).await.more {
        calls += 1;
        assert!(calls < 100, "it ends");
    }
    for job in jobs {
        assert!(
            is_unknown_job(&scene.store.show_job(job).await, job),
            "{job}"
        );
    }
    assert_eq!(prune(&scene, Duration::ZERO, MANY).await, Pruned::default());
}

fn a_byte(lease: LeaseKey, seq: i32) -> OutputAppend {
    let output = KeptOutput {
        stream: Stream::Stdout,
        position: u64::from(seq.unsigned_abs()),
        bytes: b"x".to_vec(),
    };
    OutputAppend {
        lease,
        seq,
        output,
        resume: None,
    }
}

pub async fn pruning_leaves_everything_that_has_not_ended(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut kept = Vec::new();
    let mut gone = Vec::new();
    for state in State::ALL {
        let job = scene.job_in(state).await;
        if state.is_terminal() {
            gone.push(job);
        } else {
            kept.push((job, state));
        }
    }
    eventually("those that ended are gone", async || {
        prune(&scene, Duration::ZERO, MANY).await;
        let filter = JobFilter {
            limit: 100,
            ..JobFilter::default()
        };
        let listed = scene.store.list_jobs(&filter).await.expect("a page").jobs;
        (listed.len() == kept.len()).then_some(())
    })
    .await;
    for (job, state) in kept {
        assert_eq!(scene.state(job).await, state);
    }
    for job in gone {
        assert!(is_unknown_job(&scene.store.show_job(job).await, job));
    }
}

pub async fn a_job_that_was_retried_in_time_is_not_pruned(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.job_in(State::Failed).await;
    scene.store.retry_job(job).await.expect("failed");
    assert_eq!(prune(&scene, Duration::ZERO, MANY).await, Pruned::default());
    assert_eq!(
        scene.show(job).await.attempts_made.len(),
        1,
        "with what came before"
    );
}

pub async fn twin_prunings_take_each_job_once(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    scene.submit_all(Seed::jobs(30)).await;
    for lease in scene.acquire(30).await {
        scene.settle(lease.key, TerminalState::Completed).await;
    }
    let mut taken = 0;
    eventually("all of them are gone", async || {
        let (a, b) = tokio::join!(
            prune(&scene, Duration::ZERO, 7),
            prune(&twin, Duration::ZERO, 7),
        );
        taken += a.jobs + b.jobs;
        (taken >= 30).then_some(())
    })
    .await;
    assert_eq!(taken, 30);
}
