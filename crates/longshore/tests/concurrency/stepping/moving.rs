//! An acquisition beside what moves jobs that wait: staging, and another priority.

use longshore_core::priority::Lane;
use longshore_core::{Priority, State as JobState};
use longshore_testkit::judged::{Judged, conclude, holds};

use super::acquiring::{ACQUIRE, acquirer};
use super::every_order::judge;
use super::gates::Gate;
use super::model::{Act, Mode, Program, Row};
use super::pair::{Actor, Answer, Pair, Played, Setting, exactly, moved, one_of};

/// Jobs 2 and 3 are due; job 1 waits in the line already.
const DUE: &[Row] = &[Row::Scheduled(2), Row::Scheduled(3)];
const STAGE: Act = Act::Take(
    2,
    &[
        (Row::Scheduled(2), Row::Ready(2)),
        (Row::Scheduled(3), Row::Ready(3)),
    ],
);

/// What staging does, and an acquisition before its look; where nothing is seen to be due, both its
/// gates are passed over.
fn stager() -> Actor {
    Actor {
        program: Program {
            gates: &[Gate::StageRead, Gate::StageMoved],
            parts: &[&[Act::SkipUnless(DUE, 2)], &[STAGE], &[]],
        },
        run: |hands| {
            Box::pin(async move {
                let staged = hands.store.stage_due(1000).await;
                Answer::Staged(staged.expect("stage"))
            })
        },
    }
}

/// Everything under the queue's lock is one step: nothing that staging does depends on it.
const STAGING_ACQUIRE: Program = Program {
    gates: &[
        Gate::StageRead,
        Gate::StageMoved,
        Gate::Looked,
        Gate::Counted,
        Gate::Leased,
    ],
    parts: &[
        &[Act::SkipUnless(DUE, 2)],
        &[STAGE],
        &[Act::Look],
        &[Act::LockQueue],
        // Its own, staged in the same transaction, are nobody else's to lock.
        &[Act::Take(
            3,
            &[
                (Row::Ready(1), Row::Lease(1)),
                (Row::Ready(2), Row::Lease(2)),
                (Row::Ready(3), Row::Lease(3)),
            ],
        )],
        &[],
    ],
};

fn staged_once(played: &Played) -> Judged {
    let taken = played.taken(1);
    let Answer::Staged(staged) = played.answers[0] else {
        panic!("a stage is answered by a number: {:?}", played.answers);
    };
    // Staged by the other, and not committed when the line was looked at: not there to be seen.
    let is_hidden = staged == 2 && played.done[0] >= played.at(1, Gate::Leased);
    let due: &[usize] = if is_hidden { &[0] } else { &[0, 1, 2] };
    holds("S8", !taken.contains(&3), || "it was not due".to_owned())
        .and(|| {
            exactly(
                "S8",
                "the job that is not due",
                played.place(3).name.as_str(),
                "scheduled",
            )
        })
        .and(|| one_of("S4", &staged, &[0, 2]))
        .and(|| exactly("S7", "what was taken", taken, due))
        .and(|| {
            let left = (1..3).filter(|job| !taken.contains(job));
            let astray = left.clone().find(|job| played.place(*job).name != "ready");
            holds("S4", astray.is_none(), || {
                format!("job {astray:?} is not in the line")
            })
        })
}

pub fn stage_beside_an_acquisition() -> Pair {
    Pair {
        name: "stage × acquire",
        setting: Setting {
            jobs: 3,
            due: 2,
            later: true,
            ..Setting::default()
        },
        actors: vec![stager(), acquirer(STAGING_ACQUIRE, 5)],
        rows: &[
            Row::Queue,
            Row::Ready(1),
            Row::Scheduled(2),
            Row::Scheduled(3),
        ],
        // Staging is for every queue: in two lanes at once it would move the other's jobs, too.
        lanes: 1,
        judge: staged_once,
    }
}

const REPRIORITISE: Program = Program {
    gates: &[Gate::ReadyDeleteBegan, Gate::ReadyDeleteWritten],
    parts: &[
        &[],
        &[
            Act::Find(Row::Ready(1), Mode::Update),
            Act::Turn(Row::Ready(1), &[Row::Moved(1)]),
        ],
        &[],
    ],
};

/// Sends the first job behind the other.
fn demoter() -> Actor {
    Actor {
        program: REPRIORITISE,
        run: |hands| {
            Box::pin(async move {
                moved(
                    hands
                        .store
                        .reprioritise(hands.world.jobs[0], Priority::LOW)
                        .await,
                )
            })
        },
    }
}

const TAKE_BOTH: Program = Program {
    gates: ACQUIRE.gates,
    parts: &[
        &[],
        &[Act::Look],
        &[Act::LockQueue],
        &[],
        &[Act::Take(
            2,
            &[
                (Row::Ready(1), Row::Lease(1)),
                (Row::Ready(2), Row::Lease(2)),
                (Row::Moved(1), Row::Lease(1)),
            ],
        )],
        &[],
    ],
};

fn taken_or_moved(played: &Played) -> Judged {
    let place = played.place(0);
    let seen = (
        played.answers[0].clone(),
        played.taken(1),
        place.name.as_str(),
        place.lane,
    );
    let (Lane(old), Lane(low)) = (
        Lane::joining(Priority::NORMAL),
        Lane::joining(Priority::LOW),
    );
    let went = Answer::Moved(Ok(()));
    let stayed = Answer::Moved(Err(JobState::Launching));
    one_of(
        "S7",
        &seen,
        &[
            // Moved before, under way, or too late.
            (went.clone(), &[1, 0], "lease", low),
            (went, &[1], "ready", low),
            (stayed, &[0, 1], "lease", old),
        ],
    )
}

pub fn reprioritise_beside_an_acquisition() -> Pair {
    Pair {
        name: "reprioritise × acquire",
        setting: Setting {
            jobs: 2,
            ..Setting::default()
        },
        actors: vec![demoter(), acquirer(TAKE_BOTH, 2)],
        rows: &[Row::Queue, Row::Ready(1), Row::Ready(2)],
        lanes: 3,
        judge: taken_or_moved,
    }
}

#[test]
fn what_is_due_is_staged_and_taken_once_in_every_order() {
    conclude(&judge(&stage_beside_an_acquisition(), None));
}

#[test]
fn a_job_is_taken_or_moved_in_every_order() {
    conclude(&judge(&reprioritise_beside_an_acquisition(), None));
}
