//! What core says, in the words of a history.

use std::collections::BTreeMap;

use longshore_core::attempt::AttemptRecord;
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::Disposition;
use longshore_core::priority::Priority;
use longshore_core::queue::{Count, Queue, QueueStats};
use longshore_core::state::TerminalState;
use longshore_core::store::{
    Aged, CancelOutcome, FenceOutcome, FinishOutcome, Heartbeat, JobFilter, Lease, LeaseKey,
    LeaseStatus, NewJob, Store, StoreError, StoreResult, TakenOver,
};
use longshore_core::{AttemptNumber, JobId, State, Timestamp};
use longshore_history as history;
use longshore_history::store as told;

pub(super) fn failure(error: &StoreError) -> told::Failure {
    match error {
        StoreError::Contended { .. } => told::Failure::Contended,
        StoreError::Unavailable { .. } => told::Failure::Unavailable,
        StoreError::CannotWrite { .. }
        | StoreError::SchemaTooNew { .. }
        | StoreError::SchemaTooOld { .. } => told::Failure::Refused,
        error if error.is_systems_fault() => told::Failure::Other,
        _ => told::Failure::Refused,
    }
}

pub(super) fn job(job: JobId) -> history::JobId {
    history::JobId(job.0)
}

pub(super) fn one(job_id: JobId) -> told::OneJob {
    told::OneJob { job: job(job_id) }
}

fn attempt(attempt: AttemptNumber) -> history::AttemptNumber {
    history::AttemptNumber(u32::try_from(attempt.0).expect("attempts count from 1"))
}

/// The run that an attempt is.
pub(crate) fn run(job_id: JobId, number: AttemptNumber) -> history::RunId {
    history::RunId {
        job: job(job_id),
        attempt: attempt(number),
    }
}

pub(super) fn lease_ref(key: LeaseKey) -> told::LeaseRef {
    told::LeaseRef {
        job: job(key.job),
        attempt: attempt(key.attempt),
        token: history::Token(key.token.0),
    }
}

pub(super) fn leased(lease: &Lease) -> told::Leased {
    told::Leased {
        job: job(lease.key.job),
        attempt: attempt(lease.key.attempt),
        token: history::Token(lease.key.token.0),
        lane: lease.lane.0,
        claimed: lease.claimed_at.as_microsecond(),
    }
}

pub(super) fn taken_over(taken: &TakenOver) -> told::TakenOver {
    let told::LeaseRef {
        job,
        attempt,
        token,
    } = lease_ref(taken.lease.key);
    told::TakenOver {
        job,
        attempt,
        token,
        last: history::Token(taken.last_token.0),
        from: history::WorkerId(taken.from.0),
        queue: history::QueueId(taken.lease.queue.0),
    }
}

pub(super) fn new_job(new: &NewJob) -> told::NewJob {
    let spec = new.spec();
    let backoff = spec.strategy().backoff();
    let micros = |span: std::time::Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    told::NewJob {
        queue: spec.queue_name().to_owned(),
        priority: spec.priority.get(),
        due: spec.scheduled_for.map(Timestamp::as_microsecond),
        held: new.is_held(),
        key: spec.idempotency_key.clone(),
        retries: spec.retries_allowed(),
        base: micros(backoff.base),
        most: micros(backoff.max),
    }
}

pub(super) fn aged(aged: Aged) -> told::Aged {
    told::Aged {
        job: job(aged.job),
        queue: history::QueueId(aged.queue.0),
        lane: aged.lane.0,
    }
}

pub(super) fn standing(status: LeaseStatus) -> told::Standing {
    let status = match status {
        LeaseStatus::Held => told::LeaseWord::Held,
        LeaseStatus::CancelRequested => told::LeaseWord::CancelRequested,
        LeaseStatus::Lost => told::LeaseWord::Lost,
    };
    told::Standing { status }
}

pub(super) fn fenced(outcome: FenceOutcome) -> told::Fenced {
    let outcome = match outcome {
        FenceOutcome::Stored => told::FenceWord::Stored,
        FenceOutcome::CancelRequested => told::FenceWord::CancelRequested,
        FenceOutcome::Lost => told::FenceWord::Lost,
        FenceOutcome::HostDisabled => told::FenceWord::HostDisabled,
        FenceOutcome::HostFull(_) => told::FenceWord::HostFull,
    };
    told::Fenced { outcome }
}

pub(super) fn finish(key: LeaseKey, record: &AttemptRecord, then: Disposition) -> told::Finish {
    let (then, delay) = match then {
        Disposition::Settle(TerminalState::Completed) => (told::Then::Completed, 0),
        Disposition::Settle(TerminalState::Failed) => (told::Then::Failed, 0),
        Disposition::Settle(TerminalState::TimedOut) => (told::Then::TimedOut, 0),
        Disposition::Settle(TerminalState::Cancelled) => (told::Then::Cancelled, 0),
        Disposition::RetryAfter(delay) => {
            let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
            (told::Then::Retry, micros)
        }
        Disposition::HandBack => (told::Then::HandBack, 0),
        Disposition::Lost => (told::Then::Lost, 0),
    };
    let class = record.error.as_ref().map(|error| match error.class {
        ErrorClass::Transient => told::ErrorClass::Transient,
        ErrorClass::Permanent => told::ErrorClass::Permanent,
        ErrorClass::Unknown => told::ErrorClass::Unknown,
    });
    let told::LeaseRef {
        job,
        attempt,
        token,
    } = lease_ref(key);
    told::Finish {
        job,
        attempt,
        token,
        started: record.started,
        class,
        then,
        delay,
    }
}

pub(super) fn finished(outcome: FinishOutcome) -> told::Finished {
    let outcome = match outcome {
        FinishOutcome::Finished => told::FinishWord::Finished,
        FinishOutcome::Cancelled => told::FinishWord::Cancelled,
        FinishOutcome::AlreadyFinished => told::FinishWord::AlreadyFinished,
        FinishOutcome::LeaseLost => told::FinishWord::LeaseLost,
        FinishOutcome::Illegal(_) => told::FinishWord::Illegal,
    };
    told::Finished { outcome }
}

pub(super) fn cancel(outcome: CancelOutcome) -> told::CancelAnswer {
    let (outcome, ended) = match outcome {
        CancelOutcome::Cancelled => (told::CancelWord::Cancelled, None),
        CancelOutcome::Requested => (told::CancelWord::Requested, None),
        CancelOutcome::AlreadyEnded(ended) => (told::CancelWord::AlreadyEnded, Some(ended)),
    };
    let state = ended.map(state);
    told::CancelAnswer { outcome, state }
}

pub(super) fn heartbeat(beat: Heartbeat) -> told::Beat {
    let outcome = match beat {
        Heartbeat::Alive { drain: false, .. } => told::HeartbeatWord::Alive,
        Heartbeat::Alive { drain: true, .. } => told::HeartbeatWord::Draining,
        Heartbeat::Fenced => told::HeartbeatWord::Fenced,
    };
    told::Beat { outcome }
}

pub(super) fn priority(job_id: JobId, priority: Priority) -> told::Reprioritise {
    told::Reprioritise {
        job: job(job_id),
        priority: priority.get(),
    }
}

pub(super) fn queue_fact(queue: &Queue) -> told::QueueFact {
    told::QueueFact {
        queue: history::QueueId(queue.id.0),
        name: queue.name.clone(),
        limit: queue.max_concurrent.map(|limit| limit.0),
        paused: queue.paused,
    }
}

fn state(state: State) -> history::JobState {
    state.as_str().parse().expect("both name the states alike")
}

/// Everything that a store counts of its jobs.
pub(super) async fn rest(store: &dyn Store) -> StoreResult<told::Rest> {
    let metrics = store.worker_metrics().await?;
    let settled = store.settled_counts().await?;
    let queues = store.queue_stats().await?;
    let mut listed = BTreeMap::new();
    for state in State::ALL {
        listed.insert(state, count_listed(store, state).await?);
    }
    let settled = |state| settled.get(&state).map_or(Some(0), |count| exact(*count));
    let listed = |state| listed.get(&state).copied().unwrap_or_default();
    Ok(told::Rest {
        counts: told::RestCounts {
            queue_depth: exact(metrics.queue_depth),
            ready_now: exact(metrics.ready_now),
            scheduled_future: exact(metrics.scheduled_future),
            launching: exact(metrics.launching),
            running: exact(metrics.running),
            launch_failed: exact(metrics.launch_failed),
            settled_completed: settled(State::Completed),
            settled_failed: settled(State::Failed),
            settled_timed_out: settled(State::TimedOut),
            settled_cancelled: settled(State::Cancelled),
        },
        listed: told::Listed {
            pending: listed(State::Pending),
            queued: listed(State::Queued),
            retrying: listed(State::Retrying),
            launching: listed(State::Launching),
            running: listed(State::Running),
            completed: listed(State::Completed),
            failed: listed(State::Failed),
            timed_out: listed(State::TimedOut),
            cancelled: listed(State::Cancelled),
        },
        queues: queues.iter().map(rest_queue).collect(),
    })
}

fn rest_queue(stats: &QueueStats) -> told::RestQueue {
    told::RestQueue {
        queue: history::QueueId(stats.queue.id.0),
        queue_depth: exact(stats.counts.queue_depth),
        ready_now: exact(stats.counts.ready_now),
        scheduled_future: exact(stats.counts.scheduled_future),
        launching: exact(stats.counts.launching),
        running: exact(stats.counts.running),
        workers: stats.workers,
        limit: stats.queue.max_concurrent.map(|limit| limit.0),
        paused: stats.queue.paused,
    }
}

fn exact(count: Count) -> Option<u64> {
    (!count.is_capped()).then_some(count.0)
}

async fn count_listed(store: &dyn Store, state: State) -> StoreResult<u64> {
    let mut filter = JobFilter {
        states: vec![state],
        limit: JobFilter::MAX_PAGE,
        ..JobFilter::default()
    };
    let mut jobs = 0;
    // Bounded by the jobs: each page begins below the one before.
    loop {
        let page = store.list_jobs(&filter).await?;
        jobs += page.jobs.len() as u64;
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return Ok(jobs),
        }
    }
}
