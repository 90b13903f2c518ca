//! Acquisitions: beside each other, beside the end of an attempt and beside a cancellation.

use std::sync::Arc;

use longshore_core::store::{CancelOutcome, FinishOutcome};
use longshore_testkit::judged::{Judged, conclude, holds};

use super::ending::finisher;
use super::every_order::judge;
use super::gates::Gate;
use super::model::{Act, Mode, Program, Row};
use super::pair::{Actor, Answer, Hands, Pair, Played, Setting, exactly};

/// What an acquisition does between its gates, where nothing is due.
pub const ACQUIRE: Program = Program {
    gates: &[
        Gate::Staged,
        Gate::Looked,
        Gate::Locked,
        Gate::Counted,
        Gate::Leased,
    ],
    parts: &[
        &[],
        &[Act::Look],
        &[Act::LockQueue],
        &[Act::LockAgain],
        &[TAKE_TWO],
        &[],
    ],
};
/// No lock of another depends on how many it takes, where the others take none.
pub const TAKE_TWO: Act = Act::Take(2, LINE);
const LINE: &[(Row, Row)] = &[
    (Row::Ready(1), Row::Lease(1)),
    (Row::Ready(2), Row::Lease(2)),
    (Row::Ready(3), Row::Lease(3)),
    (Row::Ready(4), Row::Lease(4)),
];
/// The same for one job.
const TAKE_ONE: Program = Program {
    gates: ACQUIRE.gates,
    parts: &[
        &[],
        &[Act::Look],
        &[Act::LockQueue],
        &[Act::LockAgain],
        &[Act::Take(1, LINE)],
        &[],
    ],
};
pub const FIVE: &[Row] = &[
    Row::Queue,
    Row::Ready(1),
    Row::Ready(2),
    Row::Ready(3),
    Row::Ready(4),
    Row::Ready(5),
];

pub fn acquirer(program: Program, want: u32) -> Actor {
    // A function for each number, because an actor's part carries nothing.
    let run = match want {
        1 => |hands: Arc<Hands>| -> _ { Box::pin(acquire(hands, 1)) as _ },
        2 => |hands: Arc<Hands>| -> _ { Box::pin(acquire(hands, 2)) as _ },
        _ => |hands: Arc<Hands>| -> _ { Box::pin(acquire(hands, 5)) as _ },
    };
    Actor { program, run }
}

async fn acquire(hands: Arc<Hands>, want: u32) -> Answer {
    let acquired = hands.store.acquire(hands.request(want)).await;
    let leases = acquired.expect("acquire").leases;
    let place = |job| hands.world.jobs.iter().position(|known| *known == job);
    let jobs = leases.iter().map(|lease| place(lease.key.job));
    Answer::Acquired(
        jobs.map(|place| place.expect("a job of this queue"))
            .collect(),
    )
}

/// Cancels the first job.
pub fn canceller() -> Actor {
    Actor {
        program: Program {
            gates: &[Gate::ReadyDeleteWritten, Gate::LeaseUpdateWritten],
            parts: &[
                &[
                    Act::Find(Row::Ready(1), Mode::Update),
                    Act::Turn(Row::Ready(1), &[]),
                ],
                &[Act::EndIfFound, Act::Find(Row::Lease(1), Mode::NoKeyUpdate)],
                // Neither here nor there: it looks again, by when whoever moved the job has committed.
                &[],
            ],
        },
        run: |hands| {
            Box::pin(async move {
                let cancelled = hands.store.request_cancel(hands.world.jobs[0]).await;
                Answer::Cancelled(cancelled.expect("a known job"))
            })
        },
    }
}

pub fn disjoint(played: &Played) -> Judged {
    let both = || {
        played
            .taken(0)
            .iter()
            .find(|job| played.taken(1).contains(job))
    };
    holds("S1", both().is_none(), || {
        format!("both took job {:?}", both())
    })
}

/// What both took, the first to come to this gate first.
fn in_turn(played: &Played, gate: Gate) -> (&[usize], &[usize]) {
    let (one, other) = (played.taken(0), played.taken(1));
    if played.at(0, gate) < played.at(1, gate) {
        (one, other)
    } else {
        (other, one)
    }
}

pub fn two_under_a_limit() -> Pair {
    Pair {
        name: "acquire × acquire under a limit",
        setting: Setting {
            limit: Some(3),
            jobs: 5,
            ..Setting::default()
        },
        actors: vec![acquirer(ACQUIRE, 2), acquirer(ACQUIRE, 2)],
        rows: FIVE,
        lanes: 3,
        judge: |played| {
            let (first, second) = in_turn(played, Gate::Locked);
            let all = first.len() + second.len();
            disjoint(played)
                .and(|| {
                    holds("S3", all <= 3, || {
                        format!("{all} leases under a limit of 3")
                    })
                })
                .and(|| exactly("S7", "the first to lock", first, &[0, 1][..]))
                .and(|| exactly("S7", "the second to lock", second, &[2][..]))
        },
    }
}

pub fn two_without_a_limit() -> Pair {
    Pair {
        name: "acquire × acquire without a limit",
        setting: Setting {
            jobs: 5,
            ..Setting::default()
        },
        actors: vec![acquirer(ACQUIRE, 2), acquirer(ACQUIRE, 2)],
        rows: FIVE,
        lanes: 3,
        judge: |played| {
            let (first, second) = in_turn(played, Gate::Leased);
            disjoint(played)
                .and(|| exactly("S7", "the first to take", first, &[0, 1][..]))
                .and(|| exactly("S7", "the second, past what is locked", second, &[2, 3][..]))
        },
    }
}

pub fn beside_a_finish() -> Pair {
    Pair {
        name: "acquire × finish",
        setting: Setting {
            limit: Some(1),
            jobs: 2,
            leased: 1,
            ..Setting::default()
        },
        actors: vec![acquirer(TAKE_ONE, 1), finisher()],
        rows: &[Row::Queue, Row::Lease(1), Row::Ready(2)],
        lanes: 3,
        judge: |played| {
            let is_free = played.done[1] < played.at(0, Gate::Counted);
            let taken = played.taken(0);
            let finished = Answer::Finished(FinishOutcome::Finished);
            holds("S3", is_free || taken.is_empty(), || {
                "a second lease under a limit of 1".to_owned()
            })
            .and(|| exactly("S4", "the finish", &played.answers[1], &finished))
            .and(|| exactly("S4", "job 0", played.place(0).state.as_str(), "completed"))
            .and(|| {
                exactly(
                    "S7",
                    "the slot is used again",
                    taken.len(),
                    usize::from(is_free),
                )
            })
        },
    }
}

pub fn beside_a_cancellation() -> Pair {
    Pair {
        name: "acquire × cancel",
        setting: Setting {
            jobs: 2,
            ..Setting::default()
        },
        actors: vec![acquirer(TAKE_ONE, 1), canceller()],
        rows: &[Row::Queue, Row::Ready(1), Row::Ready(2)],
        lanes: 3,
        judge: |played| {
            let taken = played.taken(0);
            let place = played.place(0);
            let seen = (played.answers[1].clone(), taken, place.name.as_str());
            let cancelled = Answer::Cancelled(CancelOutcome::Cancelled);
            let requested = Answer::Cancelled(CancelOutcome::Requested);
            super::pair::one_of(
                "S6",
                &seen,
                &[
                    (cancelled, &[1], "settled"),
                    (requested.clone(), &[0], "lease"),
                ],
            )
            .and(|| {
                let is_told = seen.0 != requested || place.is_cancel_requested;
                holds("S6", is_told, || {
                    "the request is not with the lease".to_owned()
                })
            })
        },
    }
}

#[test]
fn two_acquisitions_in_every_order_share_a_limit() {
    conclude(&judge(&two_under_a_limit(), None));
}

#[test]
fn two_acquisitions_in_every_order_pass_over_what_the_other_has() {
    conclude(&judge(&two_without_a_limit(), None));
}

#[test]
fn an_acquisition_uses_the_slot_of_a_finish_in_every_order_once_it_is_free() {
    conclude(&judge(&beside_a_finish(), None));
}

#[test]
fn an_acquisition_and_a_cancellation_agree_in_every_order() {
    conclude(&judge(&beside_a_cancellation(), None));
}
