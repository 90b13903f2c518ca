//! The end of an attempt beside a cancellation.

use longshore_core::State as JobState;
use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{CancelOutcome, Finish, FinishOutcome};
use longshore_testkit::judged::conclude;
use longshore_testkit::store::scene::record_for;

use super::acquiring::canceller;
use super::every_order::judge;
use super::gates::Gate;
use super::model::{Act, Mode, Program, Row};
use super::pair::{Actor, Answer, Hands, Pair, Setting, exactly, one_of};

const FINISH_GATES: &[Gate] = &[Gate::LeaseDeleteBegan, Gate::LeaseDeleteWritten];

/// The first job completes.
pub fn finisher() -> Actor {
    Actor {
        program: Program {
            gates: FINISH_GATES,
            parts: &[
                // One that settles its job has locked nothing before it deletes.
                &[],
                &[
                    Act::Find(Row::Lease(1), Mode::Update),
                    Act::Turn(Row::Lease(1), &[]),
                ],
                &[],
            ],
        },
        run: |hands| {
            Box::pin(
                async move { finish(&hands, Disposition::Settle(TerminalState::Completed)).await },
            )
        },
    }
}

/// The first job is handed back: its worker drains.
fn returner() -> Actor {
    Actor {
        program: Program {
            gates: FINISH_GATES,
            parts: &[
                &[Act::Find(Row::Lease(1), Mode::Update)],
                // To the line, unless its end was asked for: no lock of another depends on which.
                &[Act::Turn(Row::Lease(1), &[Row::Ready(1)])],
                &[],
            ],
        },
        run: |hands| Box::pin(async move { finish(&hands, Disposition::HandBack).await }),
    }
}

async fn finish(hands: &Hands, then: Disposition) -> Answer {
    let finish = Finish {
        lease: hands.world.leases[0],
        record: record_for(then),
        then,
    };
    let outcomes = hands.store.finish(&[finish]).await;
    Answer::Finished(outcomes.expect("finish")[0])
}

const ONE_LEASED: Setting = Setting {
    limit: None,
    jobs: 1,
    leased: 1,
    due: 0,
    later: false,
    silent: false,
    of_the_dead: false,
};

pub fn finish_beside_a_cancellation() -> Pair {
    Pair {
        name: "finish × cancel",
        setting: ONE_LEASED,
        actors: vec![finisher(), canceller()],
        rows: &[Row::Queue, Row::Lease(1)],
        lanes: 2,
        judge: |played| {
            let seen = (&played.answers[0], &played.answers[1]);
            let finished = Answer::Finished(FinishOutcome::Finished);
            let requested = Answer::Cancelled(CancelOutcome::Requested);
            let ended = Answer::Cancelled(CancelOutcome::AlreadyEnded(JobState::Completed));
            // It completed: the request came too late, or in time and to no avail.
            one_of("S6", &seen, &[(&finished, &requested), (&finished, &ended)])
                .and(|| exactly("S6", "the job", played.place(0).state.as_str(), "completed"))
        },
    }
}

pub fn hand_back_beside_a_cancellation() -> Pair {
    Pair {
        name: "finish (handed back) × cancel",
        actors: vec![returner(), canceller()],
        judge: |played| {
            let seen = (&played.answers[0], &played.answers[1]);
            let handed_back = Answer::Finished(FinishOutcome::Finished);
            let stopped = Answer::Finished(FinishOutcome::Cancelled);
            let requested = Answer::Cancelled(CancelOutcome::Requested);
            let cancelled = Answer::Cancelled(CancelOutcome::Cancelled);
            // Whoever was promised the job's end gets it, and it runs no more.
            one_of(
                "S6",
                &seen,
                &[(&stopped, &requested), (&handed_back, &cancelled)],
            )
            .and(|| exactly("S6", "the job", played.place(0).state.as_str(), "cancelled"))
        },
        ..finish_beside_a_cancellation()
    }
}

#[test]
fn a_finish_and_a_cancellation_agree_in_every_order() {
    conclude(&judge(&finish_beside_a_cancellation(), None));
}

#[test]
fn a_job_handed_back_is_cancelled_in_every_order() {
    conclude(&judge(&hand_back_beside_a_cancellation(), None));
}
