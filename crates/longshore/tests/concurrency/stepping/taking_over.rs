//! Take-overs: beside each other, beside a sign of life, beside the end of an attempt and beside an
//! acquisition. Each is for the whole database, so that no two orders are played in one at a time.

use longshore_core::Timestamp;
use longshore_core::store::{FinishOutcome, Heartbeat, TakeOverRequest};
use longshore_testkit::judged::{Judged, conclude, holds};

use super::acquiring::acquirer;
use super::ending::finisher;
use super::every_order::judge;
use super::gates::Gate;
use super::model::{Act, Mode, Program, Row};
use super::pair::{Actor, Answer, Pair, Played, Setting, exactly, one_of};

const TAKE_OVER: Program = Program {
    gates: &[
        Gate::TakeBegan,
        Gate::TakeFenced,
        Gate::TakeLocked,
        Gate::LeaseUpdateWritten,
    ],
    parts: &[
        &[],
        &[Act::Grab(Row::Worker, Row::Fenced)],
        &[
            Act::GrabOf(Row::Fenced, Row::Lease(1), Row::Retaken(1)),
            Act::EndUnlessFound,
        ],
        &[],
        &[],
    ],
};

/// Takes over what there is, which is the first job's lease.
pub fn taker_over() -> Actor {
    Actor {
        program: TAKE_OVER,
        run: |hands| {
            Box::pin(async move {
                let request = TakeOverRequest {
                    worker: hands.worker,
                    want: 5,
                    acquire_number: 1,
                    heard_at: Timestamp::MAX,
                    again: Vec::new(),
                };
                let taken = hands.store.take_over(&request).await;
                Answer::TookOver(taken.expect("take over").len())
            })
        },
    }
}

/// One lease, whose holder is silent: the first session's worker, or nobody's.
const SILENT: Setting = Setting {
    limit: None,
    jobs: 1,
    leased: 1,
    due: 0,
    later: false,
    silent: true,
    of_the_dead: false,
};

/// Whether the first job's lease has a newer token than it was acquired under.
fn is_retaken(played: &Played) -> bool {
    played.place(0).token > played.world.leases[0].token.0
}

pub fn two_that_take_over() -> Pair {
    Pair {
        name: "take over × take over",
        setting: Setting {
            silent: false,
            of_the_dead: true,
            ..SILENT
        },
        actors: vec![taker_over(), taker_over()],
        rows: &[Row::Worker, Row::Lease(1)],
        lanes: 1,
        judge: |played| {
            let seen = (&played.answers[0], &played.answers[1]);
            let (one, none) = (Answer::TookOver(1), Answer::TookOver(0));
            one_of("S1", &seen, &[(&one, &none), (&none, &one)])
                .and(|| exactly("S1", "a token of its own", is_retaken(played), true))
                .and(|| exactly("S5", "its last holder is fenced", played.is_fenced, true))
        },
    }
}

fn heart() -> Actor {
    Actor {
        program: Program {
            gates: &[Gate::WorkerUpdateBegan, Gate::WorkerUpdateWritten],
            parts: &[
                &[],
                // It is silent no longer.
                &[
                    Act::Find(Row::Worker, Mode::NoKeyUpdate),
                    Act::Turn(Row::Worker, &[]),
                ],
                &[],
            ],
        },
        run: |hands| {
            Box::pin(async move {
                let heard = hands.store.heartbeat(hands.worker).await;
                Answer::Heard(match heard.expect("a heartbeat") {
                    Heartbeat::Alive { drain, .. } => Some(drain),
                    Heartbeat::Fenced => None,
                })
            })
        },
    }
}

fn alive_or_fenced(played: &Played) -> Judged {
    let seen = (
        &played.answers[0],
        &played.answers[1],
        played.is_fenced,
        is_retaken(played),
    );
    let after = played
        .heartbeat_after
        .expect("a heartbeat was among the answers");
    let (alive, fenced) = (Answer::Heard(Some(false)), Answer::Heard(None));
    one_of(
        "S5",
        &seen,
        &[
            (&alive, &Answer::TookOver(0), false, false),
            (&fenced, &Answer::TookOver(1), true, true),
        ],
    )
    .and(|| {
        holds(
            "S5",
            (after == Heartbeat::Fenced) == played.is_fenced,
            || format!("a heartbeat afterwards is answered by {after:?}"),
        )
    })
}

pub fn heartbeat_beside_a_take_over() -> Pair {
    Pair {
        name: "heartbeat × take over",
        setting: SILENT,
        actors: vec![heart(), taker_over()],
        rows: &[Row::Worker, Row::Lease(1)],
        lanes: 1,
        judge: alive_or_fenced,
    }
}

pub fn finish_beside_a_take_over() -> Pair {
    Pair {
        name: "finish × take over",
        setting: SILENT,
        actors: vec![finisher(), taker_over()],
        rows: &[Row::Worker, Row::Lease(1)],
        lanes: 1,
        judge: |played| {
            let seen = (
                &played.answers[0],
                &played.answers[1],
                played.place(0).name.as_str(),
                is_retaken(played),
            );
            let finished = Answer::Finished(FinishOutcome::Finished);
            let lost = Answer::Finished(FinishOutcome::LeaseLost);
            one_of(
                "S5",
                &seen,
                &[
                    (&finished, &Answer::TookOver(0), "settled", false),
                    (&lost, &Answer::TookOver(1), "lease", true),
                ],
            )
        },
    }
}

/// Under the queue's lock it stops where it can matter what another does to leases.
const ACQUIRE: Program = Program {
    gates: &[Gate::Locked, Gate::Counted, Gate::Leased],
    parts: &[
        &[Act::Look, Act::LockQueue],
        &[Act::LockAgain],
        &[Act::Take(1, &[(Row::Ready(2), Row::Lease(2))])],
        &[],
    ],
};

pub fn acquire_beside_a_take_over() -> Pair {
    Pair {
        name: "acquire × take over, under a limit",
        setting: Setting {
            limit: Some(2),
            jobs: 3,
            silent: false,
            of_the_dead: true,
            ..SILENT
        },
        actors: vec![acquirer(ACQUIRE, 5), taker_over()],
        rows: &[
            Row::Queue,
            Row::Ready(2),
            Row::Ready(3),
            Row::Worker,
            Row::Lease(1),
        ],
        lanes: 1,
        judge: |played| {
            let taken = played.taken(0);
            holds("S3", taken.len() <= 1, || {
                format!("{} leases and one more under a limit of 2", taken.len())
            })
            .and(|| exactly("L3", "the one free slot goes to", taken, &[1][..]))
            .and(|| exactly("L2", "taken over", &played.answers[1], &Answer::TookOver(1)))
            .and(|| exactly("S1", "a token of its own", is_retaken(played), true))
        },
    }
}

#[test]
fn of_two_that_take_over_one_gets_the_lease_in_every_order() {
    conclude(&judge(&two_that_take_over(), None));
}

#[test]
fn a_heartbeat_and_a_take_over_agree_in_every_order() {
    conclude(&judge(&heartbeat_beside_a_take_over(), None));
}

#[test]
fn a_finish_is_refused_in_every_order_once_the_lease_was_taken_over() {
    conclude(&judge(&finish_beside_a_take_over(), None));
}

#[test]
fn a_take_over_frees_no_slot_in_any_order() {
    conclude(&judge(&acquire_beside_a_take_over(), None));
}
