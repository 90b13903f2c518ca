//! The end of an attempt, and where its job goes.

use std::time::Duration;

use longshore_core::attempt::{AttemptRecord, Exit};
use longshore_core::disposition::{Disposition, Spent};
use longshore_core::state::{Event, IllegalTransition, TerminalState};
use longshore_core::store::{Finish, FinishOutcome, LeaseStatus};
use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, record_for, stale};
use crate::store::seed::Seed;
use crate::wait::eventually;

const TERMINAL: [TerminalState; 4] = [
    TerminalState::Completed,
    TerminalState::Failed,
    TerminalState::TimedOut,
    TerminalState::Cancelled,
];

pub async fn a_job_ends_in_the_state_that_its_finish_names(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for terminal in TERMINAL {
        let key = scene.running(Seed::job()).await;
        scene.settle(key, terminal).await;
        let detail = scene.show(key.job).await;
        assert_eq!(detail.summary.state, State::from(terminal));
        assert!(detail.summary.ended_at >= detail.summary.started_at);
        assert_eq!(detail.attempts_made.len(), 1);
        assert_eq!(
            scene.status(key).await,
            LeaseStatus::Lost,
            "the lease is gone"
        );
    }
    assert_eq!(scene.acquire_ids(10).await, [], "an ended job stays ended");
}

pub async fn a_job_that_never_started_can_fail_time_out_or_be_cancelled(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for terminal in &TERMINAL[1..] {
        let key = scene.leased(Seed::job()).await;
        let record = AttemptRecord {
            started: false,
            ..record_for(Disposition::Settle(*terminal))
        };
        let outcome = scene
            .finish(key, record, Disposition::Settle(*terminal))
            .await;
        assert_eq!(outcome, FinishOutcome::Finished);
        assert_eq!(scene.state(key.job).await, State::from(*terminal));
    }
}

pub async fn a_job_may_complete_before_the_store_was_told_that_it_ran(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.leased(Seed::job()).await;
    scene.settle(key, TerminalState::Completed).await;
    assert_eq!(scene.state(key.job).await, State::Completed);
    let record = scene
        .show(key.job)
        .await
        .attempts_made
        .remove(0)
        .record
        .expect("it ended");
    assert!(record.started, "as its worker saw it");
}

pub async fn a_retry_waits_for_its_delay_by_the_databases_clock(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let delay = Duration::from_millis(600);
    let key = scene.running(Seed::job()).await;
    let before = scene.store.now().await.expect("now");
    scene.end(key, Disposition::RetryAfter(delay)).await;
    let after = scene.store.now().await.expect("now");
    let summary = scene.show(key.job).await.summary;
    assert_eq!(summary.state, State::Retrying);
    assert_eq!(summary.ended_at, None, "the job has not ended");
    let due = summary.due_at.expect("in 600 ms");
    assert!(
        due.duration_since(before + delay).as_millis() >= -1,
        "due {due}, early"
    );
    assert!(
        due.duration_since(after + delay).as_millis() <= 1,
        "due {due}, late"
    );

    let lease = eventually("the retry comes due", async || scene.acquire(1).await.pop()).await;
    assert!(
        lease.claimed_at.duration_since(due).as_millis() >= -1,
        "acquired early"
    );
    assert_eq!((lease.key.job, lease.key.attempt.0), (key.job, 2));
    assert_eq!(
        lease.spent,
        Spent {
            tries: 1,
            losses: 0
        }
    );
}

pub async fn handing_back_uses_nothing_and_a_loss_uses_the_crash_budget(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.submit(Seed::job()).await;
    let mut spent = Spent::default();
    let ways = [
        Disposition::HandBack,
        Disposition::Lost,
        Disposition::HandBack,
        Disposition::Lost,
    ];
    for then in ways {
        let lease = scene.acquire_one().await;
        assert_eq!(lease.spent, spent, "before {then:?}");
        scene.end(lease.key, then).await;
        assert_eq!(
            scene.state(lease.key.job).await,
            State::Queued,
            "after {then:?}"
        );
        if then == Disposition::Lost {
            spent.losses += 1;
        }
    }
    assert_eq!(
        scene.acquire_one().await.spent,
        Spent {
            tries: 0,
            losses: 2
        }
    );
}

pub async fn retries_are_counted_one_by_one(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.submit(Seed::job()).await;
    for tries in 0..4 {
        let lease = scene.acquire_one().await;
        assert_eq!(lease.spent, Spent { tries, losses: 0 });
        scene
            .end(lease.key, Disposition::RetryAfter(Duration::ZERO))
            .await;
    }
}

pub async fn a_lost_reply_to_a_finish_is_answered_as_finished_already(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let ways = [
        Disposition::Settle(TerminalState::Completed),
        Disposition::RetryAfter(LATER),
        Disposition::HandBack,
        Disposition::Lost,
    ];
    for then in ways {
        let key = scene.running(Seed::job().priority(100)).await;
        scene.end(key, then).await;
        let before = scene.show(key.job).await;
        let other = AttemptRecord::exited(Exit::with_code(99));
        for (record, then) in [
            (record_for(then), then),
            (other, Disposition::Settle(TerminalState::Failed)),
        ] {
            let outcome = scene.finish(key, record, then).await;
            assert_eq!(outcome, FinishOutcome::AlreadyFinished, "{then:?}");
        }
        assert_eq!(
            scene.show(key.job).await,
            before,
            "nothing changed after {then:?}"
        );
        if before.summary.state == State::Queued {
            let again = scene.acquire_one().await.key;
            let outcome = scene.finish(key, record_for(then), then).await;
            assert_eq!(
                outcome,
                FinishOutcome::AlreadyFinished,
                "also once it was acquired again"
            );
            assert_eq!(
                scene.status(again).await,
                LeaseStatus::Held,
                "which it leaves alone"
            );
        }
    }
}

pub async fn many_finishes_are_judged_one_by_one_and_answered_in_order(h: &dyn StoreHarness) {
    use FinishOutcome::{AlreadyFinished, Finished, LeaseLost};
    let scene = Scene::open(h).await;
    scene.submit_all(Seed::jobs(5)).await;
    let keys: Vec<_> = scene
        .acquire(5)
        .await
        .iter()
        .map(|lease| lease.key)
        .collect();
    scene.settle(keys[3], TerminalState::Completed).await;
    let finish = |lease, then| Finish {
        lease,
        record: record_for(then),
        then,
    };
    let unknown = longshore_core::store::LeaseKey {
        job: JobId(i64::MAX),
        ..keys[0]
    };
    let finishes = [
        finish(keys[4], Disposition::Settle(TerminalState::Failed)),
        finish(stale(keys[1]), Disposition::Settle(TerminalState::Failed)),
        finish(keys[0], Disposition::HandBack),
        finish(keys[3], Disposition::Settle(TerminalState::Completed)),
        finish(unknown, Disposition::HandBack),
        finish(keys[2], Disposition::RetryAfter(LATER)),
    ];
    assert_eq!(
        scene.store.finish(&finishes).await.expect("finish"),
        [
            Finished,
            LeaseLost,
            Finished,
            AlreadyFinished,
            LeaseLost,
            Finished
        ]
    );
    let jobs = keys.iter().map(|key| key.job).collect::<Vec<_>>();
    assert_eq!(
        scene.store.states(&jobs).await.expect("states"),
        [
            State::Queued,
            State::Launching,
            State::Retrying,
            State::Completed,
            State::Failed
        ]
    );
    assert_eq!(scene.store.finish(&[]).await.expect("nothing"), []);
}

pub async fn an_end_that_the_state_has_no_arrow_for_is_refused_alone(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let [before, bad, after] = [
        scene.leased(Seed::job()).await,
        scene.leased(Seed::job()).await,
        scene.leased(Seed::job()).await,
    ];
    let then = Disposition::Settle(TerminalState::Completed);
    let finish = |lease, started| Finish {
        lease,
        record: AttemptRecord {
            started,
            ..record_for(then)
        },
        then,
    };
    let finishes = [
        finish(before, true),
        finish(bad, false),
        finish(after, true),
    ];
    let illegal = IllegalTransition {
        state: State::Launching,
        event: Event::Complete,
    };
    assert_eq!(
        scene.store.finish(&finishes).await.expect("finish"),
        [
            FinishOutcome::Finished,
            FinishOutcome::Illegal(illegal),
            FinishOutcome::Finished
        ],
        "a job that never started can't have completed"
    );
    scene
        .store
        .request_cancel(bad.job)
        .await
        .expect("a live job");
    assert_eq!(
        scene.store.finish(&finishes[1..2]).await.expect("finish"),
        [FinishOutcome::Illegal(illegal)],
        "asked to stop or not"
    );
    assert_eq!(scene.state(bad.job).await, State::Launching);
    assert_eq!(
        scene.status(bad).await,
        LeaseStatus::CancelRequested,
        "it is held as before"
    );
    let failed = Disposition::Settle(TerminalState::Failed);
    let outcome = scene.finish(bad, record_for(failed), failed).await;
    assert_eq!(outcome, FinishOutcome::Finished, "another end of it is");
}

pub async fn a_hundred_finishes_in_one_call_all_happen(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.submit_all(Seed::jobs(100)).await;
    let leases = scene.acquire(100).await;
    let then = Disposition::Settle(TerminalState::Completed);
    let mut finishes: Vec<_> = leases
        .iter()
        .map(|lease| Finish {
            lease: lease.key,
            record: record_for(then),
            then,
        })
        .collect();
    finishes.reverse();
    let outcomes = scene.store.finish(&finishes).await.expect("finish");
    assert_eq!(outcomes, vec![FinishOutcome::Finished; 100]);
    let settled = scene.store.settled_counts().await.expect("counts");
    assert_eq!(
        settled.get(&State::Completed).map(|count| count.0),
        Some(100)
    );
}

pub async fn twin_finishes_of_one_attempt_happen_once(h: &dyn StoreHarness) {
    use FinishOutcome::{AlreadyFinished, Finished};
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    for round in 0..30 {
        let key = scene.running(Seed::job()).await;
        let [a, b] = [TerminalState::Completed, TerminalState::Failed].map(Disposition::Settle);
        let (first, second) = tokio::join!(
            scene.finish(key, record_for(a), a),
            twin.finish(key, record_for(b), b),
        );
        let expected = match (first, second) {
            (Finished, AlreadyFinished) => State::Completed,
            (AlreadyFinished, Finished) => State::Failed,
            both => panic!("round {round}: exactly one finishes it: {both:?}"),
        };
        assert_eq!(
            scene.state(key.job).await,
            expected,
            "round {round}: the winner's"
        );
    }
}
