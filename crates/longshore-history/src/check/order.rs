//! S7: within a queue, nobody is passed over who certainly waited ahead.
//!
//! A job *certainly waits* from the answer that put it into a known lane until the CALL of the next
//! verb that names it. It is *certainly ahead* of a job that was taken if its lane is, or if in the
//! same lane its answer came before the CALL that put the other there: places are drawn between
//! the two. An acquisition is judged by what certainly waited from its CALL to its answer.
//!
//! Not judged is what another transaction may have held locked, and was rightly skipped: nothing
//! of a queue once an acquisition of it, an expiry or a pass of ageing is open for ever; and no
//! acquisition during which another of its queue failed, an expiry ran or a pass of ageing moved jobs.
//!
//! Ageing moves jobs to higher lanes, to places that are drawn anew. Of a pass of which nobody knows
//! whether it happened nothing need be assumed: a job that it moved is ahead of all that it was ahead
//! of before.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::ledger::{CallIndex, Ledger, Made, Naming, finish_word, run_of};
use crate::event::Position;
use crate::ids::{JobId, QueueId};
use crate::store::{Answer, Call, FinishWord, Leased, Then};
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

/// A job's certain wait.
#[derive(Clone, Copy)]
struct Wait {
    job: JobId,
    queue: QueueId,
    lane: i16,
    /// The call that began it.
    by: CallIndex,
    called: Position,
    from: Position,
    until: Position,
}

/// Where in a line: a lane, and a line of the history by which its place was drawn.
type Standing = (i16, Position);

/// Notes every job that was passed over, and says whether any certainly waited while another was
/// taken.
pub(super) fn judge(ledger: &Ledger<'_>, findings: &mut Findings) -> bool {
    let mut lines: BTreeMap<QueueId, Vec<Wait>> = BTreeMap::new();
    let mut drawn = Drawn::of(ledger);
    for (&job, namings) in &ledger.named {
        for (wait, next) in waits(job, namings, ledger) {
            if let Some(next) = next {
                drawn.ended.insert((job, next), wait.called);
            }
            lines.entry(wait.queue).or_default().push(wait);
        }
    }
    let mut somebody_waited = false;
    for (queue, waits) in lines {
        let held = Held::of(queue, ledger);
        let mut line = Line::of(waits);
        let mut acquisitions: Vec<_> = ledger
            .acquisitions()
            .filter(|(_, asked, leased)| asked.queue == queue && !leased.is_empty())
            .collect();
        acquisitions.sort_by_key(|(call, ..)| ledger.calls[*call].called);
        for (call, _, leased) in acquisitions {
            let made = &ledger.calls[call];
            if held.overlaps(made) {
                continue;
            }
            line.admit_until(made.called);
            somebody_waited |= line.anybody_past(made.ended());
            let Some((last, taken)) = last_taken(leased, call, &drawn) else {
                continue;
            };
            if let Some(over) = line.first_past(made.ended()).filter(|w| w.place() < last) {
                let at = Place::Line(made.ended());
                findings.note_proved(at, BreachKind::Overtaken, || {
                    let breach = Breach::Overtaken {
                        queue,
                        taken,
                        waiting: over.job,
                        since: over.from,
                    };
                    let lines = ledger.lines(over.by).chain(ledger.lines(call));
                    let put = put_there(taken, call, ledger);
                    (breach, lines.chain(put).collect())
                });
            }
        }
    }
    somebody_waited
}

/// Before which line the place of a job that was taken was certainly not drawn.
struct Drawn {
    /// The CALL that began the wait which an acquisition ended.
    ended: BTreeMap<(JobId, CallIndex), Position>,
    /// The CALL that brought the job into being.
    submitted: BTreeMap<JobId, Position>,
}

impl Drawn {
    fn of(ledger: &Ledger<'_>) -> Self {
        let mut submitted = BTreeMap::new();
        for made in &ledger.calls {
            if let Some(Answer::Submit(answers)) = made.done() {
                let new = answers.iter().filter(|submitted| submitted.new);
                submitted.extend(new.map(|submitted| (submitted.job, made.called)));
            }
        }
        Self {
            ended: BTreeMap::new(),
            submitted,
        }
    }

    fn not_before(&self, job: JobId, taken: CallIndex) -> Position {
        let wait = self.ended.get(&(job, taken));
        let put = wait.or_else(|| self.submitted.get(&job));
        // Where nobody knows, it may have stood first in its lane.
        put.copied().unwrap_or(Position::of_line(0))
    }
}

/// The one of a batch that stood last, with the line before which its place was not drawn.
fn last_taken(leased: &[Leased], call: CallIndex, drawn: &Drawn) -> Option<(Standing, JobId)> {
    let all = leased.iter().map(|lease| {
        let place = (lease.lane, drawn.not_before(lease.job, call));
        (place, lease.job)
    });
    all.max_by_key(|(place, _)| *place)
}

/// The lines of the call that put a job where it was taken.
fn put_there(job: JobId, taken: CallIndex, ledger: &Ledger<'_>) -> Vec<Position> {
    let namings = ledger.named.get(&job).into_iter().flatten();
    let before = namings.take_while(|naming| naming.call != taken).last();
    before.map_or_else(Vec::new, |naming| ledger.lines(naming.call).collect())
}

/// The waits of one job, each with the call that ended it.
fn waits(job: JobId, namings: &[Naming], ledger: &Ledger<'_>) -> Vec<(Wait, Option<CallIndex>)> {
    let mut waits: Vec<(Wait, Option<CallIndex>)> = Vec::new();
    let mut last: Option<Wait> = None;
    let mut busy_until = Position::of_line(0);
    for (nth, naming) in namings.iter().enumerate() {
        let made = &ledger.calls[naming.call];
        if made.is_unknown() {
            break; // it may still move the job
        }
        let next = namings[nth + 1..]
            .iter()
            .find(|next| next.call != naming.call);
        let until = next.map_or(Position::NEVER, |next| ledger.calls[next.call].called);
        let begun = place_after(job, naming, last.as_ref(), ledger);
        last = begun.map(|(queue, lane)| Wait {
            job,
            queue,
            lane,
            by: naming.call,
            called: made.called,
            from: made.ended(),
            until,
        });
        // Nothing is certain of what overlaps, called before it or after.
        let alone = busy_until < made.called;
        last = last.filter(|wait| alone && wait.from < wait.until);
        busy_until = busy_until.max(made.ended());
        waits.extend(last.map(|wait| (wait, next.map(|next| next.call))));
    }
    waits
}

/// The line and lane in which a job certainly waits after this call, if it does.
fn place_after(
    job: JobId,
    naming: &Naming,
    before: Option<&Wait>,
    ledger: &Ledger<'_>,
) -> Option<(QueueId, i16)> {
    let made = &ledger.calls[naming.call];
    match (made.call, made.done()?) {
        (Call::Submit(jobs), Answer::Submit(answers)) => {
            let (new, submitted) = (jobs.get(naming.item)?, answers.get(naming.item)?);
            let in_line = submitted.new && !new.held && new.due.is_none();
            let queue = ledger.queues.get(new.queue.as_str())?;
            in_line.then(|| (*queue, joining(new.priority)))
        }
        (Call::Finish(finishes), answer) => {
            let finish = &finishes[naming.item];
            let back = matches!(finish.then, Then::HandBack | Then::Lost);
            let done = finish_word(answer, naming.item) == Some(FinishWord::Finished);
            let lease = ledger.lease(run_of(job, finish.attempt), finish.token)?;
            // Of each priority's two lanes the even one is ahead.
            (back && done).then_some((lease.queue, lease.lane & !1))
        }
        (Call::Reprioritise(asked), _) => {
            let before = before?;
            Some((before.queue, joining(asked.priority)))
        }
        (_, Answer::AgeWaiting(aged)) => {
            let aged = aged.get(naming.item)?;
            Some((aged.queue, aged.lane))
        }
        _ => None,
    }
}

/// The lane that jobs of a priority join.
fn joining(priority: u8) -> i16 {
    2 * (100 - i16::from(priority)) + 1
}

impl Wait {
    fn place(&self) -> Standing {
        (self.lane, self.from)
    }
}

/// A queue's certain waits in the order of their places, and how long each lasts.
struct Line {
    waits: Vec<Wait>,
    /// By when they begin; those before `admitted` are in the tree.
    by_start: Vec<usize>,
    admitted: usize,
    /// A tree of maxima: until when those admitted last.
    until: Vec<Position>,
    leaves: usize,
}

impl Line {
    fn of(mut waits: Vec<Wait>) -> Self {
        waits.sort_by_key(Wait::place);
        let mut by_start: Vec<usize> = (0..waits.len()).collect();
        by_start.sort_by_key(|&wait| waits[wait].from);
        let leaves = waits.len().next_power_of_two();
        Self {
            until: vec![Position::of_line(0); 2 * leaves],
            waits,
            by_start,
            admitted: 0,
            leaves,
        }
    }

    fn admit_until(&mut self, called: Position) {
        while let Some(&wait) = self.by_start.get(self.admitted) {
            if self.waits[wait].from >= called {
                return;
            }
            self.admitted += 1;
            let mut node = self.leaves + wait;
            let until = self.waits[wait].until;
            while node > 0 {
                self.until[node] = self.until[node].max(until);
                node /= 2;
            }
        }
    }

    fn anybody_past(&self, answered: Position) -> bool {
        self.until[1] > answered
    }

    /// The first in line that still waits at this answer.
    fn first_past(&self, answered: Position) -> Option<&Wait> {
        if !self.anybody_past(answered) {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            node *= 2;
            if self.until[node] <= answered {
                node += 1;
            }
        }
        self.waits.get(node - self.leaves)
    }
}

/// When rows of a queue may have been locked by what brought nothing.
struct Held {
    /// By their beginnings, each with the latest end so far.
    spans: Vec<(Position, Position)>,
}

impl Held {
    fn of(queue: QueueId, ledger: &Ledger<'_>) -> Self {
        let holds = |made: &&Made<'_>| match made.call {
            Call::Acquire(asked) => asked.queue == queue && made.done().is_none(),
            Call::ExpireWaiting(_) => true,
            // Only what it moved was held.
            Call::AgeWaiting(_) => match made.done() {
                Some(Answer::AgeWaiting(aged)) => aged.iter().any(|aged| aged.queue == queue),
                _ => made.may_have_happened(),
            },
            _ => false,
        };
        let mut latest = Position::of_line(0);
        let spans = ledger.calls.iter().filter(holds).map(|made| {
            latest = latest.max(made.ended());
            (made.called, latest)
        });
        Self {
            spans: spans.collect(),
        }
    }

    fn overlaps(&self, made: &Made<'_>) -> bool {
        let begun = self.spans.partition_point(|&(from, _)| from < made.ended());
        let last = begun.checked_sub(1).map(|last| self.spans[last].1);
        last.is_some_and(|until| until > made.called)
    }
}

pub(super) fn nothing_to_overtake(somebody_waited: bool) -> Option<Doubt> {
    (!somebody_waited).then_some(Doubt::NothingToOvertake)
}
