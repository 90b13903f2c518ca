//! What random jobs and ends of attempts are like: few values each, so that they meet.

use std::time::Duration;

use longshore_core::attempt::{AttemptRecord, Exit};
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::Disposition;
use longshore_core::spec::Timeout;
use longshore_core::state::TerminalState;
use longshore_core::store::NewJob;
use longshore_core::{JobSpec, Priority, Timestamp};
use proptest::prelude::*;

use super::side::QUEUES;
use crate::model::Model;
use crate::store::scene::{LATER, launch_failed, record_for};

/// The priorities that there are.
pub(super) const PRIORITIES: [u8; 4] = [50, 20, 80, 51];

/// A job to submit.
#[derive(Clone, Debug)]
pub struct Draft {
    queue: u8,
    priority: u8,
    hold: bool,
    key: Option<u8>,
    when: u8,
    patience: u8,
    label: u8,
}

/// A queue: mostly the first, so that what is drawn meets there; now and then one that there is not.
pub(super) fn queue() -> impl Strategy<Value = u8> {
    prop_oneof![20 => Just(0u8), 6 => Just(1u8), 3 => Just(2u8), 1 => Just(3u8)]
}

/// Any job.
pub(super) fn draft() -> impl Strategy<Value = Draft> {
    let hold = proptest::bool::weighted(0.15);
    let key = proptest::option::weighted(0.3, 0u8..3);
    let when = prop_oneof![6 => Just(0u8), 1 => Just(1u8), 2 => Just(2u8)];
    let patience = prop_oneof![8 => Just(0u8), 2 => Just(1u8), 1 => Just(2u8)];
    // Mostly the same, so that jobs stand in one lane.
    let priority = prop_oneof![3 => Just(0u8), 2 => 1u8..4];
    (queue(), priority, hold, key, when, patience, 0u8..3).prop_map(
        |(queue, priority, hold, key, when, patience, label)| Draft {
            queue,
            priority,
            hold,
            key,
            when,
            patience,
            label,
        },
    )
}

impl Draft {
    /// The job.
    pub(super) fn build(&self) -> NewJob {
        let queue = QUEUES
            .get(usize::from(self.queue))
            .copied()
            .unwrap_or("nowhere");
        let mut spec = JobSpec {
            queue: Some(queue.to_owned()),
            priority: priority(self.priority),
            idempotency_key: self.key.map(|key| format!("key-{key}")),
            name: Some(format!("job-{}", self.label)),
            ..JobSpec::process(["true"])
        };
        spec.scheduled_for = match self.when {
            0 => None,
            1 => Some(Timestamp::UNIX_EPOCH),
            // No test lasts as long; and a time of the clock would not be the same one twice.
            _ => Some("2200-01-01T00:00:00Z".parse().expect("a time")),
        };
        spec.queue_timeout = match self.patience {
            0 => None,
            1 => Some(Timeout::After(Model::SOON)),
            _ => Some(Timeout::After(LATER)),
        };
        if self.label > 0 {
            spec.labels
                .insert("kind".to_owned(), self.label.to_string());
        }
        let valid = spec.validate().expect("drafts are valid");
        valid.held(self.hold)
    }
}

/// One of the priorities.
pub(super) fn priority(index: u8) -> Priority {
    let value = PRIORITIES[usize::from(index) % PRIORITIES.len()];
    Priority::new(value.into()).expect("0 to 100")
}

/// Ways in which an attempt ends.
pub(super) const ENDS: u8 = 13;

/// One of the ways in which an attempt ends.
pub(super) fn end(index: u8) -> (AttemptRecord, Disposition) {
    let usual = |then| (record_for(then), then);
    let failed = Disposition::Settle(TerminalState::Failed);
    match index {
        0 => usual(Disposition::Settle(TerminalState::Completed)),
        1 => {
            // Illegal unless the store was told that it runs.
            let (record, then) = end(0);
            (
                AttemptRecord {
                    started: false,
                    ..record
                },
                then,
            )
        }
        2 => usual(Disposition::HandBack),
        3 => usual(Disposition::Lost),
        4 => usual(Disposition::RetryAfter(Duration::ZERO)),
        5 => usual(Disposition::RetryAfter(Model::SOON)),
        6 => usual(Disposition::RetryAfter(LATER)),
        7 => (
            launch_failed(ErrorClass::Transient),
            Disposition::RetryAfter(Model::SOON),
        ),
        8 => (launch_failed(ErrorClass::Permanent), failed),
        9 => usual(failed),
        10 => (
            AttemptRecord::exited(Exit {
                oom_killed: true,
                ..Exit::by_signal(9)
            }),
            failed,
        ),
        11 => usual(Disposition::Settle(TerminalState::TimedOut)),
        _ => usual(Disposition::Settle(TerminalState::Cancelled)),
    }
}
