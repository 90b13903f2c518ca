//! Hand-made bad histories of the store's calls, at least two for each promise: who waits, when it starts,
//! how often, and what a drain leaves (S7 to S10). The others are in `promises.rs`.

use longshore_history::store::{
    Aged, Answer, Call, ErrorClass, Failure, FinishWord, Leased, Many, NewJob, Nothing,
    Reprioritise, Then,
};
use longshore_history::{
    BreachKind, Expectation, JobId, JobState, Micros, Place, Promise, QueueId, StoredAttempt,
    StoredJob, Token, WorkerId,
};

use crate::recorded::{Script, finish, keyed, lease, limit_change, plain, submission};

// S7

#[test]
fn a_later_job_of_the_same_priority_taken_first_breaks_s7() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    script.submit_plain(2);
    let at = script.acquire(1, &[lease(2, 1, 1)]);
    script.breaks_at(Promise::S7, BreachKind::Overtaken, at, &[3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_job_of_lower_priority_taken_first_breaks_s7() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    script.submit(
        2,
        NewJob {
            priority: 80,
            ..plain()
        },
    );
    let at = script.acquire(1, &[lease(1, 1, 1)]);
    script.breaks_at(Promise::S7, BreachKind::Overtaken, at, &[3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_job_that_was_handed_back_and_is_not_taken_first_breaks_s7() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    script.acquire(1, &[lease(1, 1, 1)]);
    script.submit_plain(2);
    script.finish(&lease(1, 1, 1), Then::HandBack);
    let at = script.acquire(1, &[lease(2, 1, 2)]);
    script.breaks_at(
        Promise::S7,
        BreachKind::Overtaken,
        at,
        &[7, 8, 9, 10, 11, 12],
    );
}

#[test]
fn a_job_that_was_raised_and_is_passed_over_breaks_s7() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    script.submit_plain(2);
    let raise = Reprioritise {
        job: JobId(2),
        priority: 90,
    };
    script.done(Call::Reprioritise(raise), Answer::Reprioritise(Nothing {}));
    let at = script.acquire(1, &[lease(1, 1, 1)]);
    script.breaks_at(Promise::S7, BreachKind::Overtaken, at, &[3, 4, 7, 8, 9, 10]);
}

fn aged(job: i64, lane: i16) -> Answer {
    Answer::AgeWaiting(vec![Aged {
        job: JobId(job),
        queue: QueueId(1),
        lane,
    }])
}

#[test]
fn a_job_that_moved_up_with_age_and_is_passed_over_breaks_s7() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    script.submit_plain(2);
    let pass = Call::AgeWaiting(Many { count: 10 });
    script.done(pass, aged(2, 99));
    let at = script.acquire(1, &[lease(1, 1, 1)]);
    script.breaks_at(Promise::S7, BreachKind::Overtaken, at, &[3, 4, 7, 8, 9, 10]);
}

#[test]
fn a_job_that_moved_up_with_age_and_is_taken_before_those_that_waited_there_breaks_s7() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    let urgent = NewJob {
        priority: 51,
        ..plain()
    };
    script.submit(2, urgent);
    let pass = Call::AgeWaiting(Many { count: 10 });
    script.done(pass, aged(1, 99));
    let risen = Leased {
        lane: 99,
        ..lease(1, 1, 1)
    };
    let at = script.acquire(1, &[risen]);
    script.breaks_at(Promise::S7, BreachKind::Overtaken, at, &[5, 6, 7, 8, 9, 10]);
}

#[test]
fn only_a_job_that_waits_moves_up_with_age() {
    let mut script = Script::with_queue(None);
    script.life(1, &lease(1, 1, 1));
    let pass = Call::AgeWaiting(Many { count: 10 });
    let at = script.done(pass, aged(1, 99));
    let lines: Vec<usize> = (3..=12).collect();
    script.breaks_at(Promise::S6, BreachKind::IllegalMove, at, &lines);
}

// S8

#[test]
fn a_job_acquired_before_its_time_breaks_s8() {
    let mut script = Script::default();
    script.submit(
        1,
        NewJob {
            due: Some(1000),
            ..plain()
        },
    );
    let early = Leased {
        claimed: 999,
        ..lease(1, 1, 1)
    };
    let at = script.acquire(1, &[early]);
    script.breaks_at(Promise::S8, BreachKind::StartedEarly, at, &[1, 2, 3, 4]);
}

#[test]
fn a_retry_acquired_before_its_delay_is_over_breaks_s8() {
    let first = lease(1, 1, 1);
    let mut script = Script::default();
    script.submit_plain(1);
    script.acquire(1, std::slice::from_ref(&first));
    script.finish(&first, Then::Retry);
    let early = Leased {
        claimed: 1_999_999,
        ..lease(1, 2, 2)
    };
    let at = script.acquire(1, &[early]);
    script.breaks_at(Promise::S8, BreachKind::StartedEarly, at, &[5, 6, 7, 8]);
}

#[test]
fn a_first_attempt_that_the_store_keeps_as_early_breaks_s8() {
    let mut script = Script::default();
    script.submit_plain(9);
    let attempt = StoredAttempt {
        attempt: longshore_history::AttemptNumber(1),
        token: Token(1),
        worker: WorkerId(1),
        claimed_at: Micros(5),
        ended_at: Some(Micros(8)),
        outcome: Some("exited".to_owned()),
        error_class: None,
    };
    let kept = StoredJob {
        attempts: vec![attempt],
        due_at: Some(Micros(6)),
        ..StoredJob::COMPLETED
    };
    let queued = StoredJob {
        state: JobState::Queued,
        ..StoredJob::COMPLETED
    };
    let stored = [(JobId(1), kept), (JobId(9), queued)];
    let expectation = Expectation::default().with_stored(stored);
    script.breaks(&expectation, BreachKind::StartedEarly, Place::End, &[]);
}

// S9

/// Attempts that all end in `then`, after these delays.
fn put_back(new: NewJob, then: Then, delays: &[u64]) -> (Script, usize) {
    let mut script = Script::default();
    script.submit(1, new);
    let mut at = 0;
    let mut claimed = 0;
    for (delay, attempt) in delays.iter().zip(1..) {
        let held = Leased {
            claimed,
            ..lease(1, attempt, i64::from(attempt))
        };
        script.acquire(1, std::slice::from_ref(&held));
        let finish = longshore_history::store::Finish {
            delay: *delay,
            ..finish(&held, then)
        };
        at = script.finish_as(finish, FinishWord::Finished);
        claimed += i64::try_from(*delay).expect("small");
    }
    (script, at)
}

#[test]
fn a_retry_beyond_the_policy_breaks_s9() {
    let (script, at) = put_back(
        NewJob {
            retries: 1,
            ..plain()
        },
        Then::Retry,
        &[2_000_000, 3_000_000],
    );
    script.breaks_at(Promise::S9, BreachKind::RetriedTooOften, at, &[5, 6, 9, 10]);
}

#[test]
fn a_retry_of_a_permanent_error_breaks_s9() {
    let held = lease(1, 1, 1);
    let mut script = Script::default();
    script.submit_plain(1);
    script.acquire(1, std::slice::from_ref(&held));
    let permanent = longshore_history::store::Finish {
        class: Some(ErrorClass::Permanent),
        started: false,
        ..finish(&held, Then::Retry)
    };
    let at = script.finish_as(permanent, FinishWord::Finished);
    script.breaks_at(Promise::S9, BreachKind::RetriedPermanent, at, &[5, 6]);
}

#[test]
fn a_retry_without_backoff_breaks_s9() {
    let (script, at) = put_back(plain(), Then::Retry, &[0]);
    script.breaks_at(Promise::S9, BreachKind::DelayOutOfBounds, at, &[5, 6]);
}

#[test]
fn a_delay_that_does_not_grow_breaks_s9() {
    let (script, at) = put_back(plain(), Then::Retry, &[1_500_000, 1_500_000]);
    script.breaks_at(
        Promise::S9,
        BreachKind::DelayOutOfBounds,
        at,
        &[5, 6, 9, 10],
    );
}

#[test]
fn a_delay_beyond_the_longest_breaks_s9() {
    let (script, at) = put_back(plain(), Then::Retry, &[2_000_002]);
    script.breaks_at(Promise::S9, BreachKind::DelayOutOfBounds, at, &[5, 6]);
}

#[test]
fn losses_beyond_the_crash_budget_break_s9() {
    let (script, at) = put_back(plain(), Then::Lost, &[0; 4]);
    let proof = [5, 6, 9, 10, 13, 14, 17, 18];
    script.breaks_at(Promise::S9, BreachKind::LostTooOften, at, &proof);
}

// S10

#[test]
fn an_acquisition_after_a_drain_breaks_s10() {
    let mut script = Script::default();
    script.drain(1);
    let at = script.acquire(1, &[lease(1, 1, 1)]);
    let kind = BreachKind::AcquiredWhileDraining;
    script.breaks_at(Promise::S10, kind, at, &[1, 2, 3, 4]);
}

#[test]
fn a_goodbye_that_leaves_a_lease_behind_breaks_s10() {
    let mut script = Script::default();
    script.acquire(1, &[lease(1, 1, 1)]);
    script.drain(1);
    let at = script.stop(1);
    script.breaks_at(Promise::S10, BreachKind::LeftBehind, at, &[1, 2, 5, 6]);
}

#[test]
fn heartbeats_that_stop_before_the_last_lease_ends_break_s10() {
    let held = lease(1, 1, 1);
    let mut script = Script::default();
    script.register(1, 5);
    script.acquire(1, std::slice::from_ref(&held));
    script.beat(1);
    script.drain(1);
    // A millisecond each.
    script.runs(&held);
    script.submit_plain(2);
    let at = script.finish(&held, Then::Completed);
    let kind = BreachKind::HeartbeatStopped;
    script.breaks_at(Promise::S10, kind, at, &[3, 4, 5, 6, 7, 8, 13, 14]);
}

#[test]
fn an_uncertain_change_of_a_limit_is_no_reason_to_go_beyond_both() {
    let mut script = Script::with_queue(Some(1));
    let change = script.call(limit_change(Some(2)));
    script.fail(change, Failure::Unavailable);
    script.acquire(1, &[lease(1, 1, 1), lease(2, 1, 2)]);
    script.passes(&Expectation::default());
    let at = script.acquire(1, &[lease(3, 1, 3)]);
    let kind = BreachKind::AcquiredBeyondLimit;
    script.breaks_at(Promise::S3, kind, at, &[3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_submission_answered_with_another_job_of_its_key_is_caught_though_its_first_reply_was_lost() {
    let mut script = Script::default();
    let (call, _) = submission(1, keyed("k"));
    let open = script.call(call);
    script.fail(open, Failure::Unavailable);
    script.submit(1, keyed("k"));
    let at = script.submit(2, keyed("k"));
    script.breaks_at(Promise::S4, BreachKind::TwoJobsOneKey, at, &[3, 4, 5, 6]);
}
