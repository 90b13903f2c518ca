//! S10: a worker that drains acquires nothing more, and leaves no job of its behind.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::ledger::{CallIndex, Lease, Ledger, finish_word, run_of};
use crate::event::Position;
use crate::ids::{RunId, WorkerId};
use crate::store::{Answer, Call, FinishWord, HeartbeatWord};
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

/// When workers began to drain, and said goodbye: by the first answer that says so.
struct Farewells {
    draining: BTreeMap<WorkerId, (Position, CallIndex)>,
    stopped: BTreeMap<WorkerId, (Position, CallIndex)>,
}

pub(super) fn judge(ledger: &Ledger<'_>, findings: &mut Findings) {
    let farewells = Farewells::of(ledger);
    judge_acquisitions(ledger, &farewells, findings);
    judge_take_overs(ledger, &farewells, findings);
    judge_goodbyes(ledger, &farewells, findings);
    judge_heartbeats(ledger, &farewells, findings);
}

impl Farewells {
    fn of(ledger: &Ledger<'_>) -> Self {
        let mut farewells = Self {
            draining: BTreeMap::new(),
            stopped: BTreeMap::new(),
        };
        for &index in &ledger.answered {
            let made = &ledger.calls[index];
            let at = (made.ended(), index);
            match made.call {
                Call::DrainWorker(asked) => {
                    farewells.draining.entry(asked.worker).or_insert(at);
                }
                Call::StopWorker(asked) => {
                    farewells.draining.entry(asked.worker).or_insert(at);
                    farewells.stopped.entry(asked.worker).or_insert(at);
                }
                _ => {}
            }
        }
        farewells
    }
}

fn judge_acquisitions(ledger: &Ledger<'_>, farewells: &Farewells, findings: &mut Findings) {
    for (call, asked, leased) in ledger.acquisitions() {
        let Some(&(drained, by)) = farewells.draining.get(&asked.worker) else {
            continue;
        };
        let made = &ledger.calls[call];
        if leased.is_empty() || made.called < drained {
            continue;
        }
        let at = Place::Line(made.ended());
        findings.note_proved(at, BreachKind::AcquiredWhileDraining, || {
            let breach = Breach::AcquiredWhileDraining {
                worker: asked.worker,
                run: run_of(leased[0].job, leased[0].attempt),
                drained,
            };
            let lines = ledger.lines(by).chain(ledger.lines(call));
            (breach, lines.collect())
        });
    }
}

/// Nor does it take anything over.
fn judge_take_overs(ledger: &Ledger<'_>, farewells: &Farewells, findings: &mut Findings) {
    let mut judged = None;
    for taking in &ledger.takings {
        let by = taking.by;
        let Some(&(drained, drain)) = farewells.draining.get(&by.worker) else {
            continue;
        };
        // Once for each call.
        if by.called < drained || judged.replace(by.call) == Some(by.call) {
            continue;
        }
        findings.note_proved(
            Place::Line(by.since),
            BreachKind::AcquiredWhileDraining,
            || {
                let breach = Breach::AcquiredWhileDraining {
                    worker: by.worker,
                    run: taking.run,
                    drained,
                };
                let lines = ledger.lines(drain).chain(ledger.lines(by.call));
                (breach, lines.collect())
            },
        );
    }
}

/// At a goodbye every lease has ended, may have, or lives on with a handle by which another finds it.
fn judge_goodbyes(ledger: &Ledger<'_>, farewells: &Farewells, findings: &mut Findings) {
    let launched = may_have_handles(ledger);
    let may_have_moved = ledger.may_have_moved();
    for lease in &ledger.leases {
        for (holder, until) in lease.times_held() {
            let Some(&(stopped, by)) = farewells.stopped.get(&holder.worker) else {
                continue;
            };
            let goodbye = &ledger.calls[by];
            let until = until.min(may_have_moved).min(lease.live_until);
            let held = holder.since < goodbye.called && until > stopped;
            let handle = launched.get(&lease.run);
            let has_handle = handle.is_some_and(|&called| called < stopped);
            if !held || has_handle {
                continue;
            }
            findings.note_proved(Place::Line(stopped), BreachKind::LeftBehind, || {
                let breach = Breach::LeftBehind {
                    worker: holder.worker,
                    run: lease.run,
                    acquired: holder.since,
                };
                let lines = ledger.lines(holder.call).chain(ledger.lines(by));
                (breach, lines.collect())
            });
        }
    }
}

/// The first CALL by which each attempt may have got its handle: it stays, whoever holds the lease.
fn may_have_handles(ledger: &Ledger<'_>) -> BTreeMap<RunId, Position> {
    let mut launched = BTreeMap::new();
    for made in ledger.calls.iter().filter(|made| made.may_have_happened()) {
        let refused = matches!(
            made.done(),
            Some(Answer::MarkLaunched(fenced)) if !fenced.outcome.is_accepted()
        );
        if let (Call::MarkLaunched(lease), false) = (made.call, refused) {
            let run = run_of(lease.job, lease.attempt);
            launched.entry(run).or_insert(made.called);
        }
    }
    launched
}

/// A draining worker whose lease it still ends has sent a heartbeat within its time.
///
/// Told by the worker's own clock, at its own finishes: between two calls of one process.
fn judge_heartbeats(ledger: &Ledger<'_>, farewells: &Farewells, findings: &mut Findings) {
    let mut beats: BTreeMap<WorkerId, Beat> = BTreeMap::new();
    for (index, made) in ledger.calls.iter().enumerate() {
        match (made.call, made.done()) {
            (Call::RegisterWorker(new), Some(Answer::RegisterWorker(registered))) => {
                let beat = Beat {
                    nanos: made.nanos,
                    ttl_nanos: new.ttl.saturating_mul(1000),
                    call: index,
                };
                beats.insert(registered.worker, beat);
            }
            // Sent is enough: whether it arrived is not the worker's doing.
            (Call::Heartbeat(asked), answer) => {
                let fenced = matches!(
                    answer,
                    Some(Answer::Heartbeat(beat)) if beat.outcome == HeartbeatWord::Fenced
                );
                if let (Some(beat), false) = (beats.get_mut(&asked.worker), fenced) {
                    beat.nanos = made.nanos;
                    beat.call = index;
                }
            }
            (Call::Finish(finishes), Some(answer)) => {
                for (item, finish) in finishes.iter().enumerate() {
                    let lease = ledger.lease(run_of(finish.job, finish.attempt), finish.token);
                    let done = finish_word(answer, item) == Some(FinishWord::Finished);
                    if let (Some(lease), true) = (lease, done) {
                        let worker = lease.holder_under(finish.token);
                        judge_beat(ledger, index, (worker, lease), &beats, farewells, findings);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A worker's last heartbeat.
struct Beat {
    nanos: u64,
    ttl_nanos: u64,
    call: CallIndex,
}

fn judge_beat(
    ledger: &Ledger<'_>,
    finish: CallIndex,
    (worker, lease): (WorkerId, &Lease),
    beats: &BTreeMap<WorkerId, Beat>,
    farewells: &Farewells,
    findings: &mut Findings,
) {
    let made = &ledger.calls[finish];
    let draining = farewells.draining.get(&worker);
    let (Some(beat), Some(&(drained, by))) = (beats.get(&worker), draining) else {
        return;
    };
    let gap_nanos = made.nanos.saturating_sub(beat.nanos);
    if drained > made.called || gap_nanos <= beat.ttl_nanos {
        return;
    }
    let at = Place::Line(made.ended());
    findings.note_proved(at, BreachKind::HeartbeatStopped, || {
        let breach = Breach::HeartbeatStopped {
            worker,
            run: lease.run,
            gap_millis: gap_nanos / 1_000_000,
            ttl_millis: beat.ttl_nanos / 1_000_000,
        };
        let calls = [beat.call, by, lease.call, finish].into_iter();
        (breach, calls.flat_map(|call| ledger.lines(call)).collect())
    });
}

/// Whether no worker had a live lease when it began to drain.
pub(super) fn nothing_ran_at_drain(ledger: &Ledger<'_>) -> Option<Doubt> {
    let farewells = Farewells::of(ledger);
    let ran = ledger.leases.iter().any(|lease| {
        lease.times_held().any(|(holder, until)| {
            let drained = farewells.draining.get(&holder.worker);
            drained.is_some_and(|&(at, by)| {
                holder.since < ledger.calls[by].called && lease.live_until.min(until) > at
            })
        })
    });
    (!ran).then_some(Doubt::NothingRanAtDrain)
}
