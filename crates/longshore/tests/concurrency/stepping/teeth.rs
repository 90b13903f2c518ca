//! That the steps can catch what they are there to catch: a bug for each pair, in the scratch
//! database's functions or in a session that does what a verb would do without its guard.

use longshore_core::store::{CancelOutcome, FinishOutcome};
use longshore_core::{JobId, State};
use longshore_testkit::judged::Judged;

use super::acquiring::{
    TAKE_TWO, beside_a_cancellation, beside_a_finish, two_under_a_limit, two_without_a_limit,
};
use super::ending::hand_back_beside_a_cancellation;
use super::every_order::judge;
use super::gates::{Bug, Gate};
use super::limits::{beside_a_first_limit, three_under_a_limit};
use super::model::{Act, Program};
use super::moving::{reprioritise_beside_an_acquisition, stage_beside_an_acquisition};
use super::pair::{Actor, Answer, Hands, Pair};
use super::taking_over::{
    acquire_beside_a_take_over, finish_beside_a_take_over, heartbeat_beside_a_take_over,
    two_that_take_over,
};

const NO_LOCK: Bug = Bug {
    function: "acquire",
    from: "PERFORM FROM queue AS q WHERE q.id = p_queue FOR NO KEY UPDATE;",
    to: "PERFORM FROM queue AS q WHERE q.id = p_queue;",
};

fn is_caught(promise: &str, pair: &Pair, bug: Option<Bug>) {
    let judged = judge(pair, bug);
    let named =
        |judged: &Judged| matches!(judged, Judged::Violated { promise: by, .. } if by == promise);
    assert!(named(&judged), "{promise} was to be broken: {judged:?}");
}

/// The pair with another part for one of its sessions.
fn with(pair: Pair, who: usize, run: super::pair::Run) -> Pair {
    let mut pair = pair;
    pair.actors[who] = Actor {
        run,
        ..pair.actors[who]
    };
    pair
}

async fn on_first_job(hands: &Hands, sql: &str) -> u64 {
    let JobId(job) = hands.world.jobs[0];
    hands.raw.on_postgres(sql, job).await
}

#[test]
fn the_steps_catch_an_acquisition_that_does_not_lock_the_queue() {
    is_caught("S3", &two_under_a_limit(), Some(NO_LOCK));
}

#[test]
fn the_steps_catch_among_three_an_acquisition_that_does_not_lock_the_queue() {
    is_caught("S3", &three_under_a_limit(), Some(NO_LOCK));
}

#[test]
fn the_steps_catch_a_take_that_takes_no_lock() {
    // Both see the same rows and lease them: the second meets the first one's row.
    let bug = Bug {
        function: "acquire",
        from: "ORDER BY y.lane, y.seq LIMIT room FOR UPDATE SKIP LOCKED",
        to: "ORDER BY y.lane, y.seq LIMIT room",
    };
    is_caught("S7", &two_without_a_limit(), Some(bug));
}

#[test]
fn a_line_without_skip_locked_leaves_orders_unreached() {
    let bug = Bug {
        function: "acquire",
        from: "LIMIT room FOR UPDATE SKIP LOCKED",
        to: "LIMIT room FOR UPDATE",
    };
    // What is taken in the end is right; that one waits for the other is what is seen. So all orders
    // are played, of the two gates that matter.
    let mut pair = two_without_a_limit();
    for actor in &mut pair.actors {
        actor.program = Program {
            gates: &[Gate::Counted, Gate::Leased],
            parts: &[&[Act::LockQueue], &[TAKE_TWO], &[]],
        };
    }
    let judged = judge(&pair, Some(bug));
    assert!(matches!(judged, Judged::Unknown { .. }), "{judged:?}");
}

#[test]
fn the_steps_catch_a_count_that_passes_over_what_has_not_started() {
    let bug = Bug {
        function: "acquire",
        from: "WHERE l.queue_id = p_queue AND l.slot > p_above",
        to: "WHERE l.queue_id = p_queue AND l.slot > p_above AND l.started_at IS NOT NULL",
    };
    is_caught("S3", &beside_a_finish(), Some(bug));
}

#[test]
fn the_steps_catch_a_limit_set_without_waiting_for_acquirers() {
    let pair = with(beside_a_first_limit(), 1, |hands| {
        Box::pin(async move {
            let sql = "UPDATE queue SET max_concurrent = 1, epoch = epoch + 1 \
                       WHERE id = (SELECT queue_id FROM job WHERE id = $1)";
            on_first_job(&hands, sql).await;
            Answer::Changed
        })
    });
    is_caught("S3", &pair, None);
}

#[test]
fn the_steps_catch_a_cancellation_that_looks_and_then_acts() {
    let pair = with(beside_a_cancellation(), 1, |hands| {
        Box::pin(async move {
            let sql = "WITH seen AS MATERIALIZED (SELECT * FROM ready WHERE job_id = $1), \
                       gone AS (DELETE FROM ready WHERE job_id = $1) \
                       INSERT INTO settled (job_id, at, queue_id, attempt, state) \
                       SELECT job_id, now(), queue_id, attempt, 'cancelled' FROM seen";
            if on_first_job(&hands, sql).await > 0 {
                return Answer::Cancelled(CancelOutcome::Cancelled);
            }
            let sql = "UPDATE lease SET cancel_requested_at = now() WHERE job_id = $1";
            assert_eq!(on_first_job(&hands, sql).await, 1, "it is live");
            Answer::Cancelled(CancelOutcome::Requested)
        })
    });
    is_caught("S4", &pair, None);
}

/// Ends the first job's attempt, naming no token and heeding no request.
async fn end_by_attempt(hands: &Hands, settles: bool) -> Answer {
    let goes = if settles {
        "INSERT INTO settled (job_id, at, queue_id, attempt, state) \
         SELECT job_id, now(), queue_id, attempt, 'completed' FROM ended"
    } else {
        "INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses) \
         SELECT nextval('ready_seq'), job_id, queue_id, attempt, 'handed_back', lane, tries, losses \
         FROM ended"
    };
    let sql = format!(
        "WITH held AS MATERIALIZED (SELECT * FROM lease WHERE job_id = $1 AND attempt = 1 FOR UPDATE), \
         ended AS (DELETE FROM lease AS l USING held AS h WHERE l.job_id = h.job_id RETURNING l.*), \
         recorded AS (INSERT INTO attempt (job_id, token, worker_id, claimed_at, ended_at, attempt, \
         outcome) SELECT job_id, token, worker_id, claimed_at, now(), attempt, 'exited' FROM ended) \
         {goes}"
    );
    Answer::Finished(match on_first_job(hands, &sql).await {
        0 => FinishOutcome::LeaseLost,
        _ => FinishOutcome::Finished,
    })
}

#[test]
fn the_steps_catch_a_finish_that_names_no_token() {
    let pair = with(finish_beside_a_take_over(), 0, |hands| {
        Box::pin(async move { end_by_attempt(&hands, true).await })
    });
    is_caught("S5", &pair, None);
}

#[test]
fn the_steps_catch_a_hand_back_that_heeds_no_request() {
    let pair = with(hand_back_beside_a_cancellation(), 0, |hands| {
        Box::pin(async move { end_by_attempt(&hands, false).await })
    });
    is_caught("S6", &pair, None);
}

#[test]
fn the_steps_catch_a_heartbeat_that_asks_for_no_fence() {
    let pair = with(heartbeat_beside_a_take_over(), 0, |hands| {
        Box::pin(async move {
            let sql = "UPDATE worker SET heartbeat_at = clock_timestamp() WHERE id = $1";
            hands.raw.on_postgres(sql, hands.worker.0).await;
            Answer::Heard(Some(false))
        })
    });
    is_caught("S5", &pair, None);
}

#[test]
fn the_steps_catch_a_take_over_that_locks_no_worker() {
    let bug = Bug {
        function: "take_over",
        from: "ORDER BY w.id FOR NO KEY UPDATE SKIP LOCKED\n    )\n    SELECT array_agg(s.id) INTO v_stale \
               FROM stale AS s;\n    IF v_stale IS NOT NULL THEN\n        \
               UPDATE worker AS w SET fenced = true\n        \
               WHERE w.id = ANY (v_stale) AND w.stopped_at IS NULL AND NOT w.fenced\n            \
               AND w.heartbeat_at + w.lease_ttl <= clock_timestamp();",
        to: "ORDER BY w.id\n    )\n    SELECT array_agg(s.id) INTO v_stale FROM stale AS s;\n    \
             IF v_stale IS NOT NULL THEN\n        \
             UPDATE worker AS w SET fenced = true WHERE w.id = ANY (v_stale);",
    };
    let mut pair = heartbeat_beside_a_take_over();
    // The statement that fences has its gate between the look and the act.
    pair.actors[1].program = Program {
        gates: &[Gate::WorkerUpdateBegan],
        parts: &[&[], &[]],
    };
    is_caught("S5", &pair, Some(bug));
}

#[test]
fn the_steps_catch_a_take_over_that_keeps_the_token() {
    let bug = Bug {
        function: "take_over",
        from: "token = nextval('lease_token')",
        to: "token = l.token",
    };
    is_caught("S1", &two_that_take_over(), Some(bug));
}

#[test]
fn the_steps_catch_a_count_that_leaves_out_what_changed_hands() {
    let bug = Bug {
        function: "acquire",
        from: "WHERE l.queue_id = p_queue AND l.slot > p_above",
        to: "WHERE l.queue_id = p_queue AND l.slot > p_above AND l.takeovers = 0",
    };
    is_caught("S3", &acquire_beside_a_take_over(), Some(bug));
}

#[test]
fn the_steps_catch_staging_of_what_is_not_due() {
    let bug = Bug {
        function: "stage",
        from: "WHERE queue_id = p_queue AND due_at <= moment\n            ORDER BY",
        to: "WHERE queue_id = p_queue\n            ORDER BY",
    };
    is_caught("S8", &stage_beside_an_acquisition(), Some(bug));
}

#[test]
fn the_steps_catch_a_move_that_looks_and_then_acts() {
    let pair = with(reprioritise_beside_an_acquisition(), 0, |hands| {
        Box::pin(async move {
            let sql = "WITH seen AS MATERIALIZED (SELECT * FROM ready WHERE job_id = $1), \
                       gone AS (DELETE FROM ready WHERE job_id = $1 RETURNING job_id) \
                       INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses) \
                       SELECT nextval('ready_seq'), job_id, queue_id, attempt, reason, 161, tries, losses \
                       FROM seen CROSS JOIN (SELECT count(*) FROM gone) AS went";
            Answer::Moved(match on_first_job(&hands, sql).await {
                0 => Err(State::Launching),
                _ => Ok(()),
            })
        })
    });
    is_caught("S4", &pair, None);
}
