//! Acquisitions: beside each other, beside the end of an attempt, a cancellation and a change of the
//! limit; and two of them beside such a change.

use std::sync::Arc;

use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;
use longshore_core::store::{
    CancelOutcome, FinishOutcome, Leases as _, Registry as _, Submissions as _,
};
use longshore_testkit::judged::{Judged, conclude, holds};

use super::ending::finisher;
use super::every_order::judge;
use super::gates::Gate;
use super::model::{Act, Mode, Program, Row};
use super::pair::{Actor, Answer, Hands, Pair, Played, Setting, exactly};

/// What an acquisition does between its gates. Between `staged` and `looked` it reads what decides
/// nothing but which lock it takes, so these two are one where nothing is staged.
pub const ACQUIRE: Program = Program {
    gates: &[Gate::Looked, Gate::Locked, Gate::Counted, Gate::Leased],
    parts: &[
        &[Act::Look],
        &[Act::LockQueue],
        &[Act::LockAgain],
        &[TAKE_TWO],
        &[],
    ],
};
const TAKE_TWO: Act = Act::Take(2, LINE);
const LINE: &[(Row, Row)] = &[
    (Row::Ready(1), Row::Lease(1)),
    (Row::Ready(2), Row::Lease(2)),
    (Row::Ready(3), Row::Lease(3)),
    (Row::Ready(4), Row::Lease(4)),
];
/// For one: the queue's lock and the count are taken in one step, and with it what it reads.
const TAKE_ONE: Program = Program {
    gates: ACQUIRE.gates,
    parts: &[
        &[Act::Look],
        &[Act::LockQueue],
        &[Act::LockAgain],
        &[Act::Take(1, LINE)],
        &[],
    ],
};
/// The same for three sessions, whose orders are many: what is counted, under the lock, can't change
/// before what is taken.
const ACQUIRE_AMONG_THREE: Program = Program {
    gates: &[Gate::Looked, Gate::Locked, Gate::Leased],
    parts: &[
        &[Act::Look],
        &[Act::LockQueue],
        &[Act::LockAgain, TAKE_TWO],
        &[],
    ],
};
const FIVE: &[Row] = &[
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

/// Sets the queue's limit to one.
pub fn limiter() -> Actor {
    Actor {
        program: Program {
            gates: &[Gate::QueueUpdateBegan, Gate::QueueUpdateWritten],
            parts: &[
                &[],
                &[Act::Find(Row::Queue, Mode::Update), Act::SetLimit],
                &[],
            ],
        },
        run: |hands| {
            Box::pin(async move {
                let change = QueueChange {
                    max_concurrent: Some(Some(Limit(1))),
                    ..QueueChange::default()
                };
                let name = &hands.world.queue.name;
                let changed = hands.store.change_queue(name, &change).await;
                changed.expect("a known queue");
                Answer::Changed
            })
        },
    }
}

/// Without the gate before the lock: what the statement saw by then it looks at again under the lock.
fn limiter_among_three() -> Actor {
    Actor {
        program: Program {
            gates: &[Gate::QueueUpdateWritten],
            parts: &[&[Act::Find(Row::Queue, Mode::Update), Act::SetLimit], &[]],
        },
        ..limiter()
    }
}

/// Cancels the first job.
pub fn canceller(parts: &'static [&'static [Act]]) -> Actor {
    Actor {
        program: Program {
            gates: &[Gate::ReadyDeleteWritten, Gate::LeaseUpdateWritten],
            parts,
        },
        run: |hands| {
            Box::pin(async move {
                let cancelled = hands.store.request_cancel(hands.world.jobs[0]).await;
                Answer::Cancelled(cancelled.expect("a known job"))
            })
        },
    }
}

const CANCEL_WAITING: &[&[Act]] = &[
    &[
        Act::Find(Row::Ready(1), Mode::Update),
        Act::Turn(Row::Ready(1), &[]),
    ],
    &[Act::EndIfFound, Act::Find(Row::Lease(1), Mode::NoKeyUpdate)],
    &[],
];

fn disjoint(played: &Played) -> Judged {
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
            let (first, second) = match played.at(0, Gate::Locked) < played.at(1, Gate::Locked) {
                true => (played.taken(0), played.taken(1)),
                false => (played.taken(1), played.taken(0)),
            };
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
            let (first, second) = match played.at(0, Gate::Leased) < played.at(1, Gate::Leased) {
                true => (played.taken(0), played.taken(1)),
                false => (played.taken(1), played.taken(0)),
            };
            disjoint(played)
                .and(|| exactly("S7", "the first to take", first, &[0, 1][..]))
                .and(|| exactly("S7", "the second, past what is locked", second, &[2, 3][..]))
        },
    }
}

/// Where a limit of one is set beside an acquisition of five: what it may take.
fn at_most(played: &Played, before: usize) -> Judged {
    let changed_first = played.done[1] < played.done[0];
    let most = if changed_first { 1 } else { before };
    let taken = played.taken(0);
    let line: Vec<usize> = (0..most).collect();
    holds("S3", taken.len() <= most, || {
        format!("{} leases where the limit is {most}", taken.len())
    })
    .and(|| exactly("S7", "what was taken", taken, &line))
}

pub fn beside_a_lower_limit() -> Pair {
    Pair {
        name: "acquire × limit lowered",
        setting: Setting {
            limit: Some(3),
            jobs: 5,
            ..Setting::default()
        },
        actors: vec![acquirer(ACQUIRE, 5), limiter()],
        rows: FIVE,
        lanes: 3,
        judge: |played| at_most(played, 3),
    }
}

pub fn beside_a_first_limit() -> Pair {
    Pair {
        name: "acquire × limit set",
        setting: Setting {
            limit: None,
            ..beside_a_lower_limit().setting
        },
        judge: |played| at_most(played, 5),
        ..beside_a_lower_limit()
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
        actors: vec![acquirer(TAKE_ONE, 1), canceller(CANCEL_WAITING)],
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

pub fn three_under_a_limit() -> Pair {
    Pair {
        name: "acquire × acquire × limit lowered",
        setting: Setting {
            limit: Some(3),
            jobs: 5,
            ..Setting::default()
        },
        actors: vec![
            acquirer(ACQUIRE_AMONG_THREE, 2),
            acquirer(ACQUIRE_AMONG_THREE, 2),
            limiter_among_three(),
        ],
        rows: FIVE,
        lanes: 4,
        judge: |played| {
            let mut in_turn = [0, 1, 2];
            in_turn.sort_by_key(|who| played.done[*who]);
            let (mut limit, mut live) = (3_usize, 0);
            let mut judged = disjoint(played);
            for who in in_turn {
                if who == 2 {
                    limit = 1;
                    continue;
                }
                let taken = played.taken(who);
                let room = limit.saturating_sub(live).min(2);
                let line: Vec<usize> = (live..live + room).collect();
                judged = judged
                    .and(|| {
                        holds("S3", taken.len() <= room, || {
                            format!("{} more leases beside {live} under {limit}", taken.len())
                        })
                    })
                    .and(|| exactly("S7", "what was taken", taken, &line));
                live += taken.len();
            }
            judged
        },
    }
}

pub fn three_and_a_first_limit() -> Pair {
    Pair {
        name: "acquire × acquire × limit set",
        setting: Setting {
            limit: None,
            ..three_under_a_limit().setting
        },
        judge: |played| {
            let is_bound = |who: usize| played.done[2] < played.done[who];
            let free: usize = (0..2)
                .filter(|who| !is_bound(*who))
                .map(|who| played.taken(who).len())
                .sum();
            let bound: usize = (0..2)
                .filter(|who| is_bound(*who))
                .map(|who| played.taken(who).len())
                .sum();
            let is_any_bound = is_bound(0) || is_bound(1);
            let all_free = 2 * (0..2).filter(|who| !is_bound(*who)).count();
            // Those that committed before the limit took two each; those after share what is left of one.
            let left = usize::from(is_any_bound && all_free == 0);
            disjoint(played)
                .and(|| {
                    holds("S3", bound <= left, || {
                        format!("{bound} more leases beside {free} under a limit of 1")
                    })
                })
                .and(|| exactly("S7", "what was taken", (free, bound), (all_free, left)))
        },
        ..three_under_a_limit()
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

#[test]
fn an_acquisition_heeds_a_lower_limit_in_every_order() {
    conclude(&judge(&beside_a_lower_limit(), None));
}

#[test]
fn an_acquisition_heeds_a_first_limit_in_every_order() {
    conclude(&judge(&beside_a_first_limit(), None));
}

#[test]
fn two_acquisitions_heed_a_lower_limit_in_every_order() {
    conclude(&judge(&three_under_a_limit(), None));
}

#[test]
fn two_acquisitions_heed_a_first_limit_in_every_order() {
    conclude(&judge(&three_and_a_first_limit(), None));
}
