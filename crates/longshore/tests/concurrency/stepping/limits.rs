//! Acquisitions beside a change of the limit: one, and two of them.

use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;
use longshore_testkit::judged::{Judged, conclude, holds};

use super::acquiring::{ACQUIRE, FIVE, TAKE_TWO, acquirer, disjoint};
use super::every_order::judge;
use super::gates::Gate;
use super::model::{Act, Mode, Program, Row};
use super::pair::{Actor, Answer, Pair, Played, Setting, exactly};

/// An acquisition among three sessions, whose orders are many: what is counted, under the lock, can't change
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
                let due: Vec<usize> = (live..live + room).collect();
                judged = judged
                    .and(|| {
                        holds("S3", taken.len() <= room, || {
                            format!("{} more leases beside {live} under {limit}", taken.len())
                        })
                    })
                    .and(|| exactly("S7", "what was taken", taken, &due));
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
