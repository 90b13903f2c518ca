//! Supervision moves whole, under a token of its own, from the dead alone, to who can continue it.

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{FinishOutcome, Heartbeat, Registry as _, TakeOverRequest};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::store::StoreHarness;
use longshore_testkit::store::recovery::{
    MANY, falls_silent, request, says_goodbye, successor, take_over,
};
use longshore_testkit::store::scene::{LATER, Scene, record_for};
use longshore_testkit::store::seed::Seed;

use super::gates::{BEFORE_FENCING, File, Pg};

const COMPLETED: Disposition = Disposition::Settle(TerminalState::Completed);

/// A job changes hands twice, goes back to its line and is acquired again.
async fn tokens_of_a_job(h: &dyn StoreHarness) -> Judged {
    let mut holder = Scene::open(h).await;
    let mut held = holder.running(Seed::job()).await;
    let mut tokens = vec![held.token];
    for _ in 0..2 {
        falls_silent(h, &holder).await;
        holder = successor(h, &holder).await;
        let taken = take_over(&holder, MANY).await;
        let Some(taken) = taken.first() else {
            return Judged::unknown("nothing was taken over");
        };
        held = taken.lease.key;
        tokens.push(held.token);
    }
    let then = Disposition::HandBack;
    let outcome = holder.finish(held, record_for(then), then).await;
    let acquired = holder.acquire(1).await;
    tokens.extend(acquired.iter().map(|lease| lease.key.token));
    let rise = tokens.is_sorted_by(|earlier, later| earlier < later);
    holds("S1", rise, || {
        format!("the tokens of one job, in their order: {tokens:?}")
    })
    .and(|| {
        let all = outcome == FinishOutcome::Finished && acquired.len() == 1;
        exercised(all, || format!("handed back: {outcome:?}, {acquired:?}"))
    })
}

#[tokio::test]
async fn tokens_rise_over_every_change_of_hands_on_postgres() {
    conclude(&tokens_of_a_job(&Pg::new().await).await);
}

#[tokio::test]
async fn tokens_rise_over_every_change_of_hands_on_sqlite() {
    conclude(&tokens_of_a_job(&File::new()).await);
}

/// Whoever had a lease before ends it.
async fn ended_by_the_last_holder(h: &dyn StoreHarness) -> Judged {
    let scene = Scene::open(h).await;
    let held = scene.running(Seed::job()).await;
    falls_silent(h, &scene).await;
    let next = successor(h, &scene).await;
    let taken = take_over(&next, MANY).await;
    let late = scene.finish(held, record_for(COMPLETED), COMPLETED).await;
    holds("S5", late == FinishOutcome::LeaseLost, || {
        format!("{held:?} was taken over as {taken:?}, and its end was answered {late:?}")
    })
    .and(|| exercised(taken.len() == 1, || "nothing was taken over".to_owned()))
}

#[tokio::test]
async fn who_had_a_lease_before_ends_nothing_on_postgres() {
    conclude(&ended_by_the_last_holder(&Pg::new().await).await);
}

#[tokio::test]
async fn who_had_a_lease_before_ends_nothing_on_sqlite() {
    conclude(&ended_by_the_last_holder(&File::new()).await);
}

/// A heartbeat comes when a take-over has found its worker's time over, and has not fenced it yet.
#[tokio::test]
async fn a_worker_that_is_told_that_it_lives_keeps_its_leases() {
    let pg = Pg::gated_in("take_over", BEFORE_FENCING).await;
    let scene = Scene::open(&pg).await;
    let next = successor(&pg, &scene).await;
    let held = scene.running(Seed::job()).await;
    falls_silent(&pg, &scene).await;
    let taking = pg.held_take_over(request(&next, MANY)).await;
    let (store, worker) = (pg.patient().await, scene.worker);
    let beat = tokio::spawn(async move { store.heartbeat(worker).await });
    pg.until_ended_or_waiting(&beat).await;
    let taken = taking.go().await;
    let beat = beat.await.expect("no panic").expect("heartbeat");
    let lives = beat != Heartbeat::Fenced;
    conclude(
        &holds("S1", taken.len() == usize::from(!lives), || {
            format!("{worker} was answered {beat:?}, and of {held:?} was taken {taken:?}")
        })
        .and(|| exercised(!lives, || "the take-over was first".to_owned())),
    );
}

/// One that does not reach a job's host asks before one that does.
async fn taken_by_who_reaches(h: &dyn StoreHarness) -> Judged {
    let scene = Scene::open(h).await;
    scene.running(Seed::job()).await;
    falls_silent(h, &scene).await;
    let nowhere = scene.twin(h).await;
    let next = successor(h, &scene).await;
    let in_vain = take_over(&nowhere, MANY).await;
    let taken = take_over(&next, MANY).await;
    holds("L2", in_vain.is_empty() && taken.len() == 1, || {
        format!(
            "{} of the leases on a host went to who does not reach it, {} to who does",
            in_vain.len(),
            taken.len()
        )
    })
}

#[tokio::test]
async fn a_lease_goes_to_a_worker_that_reaches_its_host_on_postgres() {
    conclude(&taken_by_who_reaches(&Pg::new().await).await);
}

#[tokio::test]
async fn a_lease_goes_to_a_worker_that_reaches_its_host_on_sqlite() {
    conclude(&taken_by_who_reaches(&File::new()).await);
}

/// An outage held up a call of one worker and the heartbeats of all; its own came in first.
async fn left_alone_after_an_outage(h: &dyn StoreHarness) -> Judged {
    let scene = Scene::open(h).await;
    let held = scene.running(Seed::job()).await;
    let next = successor(h, &scene).await;
    falls_silent(h, &scene).await;
    let Ok(Heartbeat::Alive { at, .. }) = next.store.heartbeat(next.worker).await else {
        return Judged::unknown("the other's heartbeat was not heard");
    };
    let held_up = TakeOverRequest {
        // More than half a lease ago, as it knew.
        heard_at: at - LATER.mul_f64(0.6),
        ..request(&next, MANY)
    };
    let taken = next.store.take_over(&held_up).await;
    let taken = taken.expect("take over");
    let after = take_over(&next, MANY).await;
    holds("S1", taken.is_empty(), || {
        format!("a call from before an outage took {held:?} from who was held up by it: {taken:?}")
    })
    .and(|| {
        exercised(taken.len() + after.len() == 1, || {
            "a call from after it takes nothing either".to_owned()
        })
    })
}

#[tokio::test]
async fn a_take_over_that_was_held_up_takes_nothing_from_others_on_postgres() {
    conclude(&left_alone_after_an_outage(&Pg::new().await).await);
}

#[tokio::test]
async fn a_take_over_that_was_held_up_takes_nothing_from_others_on_sqlite() {
    conclude(&left_alone_after_an_outage(&File::new()).await);
}

#[tokio::test]
async fn a_worker_that_drains_takes_nothing_over() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    scene.running(Seed::job()).await;
    let draining = successor(&pg, &scene).await;
    let drained = draining.store.drain_worker(draining.worker).await;
    drained.expect("a known worker");
    says_goodbye(&scene).await;
    let taken = take_over(&draining, MANY).await;
    conclude(&holds("S10", taken.is_empty(), || {
        format!("{} drains, and took {taken:?}", draining.worker)
    }));
}
