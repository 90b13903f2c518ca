//! S12: at rest the store's counts equal one another, and the replay of its calls. And what of
//! liveness shows there (L1, L3): with a backlog and room, everything that may run does.
//!
//! A look counts as one at rest only if no other call that may have changed something was open
//! during it.

use super::arrows::Replay;
use super::findings::Findings;
use super::ledger::{CallIndex, Ledger};
use super::states::States;
use crate::event::Position;
use crate::expectation::Expectation;
use crate::store::{Answer, Call, Failure, Rest, RestQueue};
use crate::stored::JobState;
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

pub(super) fn judge(
    ledger: &Ledger<'_>,
    replay: &Replay,
    expectation: &Expectation,
    findings: &mut Findings,
) {
    let mut tally = Tally::default();
    let mut changes = replay.changes.iter().peekable();
    let first_prune = first_of(ledger, |call| matches!(call, Call::Prune(_)));
    // From there on there may be jobs that no answer named.
    let unknown = ledger.calls.iter().filter(|made| made.is_unknown());
    let mut unknown = unknown.filter(|made| matches!(made.call, Call::Submit(_)));
    let first_unknown_job = unknown.next().map_or(Position::NEVER, |made| made.called);
    for (index, quiet, rest) in looks_at_rest(ledger) {
        let at = ledger.calls[index].ended();
        while let Some(change) = changes.next_if(|change| change.at < at) {
            tally.change(change.before, change.after);
        }
        let mut differences = among_themselves(rest);
        let whole = expectation.whole && first_unknown_job > at;
        differences.extend(tally.against(rest, whole, first_prune < at));
        // Told one by one: each names what differs.
        for difference in differences {
            findings.note_proved(Place::Line(at), BreachKind::CountsDisagree, || {
                (difference.into_breach(), ledger.lines(index).collect())
            });
        }
        if quiet {
            judge_liveness(ledger, index, rest, findings);
        }
    }
}

/// The looks that were at rest, in order.
fn looks_at_rest<'a>(ledger: &Ledger<'a>) -> Vec<(CallIndex, bool, &'a Rest)> {
    // By their CALLs, each with the latest end so far; reading and beating change no count.
    let mut busy: Vec<(Position, Position)> = Vec::new();
    let mut latest = Position::of_line(0);
    for made in &ledger.calls {
        let still = matches!(
            made.call,
            Call::Rest(_) | Call::Queues(_) | Call::Heartbeat(_)
        );
        if !still && made.may_have_happened() {
            latest = latest.max(made.ended());
            busy.push((made.called, latest));
        }
    }
    let mut looks = Vec::new();
    for &index in &ledger.answered {
        let made = &ledger.calls[index];
        let (Call::Rest(wish), Some(Answer::Rest(rest))) = (made.call, made.done()) else {
            continue;
        };
        let begun = busy.partition_point(|&(called, _)| called < made.ended());
        let last = begun.checked_sub(1).map(|last| busy[last].1);
        if last.is_none_or(|ended| ended < made.called) {
            looks.push((index, wish.quiet, rest.as_ref()));
        }
    }
    looks
}

fn first_of(ledger: &Ledger<'_>, is: impl Fn(&Call) -> bool) -> Position {
    let found = ledger
        .calls
        .iter()
        .find(|made| is(made.call) && made.may_have_happened());
    found.map_or(Position::NEVER, |made| made.called)
}

/// Two figures that should be one.
struct Difference {
    what: String,
    figures: [u64; 2],
}

impl Difference {
    fn into_breach(self) -> Breach {
        Breach::CountsDisagree {
            what: self.what,
            figures: self.figures,
        }
    }
}

/// The metrics, the queues' counts, the settled ones and the lists tell the same jobs.
fn among_themselves(rest: &Rest) -> Vec<Difference> {
    let counts = &rest.counts;
    let listed = &rest.listed;
    let sum =
        |of: fn(&RestQueue) -> Option<u64>| -> Option<u64> { rest.queues.iter().map(of).sum() };
    let queues = "the queues' counts together";
    let lists = "lists";
    let pairs: [(&str, Option<u64>, &str, Option<u64>); 13] = [
        (
            "queue_depth",
            counts.queue_depth,
            queues,
            sum(|queue| queue.queue_depth),
        ),
        (
            "ready_now",
            counts.ready_now,
            queues,
            sum(|queue| queue.ready_now),
        ),
        (
            "scheduled_future",
            counts.scheduled_future,
            queues,
            sum(|queue| queue.scheduled_future),
        ),
        (
            "launching",
            counts.launching,
            queues,
            sum(|queue| queue.launching),
        ),
        (
            "running",
            counts.running,
            queues,
            sum(|queue| queue.running),
        ),
        (
            "queue_depth",
            counts.queue_depth,
            "ready_now and scheduled_future together",
            counts
                .ready_now
                .zip(counts.scheduled_future)
                .map(|(now, later)| now + later),
        ),
        (
            "queue_depth",
            counts.queue_depth,
            lists,
            Some(listed.queued + listed.retrying),
        ),
        ("launching", counts.launching, lists, Some(listed.launching)),
        ("running", counts.running, lists, Some(listed.running)),
        (
            "completed",
            counts.settled_completed,
            lists,
            Some(listed.completed),
        ),
        ("failed", counts.settled_failed, lists, Some(listed.failed)),
        (
            "timed_out",
            counts.settled_timed_out,
            lists,
            Some(listed.timed_out),
        ),
        (
            "cancelled",
            counts.settled_cancelled,
            lists,
            Some(listed.cancelled),
        ),
    ];
    let mut found = Vec::new();
    for (what, left, than, right) in pairs {
        // A capped count says "at least", and is compared with nothing.
        if let (Some(left), Some(right)) = (left, right)
            && left != right
        {
            found.push(Difference {
                what: format!("{what} and {than}"),
                figures: [left, right],
            });
        }
    }
    if let (Some(unlaunched), Some(failed)) = (counts.launch_failed, counts.settled_failed)
        && unlaunched > failed
    {
        found.push(Difference {
            what: "launch_failed, which are some of the failed, and failed".to_owned(),
            figures: [unlaunched, failed],
        });
    }
    found
}

/// How many jobs stand where, by the replay: for certain, and perhaps.
#[derive(Default)]
struct Tally {
    certain: [u64; 9],
    possible: [u64; 9],
}

impl Tally {
    fn change(&mut self, before: States, after: States) {
        for (states, more) in [(before, false), (after, true)] {
            let step = |count: &mut u64| {
                *count = if more { *count + 1 } else { *count - 1 };
            };
            states
                .iter()
                .for_each(|state| step(&mut self.possible[state as usize]));
            if let Some(state) = states.only() {
                step(&mut self.certain[state as usize]);
            }
        }
    }

    /// Where a list has fewer than there certainly are, or more than there can be. Ended jobs may be
    /// fewer once some were pruned; more are there only if the recording misses some.
    fn against(&self, rest: &Rest, whole: bool, pruned: bool) -> Vec<Difference> {
        let listed = &rest.listed;
        let by_state = [
            (JobState::Pending, listed.pending),
            (JobState::Queued, listed.queued),
            (JobState::Retrying, listed.retrying),
            (JobState::Launching, listed.launching),
            (JobState::Running, listed.running),
            (JobState::Completed, listed.completed),
            (JobState::Failed, listed.failed),
            (JobState::TimedOut, listed.timed_out),
            (JobState::Cancelled, listed.cancelled),
        ];
        let mut found = Vec::new();
        for (state, listed) in by_state {
            let (least, most) = (self.certain[state as usize], self.possible[state as usize]);
            let mut differs = |figure, words: &str| {
                found.push(Difference {
                    what: format!("the list of {state} jobs and {words} by their history"),
                    figures: [listed, figure],
                });
            };
            if listed < least && !(pruned && state.is_terminal()) {
                differs(least, "the fewest that there are");
            } else if whole && listed > most {
                differs(most, "the most that there can be");
            }
        }
        found
    }
}

/// Everything had the time to start: then nothing that is ready waits beside free room.
fn judge_liveness(ledger: &Ledger<'_>, index: CallIndex, rest: &Rest, findings: &mut Findings) {
    let at = Place::Line(ledger.calls[index].ended());
    for queue in &rest.queues {
        let (Some(ready), Some(launching), Some(running)) =
            (queue.ready_now, queue.launching, queue.running)
        else {
            continue;
        };
        let live = launching + running;
        let room = queue.limit.is_none_or(|limit| live < u64::from(limit));
        if ready == 0 || !room || queue.paused || queue.workers == 0 {
            continue;
        }
        let kind = if live == 0 {
            BreachKind::NothingStarted
        } else {
            BreachKind::RoomLeft
        };
        findings.note_proved(at, kind, || {
            let (queue, limit) = (queue.queue, queue.limit);
            let breach = if live == 0 {
                Breach::NothingStarted { queue, ready }
            } else {
                Breach::RoomLeft {
                    queue,
                    ready,
                    live,
                    limit,
                }
            };
            (breach, ledger.lines(index).collect())
        });
    }
}

/// The system's own failures stay within what the run allows.
pub(super) fn judge_failures(
    events: &[crate::event::Event],
    expectation: &Expectation,
    findings: &mut Findings,
) {
    let Some(allowed) = expectation.failures_at_most else {
        return;
    };
    let failures: Vec<Position> = events
        .iter()
        .filter(|event| is_systems_failure(event))
        .map(|event| event.at)
        .collect();
    if failures.len() as u64 <= allowed {
        return;
    }
    findings.note_proved(Place::End, BreachKind::TooManyFailures, || {
        let breach = Breach::TooManyFailures {
            failures: failures.len() as u64,
            allowed,
        };
        (breach, failures)
    });
}

fn is_systems_failure(event: &crate::event::Event) -> bool {
    use crate::store::Told;
    let crate::event::Source::Store(event) = &event.source else {
        return false;
    };
    match &event.told {
        Told::Failed(Failure::Contended | Failure::Unavailable | Failure::Other, _) => true,
        Told::Failed(Failure::Refused, _) | Told::Called(_) | Told::Done(_) => false,
    }
}

/// Whether the store was never looked at while nothing else was asked of it.
pub(super) fn no_snapshot_at_rest(ledger: &Ledger<'_>) -> Option<Doubt> {
    looks_at_rest(ledger)
        .is_empty()
        .then_some(Doubt::NoSnapshotAtRest)
}
