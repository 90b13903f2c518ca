//! Who has lost a lease changes nothing, on either store.

use longshore_core::AttemptNumber;
use longshore_core::disposition::Disposition;
use longshore_core::output::{KeptOutput, Stream};
use longshore_core::state::TerminalState;
use longshore_core::store::{FenceOutcome, FinishOutcome, LeaseKey, LeaseStatus, OutputAppend};
use longshore_testkit::judged::{Judged, conclude, holds};
use longshore_testkit::store::StoreHarness;
use longshore_testkit::store::scene::{Scene, record_for, stale};
use longshore_testkit::store::seed::Seed;

use super::gates::{File, Pg};

const COMPLETED: Disposition = Disposition::Settle(TerminalState::Completed);

/// Ends an attempt under a key that `lose` made of the one that holds it.
async fn ended_under(h: &dyn StoreHarness, lose: impl Fn(LeaseKey) -> LeaseKey) -> Judged {
    let scene = Scene::open(h).await;
    let held = scene.running(Seed::job()).await;
    let stale = lose(held);
    let outcome = scene.finish(stale, record_for(COMPLETED), COMPLETED).await;
    let status = scene.status(held).await;
    let is_refused = outcome == FinishOutcome::LeaseLost && status == LeaseStatus::Held;
    holds("S5", is_refused, || {
        format!("{stale:?} ended {held:?}: {outcome:?}, now {status:?}")
    })
}

fn another_attempt(held: LeaseKey) -> LeaseKey {
    let attempt = AttemptNumber(held.attempt.0 + 1);
    LeaseKey {
        attempt,
        ..stale(held)
    }
}

#[tokio::test]
async fn a_stale_token_ends_nothing_on_postgres() {
    conclude(&ended_under(&Pg::new().await, stale).await);
}

#[tokio::test]
async fn a_stale_token_ends_nothing_on_sqlite() {
    conclude(&ended_under(&File::new(), stale).await);
}

#[tokio::test]
async fn another_attempt_of_a_running_job_ends_nothing_on_postgres() {
    conclude(&ended_under(&Pg::new().await, another_attempt).await);
}

#[tokio::test]
async fn another_attempt_of_a_running_job_ends_nothing_on_sqlite() {
    conclude(&ended_under(&File::new(), another_attempt).await);
}

#[tokio::test]
async fn a_stale_token_does_not_get_past_the_fence() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let held = scene.leased(Seed::job()).await;
    let outcome = scene.mark_launched(stale(held)).await;
    conclude(&holds("S5", outcome == FenceOutcome::Lost, || {
        format!("a stale token was answered {outcome:?}")
    }));
}

#[tokio::test]
async fn a_stale_token_stores_no_output() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let held = scene.running(Seed::job()).await;
    let output = KeptOutput {
        stream: Stream::Stdout,
        position: 0,
        bytes: b"stale".to_vec(),
    };
    let append = OutputAppend {
        lease: stale(held),
        seq: 0,
        output,
        resume: None,
    };
    let statuses = scene.store.append_output(&[append]).await.expect("append");
    conclude(&holds("S5", statuses == [LeaseStatus::Lost], || {
        format!("a stale token was answered {statuses:?}")
    }));
}
