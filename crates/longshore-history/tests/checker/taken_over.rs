//! Leases that change hands: hand-made histories, bad ones of each promise that they touch, and good
//! ones that look like them.

use longshore_history::store::{
    Answer, Beat, Call, CancelWord, Failure, FenceWord, Fenced, FinishWord, HeartbeatWord,
    LeaseWord, Leased, Then,
};
use longshore_history::{BreachKind, Exercise, Expectation, Promise};

use crate::recorded::{Script, finish, lease, reference, taken, takes_over, this};

const NONE: Then = Then::Completed;

fn must_take_over() -> Expectation {
    Expectation::default().exercising(Exercise {
        take_overs: true,
        ..Exercise::default()
    })
}

/// Job 1, acquired by worker 1 under token 5, in lines 3 to 6; nothing before it but a queue.
fn acquired() -> (Script, Leased) {
    let mut script = Script::with_queue(Some(1));
    let held = lease(1, 1, 5);
    script.submit_plain(1);
    script.acquire(1, std::slice::from_ref(&held));
    (script, held)
}

/// The same lease under another token.
fn under(held: &Leased, token: i64) -> Leased {
    lease(held.job.0, held.attempt.0, token)
}

fn heartbeat(outcome: HeartbeatWord) -> Answer {
    Answer::Heartbeat(Beat { outcome })
}

fn launched(script: &mut Script, held: &Leased, outcome: FenceWord) -> usize {
    let answer = Answer::MarkLaunched(Fenced { outcome });
    script.done(Call::MarkLaunched(reference(held)), answer)
}

// S1

#[test]
fn a_lease_that_two_take_over_from_one_token_breaks_s1() {
    let (mut script, held) = acquired();
    let first = script.call(takes_over(2));
    let second = script.call(takes_over(3));
    script.answer(first, Answer::TakeOver(vec![taken(1, &held, 6)]));
    let answer = Answer::TakeOver(vec![taken(1, &held, 7)]);
    let at = script.answer(second, answer);
    let kind = BreachKind::AcquiredTwice;
    script.breaks_at(Promise::S1, kind, at, &[7, 8, 9, 10]);
}

#[test]
fn a_take_over_that_keeps_the_token_breaks_s1() {
    let (mut script, held) = acquired();
    let at = script.take_over(2, 1, &held, 5);
    let kind = BreachKind::TokenNotRising;
    script.breaks_at(Promise::S1, kind, at, &[5, 6, 7, 8]);
}

#[test]
fn a_take_over_whose_token_falls_breaks_s1_whoever_had_it_before() {
    let mut script = Script::default();
    // Nobody recorded the acquisition.
    let at = script.take_over(2, 1, &lease(1, 1, 5), 4);
    let kind = BreachKind::TokenNotRising;
    script.breaks_at(Promise::S1, kind, at, &[1, 2]);
}

/// What taking over with the token plus one leads to: the next acquisition draws less.
#[test]
fn an_acquisition_under_a_token_that_a_take_over_gave_breaks_s1() {
    for token in [7, 6] {
        let (mut script, held) = acquired();
        script.take_over(2, 1, &held, 6);
        script.take_over(3, 2, &under(&held, 6), 7);
        script.finish(&under(&held, 7), Then::HandBack);
        let at = script.acquire(4, &[lease(1, 2, token)]);
        let kind = BreachKind::TokenNotRising;
        script.breaks_at(Promise::S1, kind, at, &[9, 10, 13, 14]);
    }
}

#[test]
fn a_take_over_under_a_token_that_was_out_already_breaks_s1() {
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 9);
    // It says that it took another token than the one that was out.
    let at = script.take_over(3, 2, &under(&held, 6), 8);
    let kind = BreachKind::TokenNotRising;
    script.breaks_at(Promise::S1, kind, at, &[7, 8, 9, 10]);
}

#[test]
fn a_worker_that_lives_after_its_lease_was_taken_breaks_s1() {
    for outcome in [HeartbeatWord::Alive, HeartbeatWord::Draining] {
        let (mut script, held) = acquired();
        script.take_over(2, 1, &held, 6);
        let at = script.done(Call::Heartbeat(this(1)), heartbeat(outcome));
        let kind = BreachKind::TakenFromTheLiving;
        script.breaks_at(Promise::S1, kind, at, &[7, 8, 9, 10]);
    }
}

#[test]
fn a_goodbye_after_its_lease_was_taken_excuses_no_heartbeat() {
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 6);
    script.stop(1);
    let at = script.beat(1);
    let kind = BreachKind::TakenFromTheLiving;
    script.breaks_at(Promise::S1, kind, at, &[7, 8, 11, 12]);
}

#[test]
fn a_worker_that_is_fenced_said_goodbye_or_asked_meanwhile_is_not_taken_from_alive() {
    let (mut script, held) = acquired();
    let before = script.call(Call::Heartbeat(this(1)));
    script.take_over(2, 1, &held, 6);
    script.answer(before, heartbeat(HeartbeatWord::Alive));
    script.done(Call::Heartbeat(this(1)), heartbeat(HeartbeatWord::Fenced));
    script.beat(2);
    script.passes(&must_take_over());

    let (mut script, held) = acquired();
    launched(&mut script, &held, FenceWord::Stored);
    script.stop(1);
    script.take_over(2, 1, &held, 6);
    script.beat(1);
    script.passes(&must_take_over());
}

#[test]
fn what_a_worker_is_told_of_its_own_is_no_take_over_from_the_living() {
    let (mut script, held) = acquired();
    script.take_over(1, 1, &held, 6);
    script.beat(1);
    script.passes(&Expectation::default());
    let doubt = longshore_history::Doubt::NothingTakenOver;
    script.is_unknown(&must_take_over(), &doubt);
}

// S3

#[test]
fn an_acquisition_beside_a_lease_that_changed_hands_breaks_s3() {
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 6);
    let at = script.acquire(2, &[lease(2, 1, 7)]);
    let kind = BreachKind::AcquiredBeyondLimit;
    script.breaks_at(Promise::S3, kind, at, &[5, 6, 9, 10]);
}

#[test]
fn an_end_by_the_last_holder_frees_the_slot_of_the_first() {
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 6);
    script.take_over(3, 2, &under(&held, 6), 7);
    script.finish(&under(&held, 7), Then::Failed);
    script.submit_plain(2);
    script.acquire(2, &[lease(2, 1, 8)]);
    script.passes(&must_take_over());
}

/// The reply was lost, and its token is known to its worker alone.
#[test]
fn an_end_under_a_token_that_nobody_was_told_frees_the_slot_too() {
    let (mut script, held) = acquired();
    let lost = script.call(takes_over(2));
    script.fail(lost, Failure::Unavailable);
    script.finish(&under(&held, 6), Then::Failed);
    script.submit_plain(2);
    script.acquire(2, &[lease(2, 1, 8)]);
    script.passes(&Expectation::default());
}

#[test]
fn a_chain_of_holders_with_a_lost_reply_and_answers_out_of_order_passes() {
    let (mut script, held) = acquired();
    let lost = script.call(takes_over(2));
    script.fail(lost, Failure::Unavailable);
    // It asks again, and dies; the next is told before it is.
    let again = script.call(takes_over(2));
    script.take_over(3, 2, &under(&held, 7), 8);
    let told = taken(2, &under(&held, 6), 7);
    script.answer(again, Answer::TakeOver(vec![told]));
    script.runs(&under(&held, 8));
    script.finish(&under(&held, 8), Then::Completed);
    script.submit_plain(2);
    script.acquire(3, &[lease(2, 1, 9)]);
    script.passes(&must_take_over());
}

// S5

#[test]
fn an_end_by_who_had_the_lease_before_breaks_s5() {
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 6);
    let at = script.finish(&held, Then::Failed);
    let kind = BreachKind::StaleWrite;
    script.breaks_at(Promise::S5, kind, at, &[7, 8, 9, 10]);
}

#[test]
fn a_handle_of_who_had_the_lease_before_breaks_s5() {
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 6);
    let at = launched(&mut script, &held, FenceWord::Stored);
    let kind = BreachKind::StaleWrite;
    script.breaks_at(Promise::S5, kind, at, &[7, 8, 9, 10]);
}

#[test]
fn a_write_after_the_end_by_another_holder_breaks_s5() {
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 6);
    script.finish(&under(&held, 6), Then::Failed);
    let at = script.runs(&under(&held, 6));
    let kind = BreachKind::WriteAfterEnd;
    script.breaks_at(Promise::S5, kind, at, &[9, 10, 11, 12]);
}

#[test]
fn late_writes_that_are_refused_or_were_sent_before_pass() {
    let (mut script, held) = acquired();
    let before = script.call(Call::MarkRunning(reference(&held)));
    script.take_over(2, 1, &held, 6);
    let standing = longshore_history::store::Standing {
        status: LeaseWord::Held,
    };
    script.answer(before, Answer::MarkRunning(standing));
    script.running(&held, LeaseWord::Lost);
    script.finish_as(finish(&held, NONE), FinishWord::LeaseLost);
    script.cancel(1, CancelWord::Requested);
    script.finish(&under(&held, 6), Then::Cancelled);
    script.passes(&Expectation::default().exercising(Exercise {
        take_overs: true,
        stale_writes: true,
        ..Exercise::default()
    }));
}

// S6

#[test]
fn a_take_over_of_a_job_that_has_ended_breaks_s6() {
    let (mut script, held) = acquired();
    script.finish(&held, Then::Failed);
    let at = script.take_over(2, 1, &held, 6);
    let kind = BreachKind::IllegalMove;
    script.breaks_at(Promise::S6, kind, at, &[3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn a_take_over_of_a_job_that_waits_breaks_s6() {
    let mut script = Script::default();
    script.submit_plain(1);
    let at = script.take_over(2, 1, &lease(1, 1, 5), 6);
    let kind = BreachKind::IllegalMove;
    script.breaks_at(Promise::S6, kind, at, &[1, 2, 3, 4]);
}

// S10

#[test]
fn a_take_over_after_a_drain_or_a_goodbye_breaks_s10() {
    for stops in [false, true] {
        let (mut script, held) = acquired();
        if stops {
            script.stop(2);
        } else {
            script.drain(2);
        }
        let at = script.take_over(2, 1, &held, 6);
        let kind = BreachKind::AcquiredWhileDraining;
        script.breaks_at(Promise::S10, kind, at, &[7, 8, 9, 10]);
    }
}

#[test]
fn a_goodbye_of_who_took_over_and_never_launched_breaks_s10() {
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 6);
    let at = script.stop(2);
    let kind = BreachKind::LeftBehind;
    script.breaks_at(Promise::S10, kind, at, &[7, 8, 9, 10]);
}

#[test]
fn a_goodbye_before_anybody_takes_over_what_was_never_launched_breaks_s10() {
    let (mut script, held) = acquired();
    let at = script.stop(1);
    script.take_over(2, 1, &held, 6);
    let kind = BreachKind::LeftBehind;
    script.breaks_at(Promise::S10, kind, at, &[5, 6, 7, 8]);
}

#[test]
fn a_drain_without_heartbeats_of_who_took_over_breaks_s10() {
    let mut script = Script::with_queue(None);
    let held = lease(1, 1, 5);
    script.register(2, 5);
    script.submit_plain(1);
    script.acquire(1, std::slice::from_ref(&held));
    script.take_over(2, 1, &held, 6);
    script.runs(&under(&held, 6));
    script.drain(2);
    let at = script.finish(&under(&held, 6), Then::Completed);
    let kind = BreachKind::HeartbeatStopped;
    let proof = [3, 4, 7, 8, 13, 14, 15, 16];
    script.breaks_at(Promise::S10, kind, at, &proof);
}

#[test]
fn goodbyes_of_who_holds_nothing_or_leaves_a_handle_pass() {
    // A handle of an earlier holder is one, and who lost its lease leaves nothing behind.
    let (mut script, held) = acquired();
    launched(&mut script, &held, FenceWord::Stored);
    script.take_over(2, 1, &held, 6);
    script.stop(1);
    script.stop(2);
    script.take_over(3, 2, &under(&held, 6), 7);
    script.passes(&must_take_over());
    // Who lost it before anything was launched, neither; not even if nobody knows that it did.
    let (mut script, held) = acquired();
    script.take_over(2, 1, &held, 6);
    script.stop(1);
    script.passes(&must_take_over());
    let (mut script, _) = acquired();
    let lost = script.call(takes_over(2));
    script.stop(1);
    script.fail(lost, Failure::Unavailable);
    script.passes(&Expectation::default());
}

#[test]
fn a_take_over_that_was_sent_before_the_drain_may_bring_work() {
    let (mut script, held) = acquired();
    let before = script.call(takes_over(2));
    script.drain(2);
    script.answer(before, Answer::TakeOver(vec![taken(1, &held, 6)]));
    script.done(takes_over(2), Answer::TakeOver(vec![]));
    script.passes(&must_take_over());
}
