//! Good histories of the store's calls, which pass; and what they must have done, or be unknown.

use longshore_history::store::{
    Answer, Call, CancelWord, Failure, FinishWord, LeaseWord, Leased, NewJob, Submitted, Then,
};
use longshore_history::{
    Arrow, Doubt, Exercise, Expectation, JobId, JobState, Limit, LimitUse, QueueId,
};

use crate::recorded::{
    Script, asks, expire, finish, keyed, lease, limit_change, one, plain, submission,
};

fn must(change: impl FnOnce(&mut Exercise)) -> Expectation {
    let mut must = Exercise::default();
    change(&mut must);
    Expectation::default().exercising(must)
}

/// One life: nothing that is hard.
fn plain_life() -> Script {
    let mut script = Script::with_queue(Some(1));
    script.life(1, &lease(1, 1, 1));
    script
}

#[test]
fn a_plain_life_passes_and_exercises_nothing() {
    let script = plain_life();
    script.passes(&Expectation::default());
    let unseen = Arrow::new(JobState::Queued, JobState::Cancelled);
    for (expectation, doubt) in [
        (
            must(|must| must.contention = true),
            Doubt::NeverContended {
                workers: 1,
                overlapped: false,
            },
        ),
        (must(|must| must.take_overs = true), Doubt::NothingTakenOver),
        (
            must(|must| must.limit_changes = true),
            Doubt::LimitNotChanged,
        ),
        (must(|must| must.lost_replies = true), Doubt::NoReplyLost),
        (
            must(|must| must.stale_writes = true),
            Doubt::NoStaleWriteRefused,
        ),
        (
            must(|must| {
                must.arrows = [Arrow::new(JobState::Queued, JobState::Launching), unseen].into();
            }),
            Doubt::ArrowsUnseen {
                missing: vec![unseen],
            },
        ),
        (
            must(|must| must.waiting_lines = true),
            Doubt::NothingToOvertake,
        ),
        (must(|must| must.schedules = true), Doubt::NothingScheduled),
        (must(|must| must.retries = true), Doubt::NothingRetried),
        (must(|must| must.drains = true), Doubt::NothingRanAtDrain),
        (must(|must| must.rest = true), Doubt::NoSnapshotAtRest),
    ] {
        script.is_unknown(&expectation, &doubt);
        let words = script.verdict(&expectation).to_string();
        assert!(words.starts_with("verdict: UNKNOWN: "), "{words}");
    }
}

#[test]
fn two_workers_that_ask_one_after_the_other_do_not_contend() {
    let mut script = plain_life();
    script.life(2, &lease(2, 1, 2));
    let doubt = Doubt::NeverContended {
        workers: 2,
        overlapped: false,
    };
    script.is_unknown(&must(|must| must.contention = true), &doubt);
}

#[test]
fn workers_that_share_a_queue_pass() {
    let mut script = Script::with_queue(Some(2));
    script.submit_plain(1);
    script.submit_plain(2);
    let first = script.call(asks(1));
    let second = script.call(asks(2));
    script.answer(second, Answer::Acquire(vec![lease(2, 1, 2)]));
    script.answer(first, Answer::Acquire(vec![lease(1, 1, 1)]));
    script.passes(&must(|must| must.contention = true));
}

/// Job 2 may have been taken while job 1 was: neither certainly waited.
#[test]
fn what_is_taken_at_the_same_time_is_not_passed_over() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    script.submit_plain(2);
    let first = script.call(asks(1));
    script.acquire(2, &[lease(2, 1, 2)]);
    script.answer(first, Answer::Acquire(vec![lease(1, 1, 1)]));
    script.passes(&Expectation::default());
}

#[test]
fn a_job_that_a_failed_acquisition_may_have_locked_may_be_passed_over() {
    for failure in [Failure::Contended, Failure::Unavailable] {
        let mut script = Script::with_queue(None);
        script.submit_plain(1);
        script.submit_plain(2);
        let failing = script.call(asks(1));
        script.acquire(2, &[lease(2, 1, 2)]);
        script.fail(failing, failure);
        script.passes(&Expectation::default());
    }
}

#[test]
fn a_job_that_an_expiry_may_have_locked_may_be_passed_over() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    script.submit_plain(2);
    let expiry = script.call(expire());
    script.acquire(2, &[lease(2, 1, 2)]);
    script.answer(expiry, Answer::ExpireWaiting(Vec::new()));
    script.passes(&Expectation::default());
}

#[test]
fn jobs_that_are_held_scheduled_or_still_being_submitted_may_be_passed_over() {
    let mut script = Script::with_queue(None);
    script.submit(
        1,
        NewJob {
            held: true,
            ..plain()
        },
    );
    script.submit(
        2,
        NewJob {
            due: Some(9),
            ..plain()
        },
    );
    let (call, answer) = submission(3, plain());
    let open = script.call(call);
    script.submit_plain(4);
    script.acquire(1, &[lease(4, 1, 1)]);
    script.answer(open, answer);
    script.passes(&Expectation::default());
}

#[test]
fn a_line_that_is_taken_in_its_order_passes_as_exercised() {
    let mut script = Script::with_queue(None);
    script.submit_plain(1);
    script.submit(
        2,
        NewJob {
            priority: 80,
            ..plain()
        },
    );
    let high = Leased {
        lane: 41,
        ..lease(2, 1, 1)
    };
    script.acquire(1, &[high]);
    script.acquire(1, &[lease(1, 1, 2)]);
    script.passes(&must(|must| must.waiting_lines = true));
}

#[test]
fn a_lowered_limit_leaves_what_began_before() {
    let mut script = Script::with_queue(Some(2));
    script.acquire(1, &[lease(1, 1, 1), lease(2, 1, 2)]);
    script.change_limit(Some(1));
    script.finish(&lease(1, 1, 1), Then::Failed);
    script.finish(&lease(2, 1, 2), Then::Failed);
    script.acquire(1, &[lease(3, 1, 3)]);
    script.passes(&must(|must| must.limit_changes = true));
}

#[test]
fn a_limit_that_is_being_raised_may_be_in_force_already() {
    let mut script = Script::with_queue(Some(1));
    let change = script.call(limit_change(Some(2)));
    script.acquire(1, &[lease(1, 1, 1), lease(2, 1, 2)]);
    script.answer(change, Answer::ChangeQueue(crate::recorded::fact(Some(2))));
    script.passes(&Expectation::default());
}

#[test]
fn a_slot_that_may_be_free_already_may_be_taken() {
    let held = lease(1, 1, 1);
    let mut script = Script::with_queue(Some(1));
    script.acquire(1, std::slice::from_ref(&held));
    let ends = script.call(Call::Finish(vec![finish(&held, Then::Failed)]));
    script.acquire(2, &[lease(2, 1, 2)]);
    script.fail(ends, Failure::Unavailable);
    script.passes(&Expectation::default());
}

#[test]
fn a_finish_that_was_refused_frees_no_slot() {
    let held = lease(1, 1, 1);
    let mut script = Script::with_queue(Some(1));
    script.acquire(1, std::slice::from_ref(&held));
    script.finish_as(finish(&held, Then::Failed), FinishWord::LeaseLost);
    let at = script.acquire(2, &[lease(2, 1, 2)]);
    let kind = longshore_history::BreachKind::AcquiredBeyondLimit;
    script.breaks_at(longshore_history::Promise::S3, kind, at, &[3, 4, 7, 8]);
}

#[test]
fn a_limit_that_leases_never_reached_is_unknown() {
    let script = plain_life();
    let limit = |max| Limit {
        max,
        must_reach: true,
        queue: Some(QueueId(1)),
        ..Limit::default()
    };
    script.passes(&Expectation::default().with_limit(limit(1)));
    let doubt = Doubt::LimitNotReached {
        limit: LimitUse {
            name: String::new(),
            max: 2,
            most_live: 1,
        },
    };
    script.is_unknown(&Expectation::default().with_limit(limit(2)), &doubt);
}

#[test]
fn a_lost_reply_whose_job_is_found_by_its_key_passes() {
    let mut script = Script::default();
    let (call, _) = submission(1, keyed("k"));
    let open = script.call(call.clone());
    script.fail(open, Failure::Unavailable);
    let found = Submitted {
        job: JobId(1),
        new: false,
    };
    script.done(call, Answer::Submit(vec![found]));
    script.acquire(1, &[lease(1, 1, 1)]);
    script.passes(&must(|must| must.lost_replies = true));
}

#[test]
fn a_second_end_after_a_persons_retry_passes() {
    let mut script = Script::default();
    script.submit_plain(1);
    for attempt in 1..=2 {
        let held = lease(1, attempt, i64::from(attempt));
        script.acquire(1, std::slice::from_ref(&held));
        script.finish(&held, Then::Failed);
        script.retry(1);
    }
    let arrows = [Arrow::new(JobState::Failed, JobState::Queued)];
    script.passes(&must(|must| must.arrows = arrows.into()));
}

#[test]
fn a_stale_write_that_is_refused_passes() {
    let old = lease(1, 1, 1);
    let mut script = Script::default();
    script.submit_plain(1);
    script.acquire(1, std::slice::from_ref(&old));
    script.finish(&old, Then::HandBack);
    script.acquire(2, &[lease(1, 2, 2)]);
    script.running(&old, LeaseWord::Lost);
    script.passes(&must(|must| must.stale_writes = true));
}

/// A write that was sent before the newer token was out may be accepted.
#[test]
fn a_write_that_overlaps_a_hand_back_is_not_stale() {
    let old = lease(1, 1, 1);
    let mut script = Script::default();
    script.submit_plain(1);
    script.acquire(1, std::slice::from_ref(&old));
    let write = script.call(Call::MarkRunning(crate::recorded::reference(&old)));
    script.finish(&old, Then::HandBack);
    script.acquire(2, &[lease(1, 2, 2)]);
    let status = LeaseWord::Held;
    let answer = Answer::MarkRunning(longshore_history::store::Standing { status });
    script.answer(write, answer);
    script.passes(&Expectation::default());
}

#[test]
fn calls_that_overlap_are_taken_in_any_order_that_explains_them() {
    let held = lease(1, 1, 1);
    let mut script = Script::default();
    script.submit_plain(1);
    // The cancellation found the job live, though it was called first.
    let cancel = script.call(Call::RequestCancel(one(1)));
    script.acquire(1, std::slice::from_ref(&held));
    let requested = longshore_history::store::CancelAnswer {
        outcome: CancelWord::Requested,
        state: None,
    };
    script.answer(cancel, Answer::RequestCancel(requested));
    script.finish_as(finish(&held, Then::Completed), FinishWord::Cancelled);
    script.passes(&Expectation::default());
}

#[test]
fn what_an_unanswered_call_may_have_done_explains_what_follows() {
    let mut script = Script::default();
    script.submit_plain(1);
    let acquire = script.call(asks(1));
    script.fail(acquire, Failure::Unavailable);
    // The worker found the lease by its list, and hands it back.
    script.finish(&lease(1, 1, 1), Then::HandBack);
    script.acquire(1, &[lease(1, 2, 2)]);
    script.passes(&Expectation::default());
}

#[test]
fn a_scheduled_job_and_a_retry_that_waited_pass() {
    let first = Leased {
        claimed: 1000,
        ..lease(1, 1, 1)
    };
    let mut script = Script::default();
    script.submit(
        1,
        NewJob {
            due: Some(1000),
            ..plain()
        },
    );
    script.acquire(1, std::slice::from_ref(&first));
    script.finish(&first, Then::Retry);
    let second = Leased {
        claimed: 2_001_000,
        ..lease(1, 2, 2)
    };
    script.acquire(1, &[second]);
    let expectation = must(|must| {
        must.schedules = true;
        must.retries = true;
        must.arrows = [
            Arrow::new(JobState::Launching, JobState::Retrying),
            Arrow::new(JobState::Retrying, JobState::Launching),
        ]
        .into();
    });
    script.passes(&expectation);
}

#[test]
fn a_drain_that_hands_its_job_over_passes() {
    let held = lease(1, 1, 1);
    let mut script = Script::default();
    script.submit_plain(1);
    script.register(1, 1000);
    script.acquire(1, std::slice::from_ref(&held));
    script.drain(1);
    let stored = longshore_history::store::Fenced {
        outcome: longshore_history::store::FenceWord::Stored,
    };
    let launched = Call::MarkLaunched(crate::recorded::reference(&held));
    script.done(launched, Answer::MarkLaunched(stored));
    script.beat(1);
    script.stop(1);
    script.passes(&must(|must| must.drains = true));
}

#[test]
fn an_acquisition_that_was_sent_before_the_drain_may_bring_work() {
    let mut script = Script::default();
    script.submit_plain(1);
    let open = script.call(asks(1));
    script.drain(1);
    script.answer(open, Answer::Acquire(vec![lease(1, 1, 1)]));
    script.passes(&Expectation::default());
}

/// Its acquisition was called before it was submitted: from its answer on nobody knows that it waits.
#[test]
fn a_job_that_was_taken_by_an_earlier_call_does_not_wait() {
    let mut script = Script::with_queue(None);
    let early = script.call(asks(1));
    script.submit_plain(1);
    script.submit_plain(2);
    script.acquire(2, &[lease(2, 1, 2)]);
    script.answer(early, Answer::Acquire(vec![lease(1, 1, 1)]));
    script.passes(&Expectation::default());
}
