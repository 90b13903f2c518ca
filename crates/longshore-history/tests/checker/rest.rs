//! S12, and what of liveness shows at rest.

use longshore_history::store::{Answer, Call, Listed, Rest, RestCounts, RestQueue, RestWish, Then};
use longshore_history::{BreachKind, Doubt, Exercise, Expectation, Promise, QueueId};

use crate::recorded::{Script, asks, lease};

/// One job completed, one waits in queue 1, which a worker serves.
pub fn at_rest() -> Rest {
    Rest {
        counts: RestCounts {
            queue_depth: Some(1),
            ready_now: Some(1),
            scheduled_future: Some(0),
            launching: Some(0),
            running: Some(0),
            launch_failed: Some(0),
            settled_completed: Some(1),
            settled_failed: Some(0),
            settled_timed_out: Some(0),
            settled_cancelled: Some(0),
        },
        listed: Listed {
            pending: 0,
            queued: 1,
            retrying: 0,
            launching: 0,
            running: 0,
            completed: 1,
            failed: 0,
            timed_out: 0,
            cancelled: 0,
        },
        queues: vec![RestQueue {
            queue: QueueId(1),
            queue_depth: Some(1),
            ready_now: Some(1),
            scheduled_future: Some(0),
            launching: Some(0),
            running: Some(0),
            workers: 1,
            limit: Some(2),
            paused: false,
        }],
    }
}

/// The history that leads there, up to the look.
fn before() -> Script {
    let mut script = Script::default();
    script.life(1, &lease(1, 1, 1));
    script.submit_plain(2);
    script
}

fn look(script: &mut Script, quiet: bool, rest: Rest) -> usize {
    let answer = Answer::Rest(Box::new(rest));
    script.done(Call::Rest(RestWish { quiet }), answer)
}

fn whole() -> Expectation {
    Expectation::default()
        .exercising(Exercise {
            rest: true,
            ..Exercise::default()
        })
        .of_whole_store()
}

#[test]
fn counts_that_agree_pass() {
    let mut script = before();
    look(&mut script, false, at_rest());
    script.passes(&whole());
}

#[test]
fn metrics_that_differ_from_the_queues_break_s12() {
    let mut script = before();
    let mut rest = at_rest();
    rest.counts.running = Some(1);
    rest.listed.running = 1;
    let at = look(&mut script, false, rest);
    script.breaks_at(Promise::S12, BreachKind::CountsDisagree, at, &[11, 12]);
}

#[test]
fn settled_counts_that_differ_from_the_lists_break_s12() {
    let mut script = before();
    let mut rest = at_rest();
    rest.counts.settled_completed = Some(2);
    let at = look(&mut script, false, rest);
    script.breaks_at(Promise::S12, BreachKind::CountsDisagree, at, &[11, 12]);
}

#[test]
fn a_store_that_lost_a_job_from_all_of_its_counts_breaks_s12() {
    let mut script = before();
    let mut rest = at_rest();
    rest.counts.settled_completed = Some(0);
    rest.listed.completed = 0;
    let at = look(&mut script, false, rest);
    script.breaks_at(Promise::S12, BreachKind::CountsDisagree, at, &[11, 12]);
}

#[test]
fn a_whole_store_with_a_job_that_nobody_submitted_breaks_s12() {
    let mut script = before();
    let mut rest = at_rest();
    rest.counts.settled_completed = Some(2);
    rest.listed.completed = 2;
    let at = look(&mut script, false, rest);
    let place = longshore_history::Place::Line(crate::support::at(at));
    let kind = BreachKind::CountsDisagree;
    script.breaks(&whole(), kind, place, &[11, 12]);
    // Where the store was not empty before, the job may be older.
    script.passes(&Expectation::default());
}

#[test]
fn a_count_that_was_capped_is_compared_with_nothing() {
    let mut script = before();
    let mut rest = at_rest();
    rest.counts.queue_depth = None;
    look(&mut script, false, rest);
    script.passes(&whole());
}

#[test]
fn a_look_during_which_something_was_asked_is_not_one_at_rest() {
    let mut script = before();
    let open = script.call(asks(1));
    let mut rest = at_rest();
    rest.counts.running = Some(7);
    look(&mut script, false, rest);
    script.answer(open, Answer::Acquire(Vec::new()));
    script.is_unknown(&whole(), &Doubt::NoSnapshotAtRest);
}

#[test]
fn a_backlog_beside_an_idle_worker_breaks_l1_once_it_had_time() {
    let mut script = before();
    look(&mut script, false, at_rest());
    script.passes(&whole());
    let at = look(&mut script, true, at_rest());
    script.breaks_at(Promise::L1, BreachKind::NothingStarted, at, &[13, 14]);
}

#[test]
fn a_backlog_below_the_limit_breaks_l3() {
    let mut script = before();
    script.submit_plain(3);
    script.acquire(1, &[lease(2, 1, 2)]);
    let mut rest = at_rest();
    rest.counts.launching = Some(1);
    rest.listed.launching = 1;
    rest.queues[0].launching = Some(1);
    let at = look(&mut script, true, rest);
    script.breaks_at(Promise::L3, BreachKind::RoomLeft, at, &[15, 16]);
}

#[test]
fn a_paused_queue_and_one_that_nobody_serves_may_wait() {
    for change in [
        (|queue: &mut RestQueue| queue.paused = true) as fn(&mut RestQueue),
        |queue| queue.workers = 0,
        |queue| queue.limit = Some(0),
    ] {
        let mut script = before();
        let mut rest = at_rest();
        change(&mut rest.queues[0]);
        look(&mut script, true, rest);
        script.passes(&whole());
    }
}

#[test]
fn more_failures_than_the_run_allows_break_l1() {
    use longshore_history::store::Failure;
    let mut script = Script::default();
    script.life(1, &lease(1, 1, 1));
    for failure in [Failure::Contended, Failure::Refused, Failure::Unavailable] {
        let open = script.call(crate::recorded::expire());
        script.fail(open, failure);
    }
    let allowing = |failures| Expectation {
        failures_at_most: Some(failures),
        ..Expectation::default()
    };
    script.passes(&allowing(2));
    let kind = BreachKind::TooManyFailures;
    script.breaks(&allowing(1), kind, longshore_history::Place::End, &[10, 14]);
}

#[test]
fn a_failed_job_is_counted_where_it_is() {
    let held = lease(1, 1, 1);
    let mut script = Script::default();
    script.submit_plain(1);
    script.acquire(1, std::slice::from_ref(&held));
    script.finish(&held, Then::Failed);
    let mut rest = at_rest();
    rest.counts.settled_completed = Some(0);
    rest.listed.completed = 0;
    rest.counts.settled_failed = Some(1);
    rest.counts.launch_failed = Some(2);
    rest.listed.failed = 1;
    let at = look(&mut script, false, rest);
    script.breaks_at(Promise::S12, BreachKind::CountsDisagree, at, &[7, 8]);
}
