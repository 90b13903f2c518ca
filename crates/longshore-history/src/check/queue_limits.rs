//! Which limit of a queue may have been in force, at any time of a history in which it changes.
//!
//! A value may be in force from its change's CALL on, until another change that certainly came
//! after it was answered. Whoever asks for the largest of a stretch of time gets an upper bound,
//! so that nothing is called a breach that might have been right.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::ledger::Ledger;
use crate::event::Position;
use crate::expectation::Limit;
use crate::ids::QueueId;
use crate::store::{Answer, Call};

/// The limits of every queue that is known.
pub(super) struct QueueLimits {
    of_queue: BTreeMap<QueueId, Steps>,
}

/// A limit as a number; none is the largest.
type Bound = u32;
const UNLIMITED: Bound = Bound::MAX;

/// One value that was set, and between which lines that happened.
#[derive(Clone, Copy)]
struct Set {
    bound: Bound,
    called: Position,
    done: Position,
}

/// The largest value that may be in force, as steps: from each place on, until the next.
struct Steps {
    from: Vec<Position>,
    /// A tree of maxima over the steps.
    largest: Vec<Bound>,
}

impl QueueLimits {
    pub(super) fn of(ledger: &Ledger<'_>, limits: &[Limit]) -> Self {
        let mut sets: BTreeMap<QueueId, Vec<Set>> = BTreeMap::new();
        for limit in limits {
            if let Some(queue) = limit.queue {
                sets.insert(queue, vec![Set::at_the_beginning(limit.max)]);
            }
        }
        for made in &ledger.calls {
            match (made.call, made.done()) {
                (Call::Queues(_), Some(Answer::Queues(facts))) => {
                    for fact in facts {
                        // What was there before the first change that is recorded.
                        let bound = fact.limit.unwrap_or(UNLIMITED);
                        sets.entry(fact.queue)
                            .or_insert_with(|| vec![Set::at_the_beginning(bound)]);
                    }
                }
                (Call::CreateQueue(_), Some(Answer::CreateQueue(fact))) => {
                    sets.entry(fact.queue).or_default().push(Set {
                        bound: fact.limit.unwrap_or(UNLIMITED),
                        called: made.called,
                        done: made.ended(),
                    });
                }
                (Call::ChangeQueue(wish), _) if wish.sets_limit && made.may_have_happened() => {
                    if let Some(&queue) = ledger.queues.get(wish.name.as_str()) {
                        // Of a queue that nobody told of before, nothing is known.
                        let before = || vec![Set::at_the_beginning(UNLIMITED)];
                        sets.entry(queue).or_insert_with(before).push(Set {
                            bound: wish.limit.unwrap_or(UNLIMITED),
                            called: made.called,
                            done: made.ended(),
                        });
                    }
                }
                _ => {}
            }
        }
        let steps = sets
            .into_iter()
            .map(|(queue, sets)| (queue, Steps::of(&sets)));
        Self {
            of_queue: steps.collect(),
        }
    }

    /// The largest limit that may have been in force at any time from one line to another; none if
    /// there may have been none, or nobody knows.
    pub(super) fn largest(&self, queue: QueueId, from: Position, to: Position) -> Option<u32> {
        let bound = self.of_queue.get(&queue)?.largest(from, to);
        (bound < UNLIMITED).then_some(bound)
    }
}

impl Set {
    fn at_the_beginning(bound: Bound) -> Self {
        let beginning = Position::of_line(0);
        Self {
            bound,
            called: beginning,
            done: beginning,
        }
    }
}

impl Steps {
    fn of(sets: &[Set]) -> Self {
        // When each stops being possible: the first answer of those called after its own answer.
        let mut by_call: Vec<Set> = sets.to_vec();
        by_call.sort_by_key(|set| set.called);
        let mut first_answer = Position::NEVER;
        let mut suffix: Vec<Position> = by_call
            .iter()
            .rev()
            .map(|set| {
                first_answer = first_answer.min(set.done);
                first_answer
            })
            .collect();
        suffix.reverse();
        let spans = by_call.iter().map(|set| {
            let after = by_call.partition_point(|other| other.called <= set.done);
            let until = suffix.get(after).copied().unwrap_or(Position::NEVER);
            (set.called, until, set.bound)
        });
        let spans: Vec<_> = spans.collect();

        let mut from: Vec<Position> = spans.iter().flat_map(|span| [span.0, span.1]).collect();
        from.sort_unstable();
        from.dedup();
        let mut heap: BinaryHeap<(Bound, Reverse<Position>)> = BinaryHeap::new();
        let mut next = spans.iter().peekable();
        let leaves: Vec<Bound> = from
            .iter()
            .map(|&at| {
                while let Some((_, until, bound)) = next.next_if(|span| span.0 <= at) {
                    heap.push((*bound, Reverse(*until)));
                }
                while heap.peek().is_some_and(|(_, until)| until.0 <= at) {
                    heap.pop();
                }
                heap.peek().map_or(UNLIMITED, |(bound, _)| *bound)
            })
            .collect();
        let mut largest = vec![0; leaves.len()];
        largest.extend(leaves);
        for node in (1..from.len()).rev() {
            largest[node] = largest[2 * node].max(largest[2 * node + 1]);
        }
        Self { from, largest }
    }

    fn largest(&self, from: Position, to: Position) -> Bound {
        let steps = self.from.len();
        let begin = self.from.partition_point(|&at| at <= from);
        let Some(first) = begin.checked_sub(1) else {
            return UNLIMITED;
        };
        let after = self.from.partition_point(|&at| at <= to);
        let (mut left, mut right) = (first + steps, after.max(first + 1) + steps);
        let mut bound = 0;
        while left < right {
            if left % 2 == 1 {
                bound = bound.max(self.largest[left]);
                left += 1;
            }
            if right % 2 == 1 {
                right -= 1;
                bound = bound.max(self.largest[right]);
            }
            left /= 2;
            right /= 2;
        }
        bound
    }
}
