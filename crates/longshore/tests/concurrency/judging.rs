//! What a recorded run of many tasks is judged by: only what no order of the calls could explain is
//! a fault. Each call has two moments, when it was asked and when it was answered; it took effect
//! somewhere between them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use longshore_core::store::{FinishOutcome, LeaseKey};
use longshore_core::{JobId, QueueId};

/// When a call was asked and answered, since the run began.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub asked: Duration,
    pub answered: Duration,
}

/// One answer that a task got.
#[derive(Clone, Debug)]
pub enum Event {
    Acquired {
        span: Span,
        queue: QueueId,
        leases: Vec<LeaseKey>,
        /// The call's own limit.
        cap: Option<u32>,
    },
    Finished {
        span: Span,
        lease: LeaseKey,
        outcome: FinishOutcome,
    },
    Limited {
        span: Span,
        queue: QueueId,
        limit: Option<u32>,
    },
    /// A key was submitted and led to this job.
    Keyed { key: String, job: JobId },
}

/// What the run did of what it was meant to do; a run that did not is no evidence.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exercised {
    pub acquired: usize,
    /// Acquisitions that filled a queue to its limit.
    pub filled: usize,
    /// Finishes that were refused because the lease was another's.
    pub refused: usize,
    /// Finishes of jobs that a person had cancelled meanwhile.
    pub cancelled: usize,
}

/// A time in which a lease was held beyond doubt: from the answer that gave it to the call that
/// ended it.
#[derive(Clone, Copy)]
struct Held {
    queue: QueueId,
    lease: LeaseKey,
    from: Duration,
    until: Duration,
}

/// The faults of a run, and what it exercised.
pub fn judge(events: &[Event]) -> (Vec<String>, Exercised) {
    let held = held(events);
    let mut faults = attempts_and_tokens(&held);
    faults.extend(ends(events));
    faults.extend(keys(events));
    let mut exercised = Exercised {
        acquired: held.len(),
        ..Exercised::default()
    };
    for event in events {
        match event {
            Event::Acquired {
                span,
                queue,
                leases,
                cap,
            } => {
                let bound = bound(events, *queue, *span, *cap);
                let live = live_throughout(&held, *queue, *span, leases);
                let count = live.len() + leases.len();
                let Some(bound) = bound.filter(|_| !leases.is_empty()) else {
                    continue;
                };
                if count > bound as usize {
                    faults.push(format!(
                        "limit {bound} of queue {queue}: {leases:?} were given at {span:?}, while \
                         {live:?} were held"
                    ));
                }
                exercised.filled += usize::from(count == bound as usize);
            }
            Event::Finished { outcome, .. } => {
                exercised.refused += usize::from(*outcome == FinishOutcome::LeaseLost);
                exercised.cancelled += usize::from(*outcome == FinishOutcome::Cancelled);
            }
            Event::Limited { .. } | Event::Keyed { .. } => {}
        }
    }
    (faults, exercised)
}

fn held(events: &[Event]) -> Vec<Held> {
    let mut until: BTreeMap<LeaseKey, Duration> = BTreeMap::new();
    for event in events {
        if let Event::Finished {
            span,
            lease,
            outcome,
        } = event
        {
            let may_have_ended = !matches!(outcome, FinishOutcome::Illegal(_));
            let until = until.entry(*lease).or_insert(Duration::MAX);
            if may_have_ended {
                *until = span.asked.min(*until);
            }
        }
    }
    let mut held = Vec::new();
    for event in events {
        if let Event::Acquired {
            span,
            queue,
            leases,
            ..
        } = event
        {
            held.extend(leases.iter().map(|lease| Held {
                queue: *queue,
                lease: *lease,
                from: span.answered,
                until: until.get(lease).copied().unwrap_or(Duration::MAX),
            }));
        }
    }
    held.sort_by_key(|held| held.lease);
    held
}

/// An attempt is acquired once, tokens rise with attempts, and no job is held twice at once.
fn attempts_and_tokens(held: &[Held]) -> Vec<String> {
    let mut faults = Vec::new();
    // By job, and within a job by attempt.
    for pair in held.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        if one.lease.job != next.lease.job {
            continue;
        }
        let (a, b) = (one.lease, next.lease);
        if a.attempt == b.attempt {
            faults.push(format!("one attempt was acquired twice: {a:?} and {b:?}"));
        } else if a.token >= b.token {
            faults.push(format!("a token did not rise: {a:?} before {b:?}"));
        }
        if one.from.max(next.from) < one.until.min(next.until) {
            faults.push(format!("one job was held twice at once: {a:?} and {b:?}"));
        }
    }
    let tokens: HashSet<_> = held.iter().map(|held| held.lease.token).collect();
    if tokens.len() != held.len() {
        faults.push("a token was drawn twice".to_owned());
    }
    faults
}

/// An attempt ends once.
fn ends(events: &[Event]) -> Vec<String> {
    let mut ended = HashSet::new();
    let mut faults = Vec::new();
    for event in events {
        if let Event::Finished { lease, outcome, .. } = event
            && matches!(outcome, FinishOutcome::Finished | FinishOutcome::Cancelled)
            && !ended.insert(*lease)
        {
            faults.push(format!("{lease:?} ended twice"));
        }
    }
    faults
}

/// A key leads to one job.
fn keys(events: &[Event]) -> Vec<String> {
    let mut first = BTreeMap::new();
    let mut faults = Vec::new();
    for event in events {
        if let Event::Keyed { key, job } = event {
            let known = *first.entry(key).or_insert(*job);
            if known != *job {
                faults.push(format!("{key} led to job {known} and to job {job}"));
            }
        }
    }
    faults
}

/// The largest limit that may have been in force at some moment of the span; none for no limit.
fn bound(events: &[Event], queue: QueueId, span: Span, cap: Option<u32>) -> Option<u32> {
    let changes = || {
        events.iter().filter_map(|event| match event {
            Event::Limited {
                span,
                queue: of,
                limit,
            } if *of == queue => Some((*span, *limit)),
            _ => None,
        })
    };
    // The last changes that were answered before the call was asked: what was replaced before that
    // by a later one was not in force any more.
    let is_replaced = |by: Span| {
        changes().any(|(later, _)| by.answered < later.asked && later.answered < span.asked)
    };
    // A queue begins without a limit, which stays in force until the first change, that is, until
    // one is answered at the latest.
    let none_yet = !changes().any(|(change, _)| change.answered < span.asked);
    let in_force = changes()
        .filter(|(change, _)| change.asked < span.answered && !is_replaced(*change))
        .map(|(_, limit)| limit.unwrap_or(u32::MAX))
        .chain(none_yet.then_some(u32::MAX))
        .max()
        .unwrap_or(u32::MAX);
    let bound = in_force.min(cap.unwrap_or(u32::MAX));
    (bound < u32::MAX).then_some(bound)
}

/// Leases of a queue, other than these, that were held from before the span until after it.
fn live_throughout(held: &[Held], queue: QueueId, span: Span, but: &[LeaseKey]) -> Vec<LeaseKey> {
    let is_live = |held: &&Held| {
        held.queue == queue && held.from <= span.asked && span.answered <= held.until
    };
    let live = held.iter().filter(is_live).map(|held| held.lease);
    live.filter(|lease| !but.contains(lease)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::{AttemptNumber, Token};

    fn span(asked: u64, answered: u64) -> Span {
        Span {
            asked: Duration::from_secs(asked),
            answered: Duration::from_secs(answered),
        }
    }

    fn lease(job: i64, attempt: i32, token: i64) -> LeaseKey {
        LeaseKey {
            job: JobId(job),
            attempt: AttemptNumber(attempt),
            token: Token(token),
        }
    }

    fn acquired(span: Span, leases: &[LeaseKey]) -> Event {
        Event::Acquired {
            span,
            queue: QueueId(1),
            leases: leases.to_vec(),
            cap: None,
        }
    }

    fn finished(span: Span, lease: LeaseKey) -> Event {
        let outcome = FinishOutcome::Finished;
        Event::Finished {
            span,
            lease,
            outcome,
        }
    }

    fn limited(span: Span, limit: u32) -> Event {
        Event::Limited {
            span,
            queue: QueueId(1),
            limit: Some(limit),
        }
    }

    fn fault_of(events: &[Event], what: &str) {
        let (faults, _) = judge(events);
        assert!(
            faults.iter().any(|fault| fault.contains(what)),
            "{what}: {faults:?}"
        );
    }

    #[test]
    fn what_no_order_explains_is_a_fault() {
        let (a, b) = (lease(1, 1, 1), lease(2, 1, 2));
        fault_of(
            &[
                acquired(span(0, 1), &[a]),
                acquired(span(2, 3), &[lease(1, 1, 5)]),
            ],
            "acquired twice",
        );
        fault_of(
            &[
                acquired(span(0, 1), &[a]),
                acquired(span(2, 3), &[lease(1, 2, 1)]),
            ],
            "did not rise",
        );
        fault_of(
            &[
                acquired(span(0, 1), &[a]),
                acquired(span(2, 3), &[lease(1, 2, 5)]),
            ],
            "twice at once",
        );
        fault_of(
            &[
                acquired(span(0, 1), &[a]),
                acquired(span(2, 3), &[lease(2, 1, 1)]),
            ],
            "drawn twice",
        );
        fault_of(
            &[finished(span(4, 5), a), finished(span(6, 7), a)],
            "ended twice",
        );
        let over = [
            limited(span(0, 1), 1),
            acquired(span(2, 3), &[a]),
            acquired(span(4, 5), &[b]),
        ];
        fault_of(&over, "limit 1");
        let keyed = |job| Event::Keyed {
            key: "k".to_owned(),
            job: JobId(job),
        };
        fault_of(&[keyed(1), keyed(2)], "led to job 1 and to job 2");
    }

    #[test]
    fn what_some_order_explains_is_none() {
        let (a, b) = (lease(1, 1, 1), lease(2, 1, 2));
        let in_time = [
            limited(span(0, 1), 1),
            acquired(span(2, 3), &[a]),
            // The finish may have come first though it was answered last.
            finished(span(4, 9), a),
            acquired(span(5, 6), &[b]),
        ];
        let raised = [
            limited(span(0, 1), 1),
            acquired(span(2, 3), &[a]),
            limited(span(4, 9), 2),
            acquired(span(5, 6), &[b]),
        ];
        for events in [&in_time[..], &raised[..]] {
            let (faults, exercised) = judge(events);
            assert_eq!(faults, Vec::<String>::new());
            assert_eq!(exercised.acquired, 2);
            assert!(exercised.filled > 0, "{exercised:?}");
        }
    }

    #[test]
    fn a_queue_has_no_limit_until_its_first_one_is_answered() {
        let (a, b) = (lease(1, 1, 1), lease(2, 1, 2));
        let as_it_is_set = [limited(span(1, 4), 0), acquired(span(2, 3), &[a, b])];
        let (faults, _) = judge(&as_it_is_set);
        assert_eq!(faults, Vec::<String>::new());
        let after_it_was_set = [limited(span(1, 2), 0), acquired(span(3, 4), &[a, b])];
        fault_of(&after_it_was_set, "limit 0");
    }
}
