//! A worker that lost its lease changes nothing (promise S5).

use std::time::Duration;

use longshore_core::attempt::{AttemptRecord, Exit};
use longshore_core::disposition::Disposition;
use longshore_core::output::{KeptOutput, Stream};
use longshore_core::state::TerminalState;
use longshore_core::store::{
    FenceOutcome, FinishOutcome, JobDetail, LeaseKey, LeaseStatus, OutputAppend, OutputRequest,
};
use longshore_core::{AttemptNumber, JobId, Token};

use crate::store::StoreHarness;
use crate::store::scene::{Scene, record_for, stale};
use crate::store::seed::Seed;

/// A job that `scene` held, lost, and that `twin` has acquired since; every key under which a
/// worker of the past could still try to write, and the one that holds.
async fn reacquired(scene: &Scene, twin: &Scene) -> (Vec<LeaseKey>, LeaseKey) {
    let first = scene.running(Seed::job()).await;
    scene
        .end(first, Disposition::RetryAfter(Duration::ZERO))
        .await;
    let held = twin.acquire_one().await.key;
    assert!(held.token > first.token);
    let stale = vec![
        LeaseKey {
            attempt: held.attempt,
            ..first
        },
        LeaseKey {
            token: held.token,
            ..first
        },
        stale(held),
        LeaseKey {
            token: Token(held.token.0 + 1),
            ..held
        },
        LeaseKey {
            attempt: AttemptNumber(held.attempt.0 + 1),
            ..held
        },
        LeaseKey {
            job: JobId(i64::MAX),
            ..held
        },
    ];
    (stale, held)
}

/// That nothing changed by all of it.
async fn assert_untouched(twin: &Scene, before: &JobDetail, held: LeaseKey) {
    assert_eq!(&twin.show(held.job).await, before);
    assert_eq!(twin.status(held).await, LeaseStatus::Held);
    let request = OutputRequest {
        job: held.job,
        attempt: None,
        after: None,
        max_bytes: u32::MAX,
    };
    assert_eq!(
        twin.store
            .read_output(request)
            .await
            .expect("output")
            .chunks,
        []
    );
}

pub async fn stale_token_cannot_finish_attempt(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    let (stale, held) = reacquired(&scene, &twin).await;
    let before = twin.show(held.job).await;
    let ways = [
        Disposition::Settle(TerminalState::Completed),
        Disposition::RetryAfter(Duration::ZERO),
        Disposition::HandBack,
        Disposition::Lost,
    ];
    for key in stale {
        for then in ways {
            let outcome = scene.finish(key, record_for(then), then).await;
            assert_eq!(outcome, FinishOutcome::LeaseLost, "{key:?} {then:?}");
        }
    }
    assert_untouched(&twin, &before, held).await;
    twin.settle(held, TerminalState::Completed).await;
}

pub async fn stale_token_cannot_mark_a_job_launched_or_running(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    let (stale, held) = reacquired(&scene, &twin).await;
    let before = twin.show(held.job).await;
    for key in stale {
        let fenced = scene.mark_launched(key).await;
        assert_eq!(fenced, FenceOutcome::Lost, "{key:?}");
        let status = scene.store.mark_running(key).await.expect("mark running");
        assert_eq!(status, LeaseStatus::Lost, "{key:?}");
    }
    assert_untouched(&twin, &before, held).await;
}

pub async fn stale_token_cannot_append_output(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    let (stale, held) = reacquired(&scene, &twin).await;
    let before = twin.show(held.job).await;
    for lease in stale {
        let output = KeptOutput {
            stream: Stream::Stdout,
            position: 0,
            bytes: b"forged".to_vec(),
        };
        let append = OutputAppend {
            lease,
            seq: 0,
            output,
            resume: None,
        };
        let statuses = scene.store.append_output(&[append]).await.expect("append");
        assert_eq!(statuses, [LeaseStatus::Lost], "{lease:?}");
    }
    assert_untouched(&twin, &before, held).await;
}

pub async fn stale_token_is_told_that_its_lease_is_lost(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    let (stale, held) = reacquired(&scene, &twin).await;
    let statuses = scene.store.check_leases(&stale).await.expect("check");
    assert_eq!(statuses, vec![LeaseStatus::Lost; stale.len()]);
    assert_eq!(twin.status(held).await, LeaseStatus::Held);
}

pub async fn an_ended_attempt_takes_no_more_writes(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    scene.settle(key, TerminalState::Failed).await;
    let before = scene.show(key.job).await;
    assert_eq!(scene.mark_launched(key).await, FenceOutcome::Lost);
    assert_eq!(
        scene.store.mark_running(key).await.expect("running"),
        LeaseStatus::Lost
    );
    let output = KeptOutput {
        stream: Stream::Stderr,
        position: 0,
        bytes: b"late".to_vec(),
    };
    let append = OutputAppend {
        lease: key,
        seq: 0,
        output,
        resume: None,
    };
    assert_eq!(
        scene.store.append_output(&[append]).await.expect("append"),
        [LeaseStatus::Lost]
    );
    assert_eq!(scene.show(key.job).await, before);
}

pub async fn a_stale_finish_meets_an_acquisition_and_changes_nothing(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    scene.submit(Seed::job()).await;
    for round in 0..30 {
        let old = scene.acquire_one().await.key;
        scene.end(old, Disposition::HandBack).await;
        let then = Disposition::Settle(TerminalState::Failed);
        let record = AttemptRecord::exited(Exit::with_code(1));
        let (late, lease) = tokio::join!(scene.finish(old, record, then), twin.acquire_one());
        assert_eq!(late, FinishOutcome::AlreadyFinished, "round {round}");
        assert_eq!(
            twin.status(lease.key).await,
            LeaseStatus::Held,
            "round {round}"
        );
        twin.end(lease.key, Disposition::HandBack).await;
    }
}
