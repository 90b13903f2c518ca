//! Hand-made bad histories of the store's calls, at least two for each promise that they show.

use longshore_history::store::{
    Acquire, Answer, Call, CancelWord, Failure, FenceWord, Fenced, FinishWord, LeaseWord, NewJob,
    Nothing, Then,
};
use longshore_history::{
    BreachKind, Expectation, JobId, JobState, Limit, Place, Promise, QueueId, StoredJob, WorkerId,
};

use crate::recorded::{Script, asks, finish, keyed, lease, one, plain, reference};
use crate::support::jobs;

// S1

#[test]
fn an_attempt_given_to_two_workers_breaks_s1() {
    let mut script = Script::default();
    script.submit_plain(1);
    let first = script.call(asks(1));
    let second = script.call(asks(2));
    script.answer(first, Answer::Acquire(vec![lease(1, 1, 5)]));
    let at = script.answer(second, Answer::Acquire(vec![lease(1, 1, 6)]));
    script.breaks_at(Promise::S1, BreachKind::AcquiredTwice, at, &[3, 4, 5, 6]);
}

#[test]
fn an_attempt_given_twice_to_one_worker_breaks_s1() {
    let mut script = Script::default();
    script.submit_plain(1);
    script.acquire(1, &[lease(1, 1, 5)]);
    let at = script.acquire(1, &[lease(1, 1, 6)]);
    script.breaks_at(Promise::S1, BreachKind::AcquiredTwice, at, &[3, 4, 5, 6]);
}

fn acquired_again_under(token: i64) -> (Script, usize) {
    let mut script = Script::default();
    script.submit_plain(1);
    script.acquire(1, &[lease(1, 1, 5)]);
    script.finish(&lease(1, 1, 5), Then::HandBack);
    let at = script.acquire(2, &[lease(1, 2, token)]);
    (script, at)
}

#[test]
fn a_token_that_falls_breaks_s1() {
    let (script, at) = acquired_again_under(4);
    script.breaks_at(Promise::S1, BreachKind::TokenNotRising, at, &[3, 4, 7, 8]);
}

#[test]
fn a_token_given_twice_breaks_s1() {
    let (script, at) = acquired_again_under(5);
    script.breaks_at(Promise::S1, BreachKind::TokenNotRising, at, &[3, 4, 7, 8]);
}

// S3

#[test]
fn an_acquisition_beside_a_full_queue_breaks_s3() {
    let mut script = Script::with_queue(Some(1));
    script.acquire(1, &[lease(1, 1, 1)]);
    let at = script.acquire(2, &[lease(2, 1, 2)]);
    let kind = BreachKind::AcquiredBeyondLimit;
    script.breaks_at(Promise::S3, kind, at, &[3, 4, 5, 6]);
}

#[test]
fn a_batch_larger_than_the_limit_breaks_s3() {
    let mut script = Script::with_queue(Some(2));
    let at = script.acquire(1, &[lease(1, 1, 1), lease(2, 1, 2), lease(3, 1, 3)]);
    let kind = BreachKind::AcquiredBeyondLimit;
    script.breaks_at(Promise::S3, kind, at, &[3, 4]);
}

/// What counting before the lock does: both count none.
#[test]
fn two_acquisitions_at_once_that_both_saw_room_break_s3() {
    let mut script = Script::with_queue(Some(1));
    let first = script.call(asks(1));
    let second = script.call(asks(2));
    script.answer(first, Answer::Acquire(vec![lease(1, 1, 1)]));
    let at = script.answer(second, Answer::Acquire(vec![lease(2, 1, 2)]));
    let kind = BreachKind::AcquiredBeyondLimit;
    script.breaks_at(Promise::S3, kind, at, &[3, 4, 5, 6]);
}

#[test]
fn an_acquisition_after_the_limit_was_lowered_breaks_s3() {
    let mut script = Script::with_queue(Some(3));
    script.acquire(1, &[lease(1, 1, 1), lease(2, 1, 2)]);
    script.change_limit(Some(1));
    let at = script.acquire(2, &[lease(3, 1, 3)]);
    let kind = BreachKind::AcquiredBeyondLimit;
    script.breaks_at(Promise::S3, kind, at, &[3, 4, 7, 8]);
}

#[test]
fn a_callers_own_limit_holds_for_its_call() {
    let mut script = Script::with_queue(Some(9));
    script.acquire(1, &[lease(1, 1, 1)]);
    let own = Call::Acquire(Acquire {
        queue: QueueId(1),
        worker: WorkerId(2),
        want: 5,
        limit: Some(1),
    });
    let at = script.done(own, Answer::Acquire(vec![lease(2, 1, 2)]));
    let kind = BreachKind::AcquiredBeyondLimit;
    script.breaks_at(Promise::S3, kind, at, &[3, 4, 5, 6]);
}

#[test]
fn jobs_that_ran_beyond_the_largest_limit_of_a_queue_break_s3() {
    let mut script = Script::with_queue(Some(2));
    script.change_limit(Some(1));
    for line in [
        "START 1 1",
        "START 2 1",
        "START 3 1",
        "END 1 1",
        "END 2 1",
        "END 3 1",
    ] {
        script.mark(line);
    }
    let limit = Limit {
        max: 2,
        jobs: jobs([1, 2, 3]),
        queue: Some(QueueId(1)),
        ..Limit::default()
    };
    let expectation = Expectation::each_once(jobs([1, 2, 3])).with_limit(limit);
    let at = Place::Line(crate::support::at(7));
    script.breaks(
        &expectation,
        BreachKind::LimitExceeded,
        at,
        &[5, 6, 7, 8, 9, 10],
    );
}

// S4

#[test]
fn one_key_that_leads_to_two_jobs_breaks_s4() {
    let mut script = Script::default();
    script.submit(1, keyed("k"));
    let at = script.submit(2, keyed("k"));
    script.breaks_at(Promise::S4, BreachKind::TwoJobsOneKey, at, &[1, 2, 3, 4]);
}

#[test]
fn a_job_that_ends_twice_breaks_s4() {
    let mut script = Script::default();
    script.submit_plain(1);
    let first = script.call(Call::RequestCancel(one(1)));
    let expire = script.call(crate::recorded::expire());
    let cancelled = longshore_history::store::CancelAnswer {
        outcome: CancelWord::Cancelled,
        state: None,
    };
    script.answer(first, Answer::RequestCancel(cancelled));
    let at = script.answer(expire, Answer::ExpireWaiting(vec![one(1)]));
    script.breaks_at(Promise::S4, BreachKind::SettledTwice, at, &[3, 4, 5, 6]);
}

#[test]
fn an_acknowledged_job_that_the_store_lacks_breaks_s4() {
    let mut script = Script::default();
    script.submit_plain(1);
    let nothing: [(JobId, StoredJob); 0] = [];
    let expectation = Expectation::default().with_stored(nothing);
    let kind = BreachKind::MissingFromStore;
    script.breaks(&expectation, kind, Place::End, &[1, 2]);
}

// S5

#[test]
fn a_write_under_an_older_token_breaks_s5() {
    let (old, new) = (lease(1, 1, 5), lease(1, 2, 6));
    let mut script = Script::default();
    script.acquire(1, std::slice::from_ref(&old));
    let lost = script.call(Call::Finish(vec![finish(&old, Then::HandBack)]));
    script.fail(lost, Failure::Unavailable);
    script.acquire(2, std::slice::from_ref(&new));
    let at = script.running(&old, LeaseWord::Held);
    script.breaks_at(Promise::S5, BreachKind::StaleWrite, at, &[5, 6, 7, 8]);
}

#[test]
fn a_finish_under_an_older_token_breaks_s5() {
    let (old, new) = (lease(1, 1, 5), lease(1, 2, 6));
    let mut script = Script::default();
    script.acquire(1, std::slice::from_ref(&old));
    let lost = script.call(Call::Finish(vec![finish(&old, Then::Lost)]));
    script.fail(lost, Failure::Unavailable);
    script.acquire(2, std::slice::from_ref(&new));
    let at = script.finish(&old, Then::Completed);
    script.breaks_at(Promise::S5, BreachKind::StaleWrite, at, &[5, 6, 7, 8]);
}

#[test]
fn a_write_under_a_lease_that_has_ended_breaks_s5() {
    let held = lease(1, 1, 5);
    let mut script = Script::default();
    script.life(1, &held);
    let fenced = Answer::MarkLaunched(Fenced {
        outcome: FenceWord::Stored,
    });
    let at = script.done(Call::MarkLaunched(reference(&held)), fenced);
    script.breaks_at(Promise::S5, BreachKind::WriteAfterEnd, at, &[7, 8, 9, 10]);
}

// S6

#[test]
fn a_cancelled_job_that_is_acquired_breaks_s6() {
    let mut script = Script::default();
    script.submit_plain(1);
    script.cancel(1, CancelWord::Cancelled);
    let at = script.acquire(1, &[lease(1, 1, 1)]);
    let proof = [1, 2, 3, 4, 5, 6];
    script.breaks_at(Promise::S6, BreachKind::IllegalMove, at, &proof);
}

#[test]
fn a_job_that_completes_without_having_started_breaks_s6() {
    let held = lease(1, 1, 1);
    let mut script = Script::default();
    script.submit_plain(1);
    script.acquire(1, std::slice::from_ref(&held));
    let unstarted = longshore_history::store::Finish {
        started: false,
        ..finish(&held, Then::Completed)
    };
    let at = script.finish_as(unstarted, FinishWord::Finished);
    let proof = [1, 2, 3, 4, 5, 6];
    script.breaks_at(Promise::S6, BreachKind::IllegalMove, at, &proof);
}

#[test]
fn a_completed_job_that_is_retried_breaks_s6() {
    let mut script = Script::default();
    script.life(1, &lease(1, 1, 1));
    let at = script.retry(1);
    let proof = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    script.breaks_at(Promise::S6, BreachKind::IllegalMove, at, &proof);
}

#[test]
fn a_held_job_that_is_acquired_before_it_is_queued_breaks_s6() {
    let mut script = Script::default();
    script.submit(
        1,
        NewJob {
            held: true,
            ..plain()
        },
    );
    let at = script.acquire(1, &[lease(1, 1, 1)]);
    script.done(Call::QueueJob(one(1)), Answer::QueueJob(Nothing {}));
    script.breaks_at(Promise::S6, BreachKind::IllegalMove, at, &[1, 2, 3, 4]);
}

#[test]
fn a_state_that_no_call_explains_breaks_s6() {
    let mut script = Script::default();
    script.submit_plain(1);
    let failed = StoredJob {
        state: JobState::Failed,
        ..StoredJob::COMPLETED
    };
    let expectation = Expectation::default().with_stored([(JobId(1), failed)]);
    let kind = BreachKind::StateUnexplained;
    script.breaks(&expectation, kind, Place::End, &[1, 2]);
}
