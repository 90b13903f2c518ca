//! What a store's tables keep of jobs that ran elsewhere, told in a recorder's words: for worker
//! processes, between which and the store no recorder stands.
//!
//! Each attempt is told as the calls that it took: its acquisition, the word that it runs, its end.
//! All that is said of their order is by the database's clock, and only what is certain. A call's
//! first line stands at the moment that the row keeps, which its effect is not before. Its answer
//! stands where it must have been given at the latest: an acquisition's where the attempt is said to
//! run, which a worker says only under a lease that it was given; an end's behind everything.
//!
//! Not told, because no table keeps it: what was refused, heartbeats, how long a retry was put off.
//! So S5, S9 and S10 can't be judged by it, and jobs that were retried are refused.

use longshore_core::attempt::Outcome;
use longshore_core::disposition::Disposition;
use longshore_core::priority::Lane;
use longshore_core::state::TerminalState;
use longshore_core::store::{AttemptView, JobDetail, LeaseKey, Store, StoreResult};
use longshore_core::{JobId, QueueId, State, Timestamp};
use longshore_history as history;
use longshore_history::store::{
    Acquire, Answer, Call, FinishWord, Finished, LeaseWord, Leased, Standing, StoreEvent, Told,
};

use super::{Journal, words};

/// A job as the tables have it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its queue.
    pub queue: QueueId,
    /// Everything else about it.
    pub detail: JobDetail,
}

/// Reads these jobs.
pub async fn read(store: &dyn Store, jobs: &[JobId]) -> StoreResult<Vec<Kept>> {
    let queues = store.queues().await?;
    let mut kept = Vec::with_capacity(jobs.len());
    for job in jobs {
        let detail = store.show_job(*job).await?;
        let mut its = queues.iter();
        let its = its.find(|queue| queue.name == detail.summary.queue);
        let queue = its.expect("a job's queue is there").id;
        kept.push(Kept { queue, detail });
    }
    Ok(kept)
}

/// Where a line stands: by time; at one time, calls before answers, but what an attempt did first
/// before what it did next.
type Place = (Timestamp, u8, history::Token);
const ASKED: u8 = 0;
const ACQUIRED: u8 = 1;
const SAYS_IT_RUNS: u8 = 2;
const RUNS: u8 = 3;
const ENDS: u8 = 4;
const ENDED: u8 = 5;

/// The lines of what became of these jobs, or why they can't be told.
pub fn tell(kept: &[Kept]) -> Result<String, String> {
    let mut lines: Vec<(Place, StoreEvent)> = Vec::new();
    for kept in kept {
        let mut handed_back = false;
        for attempt in &kept.detail.attempts_made {
            tell_attempt(kept, attempt, handed_back, &mut lines)?;
            let outcome = attempt.record.as_ref().map(|record| record.outcome);
            handed_back = outcome == Some(Outcome::HandedBack);
        }
    }
    lines.sort_by_key(|(place, _)| *place);
    let began = lines.first().map(|((at, ..), _)| at.as_nanosecond());
    let records = lines.into_iter().map(|((at, ..), mut event)| {
        let since = at.as_nanosecond() - began.unwrap_or_default();
        event.nanos = u64::try_from(since).unwrap_or(u64::MAX);
        event.to_record()
    });
    Ok(records.collect())
}

fn tell_attempt(
    kept: &Kept,
    attempt: &AttemptView,
    was_handed_back: bool,
    lines: &mut Vec<(Place, StoreEvent)>,
) -> Result<(), String> {
    let job = kept.detail.summary.id;
    let key = LeaseKey {
        job,
        attempt: attempt.attempt,
        token: attempt.token,
    };
    let priority = kept.detail.summary.priority;
    let token = history::Token(key.token.0);
    let history::RunId {
        attempt: number, ..
    } = words::run(job, key.attempt);
    let mut note = |from: (Timestamp, u8), to: (Timestamp, u8), call, answer| {
        let number = Journal::next_call();
        for ((at, rank), told) in [(from, Told::Called(call)), (to, Told::Done(answer))] {
            let event = StoreEvent {
                call: number,
                nanos: 0,
                told,
            };
            lines.push(((at, rank, token), event));
        }
    };
    let (claimed, ended) = (attempt.claimed_at, attempt.ended_at);
    let never = Timestamp::MAX;
    let acquired = attempt.started_at.or(ended).unwrap_or(never);
    let lane = if was_handed_back {
        Lane::ahead(priority)
    } else {
        Lane::joining(priority)
    };
    note(
        (claimed, ASKED),
        (acquired, ACQUIRED),
        Call::Acquire(Acquire {
            queue: history::QueueId(kept.queue.0),
            worker: history::WorkerId(attempt.worker.0),
            want: 1,
            limit: None,
        }),
        Answer::Acquire(vec![Leased {
            job: words::job(job),
            attempt: number,
            token,
            lane: lane.0,
            claimed: claimed.as_microsecond(),
        }]),
    );
    if let Some(started) = attempt.started_at {
        let status = LeaseWord::Held;
        note(
            (started, SAYS_IT_RUNS),
            (ended.unwrap_or(never), RUNS),
            Call::MarkRunning(words::lease_ref(key)),
            Answer::MarkRunning(Standing { status }),
        );
    }
    if let (Some(ended), Some(record)) = (ended, &attempt.record) {
        let is_last =
            kept.detail.attempts_made.last().map(|last| last.attempt) == Some(key.attempt);
        let then =
            what_followed(kept.detail.summary.state, record.outcome, is_last).ok_or_else(|| {
                format!("no table keeps what followed on attempt {number:?} of job {job}")
            })?;
        let outcome = FinishWord::Finished;
        note(
            (ended, ENDS),
            (never, ENDED),
            Call::Finish(vec![words::finish(key, record, then)]),
            Answer::Finish(vec![Finished { outcome }]),
        );
    }
    Ok(())
}

/// What an attempt's worker said was to follow on it.
fn what_followed(state: State, outcome: Outcome, is_last: bool) -> Option<Disposition> {
    if outcome == Outcome::HandedBack {
        return Some(Disposition::HandBack);
    }
    let terminal = match state {
        State::Completed => TerminalState::Completed,
        State::Failed => TerminalState::Failed,
        State::TimedOut => TerminalState::TimedOut,
        State::Cancelled => TerminalState::Cancelled,
        State::Pending | State::Queued | State::Retrying | State::Launching | State::Running => {
            return None;
        }
    };
    is_last.then_some(Disposition::Settle(terminal))
}
