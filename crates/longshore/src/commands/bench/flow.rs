//! A steady flow: a line that is kept as long as it was while a worker takes jobs from its head.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::JobId;
use longshore_core::queue::QueueChange;
use longshore_core::store::{NewJob, Registry as _, Store as _, Submissions as _};
use longshore_history::{Expectation, ExpectedEnd, ExpectedRuns, JobId as RunJob};
use longshore_queue::{GracefulShutdown, Until, WorkerConfig};

use super::crew;
use super::drain::{SUBMIT_BATCH, job, make_queue};
use super::noop::Told;
use super::scratch::{self, Scratch};
use super::witness::{self, WitnessFile};
use crate::exit::Refused;

/// The line is filled up again whenever so many have ended.
const REFILL: usize = 200;

/// Jobs that are not counted.
const WARM_UP: u64 = 1000;

/// The queue's name.
const QUEUE: &str = "bench";

/// A flow.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// How many jobs wait.
    pub backlog: u32,
    /// Until when it is measured.
    pub until: Long,
    /// The most jobs that the worker runs at once.
    pub max_concurrent: u32,
    /// Whether another transaction holds a snapshot of the time before the first job was taken.
    pub is_pinned: bool,
}

/// How long a flow is measured.
#[derive(Clone, Copy, Debug)]
pub enum Long {
    /// For so many jobs.
    Jobs(u64),
    /// For so long.
    Time(Duration),
}

/// Lets it flow, and judges it; returns jobs per second.
pub async fn measure(scratch: &Scratch, flow: &Flow) -> anyhow::Result<f64> {
    make_queue(scratch, QUEUE, None).await?;
    pause(scratch, true).await?;
    let job = job(QUEUE)?;
    let mut jobs = Vec::with_capacity(flow.backlog as usize);
    while jobs.len() < flow.backlog as usize {
        let now = SUBMIT_BATCH.min(flow.backlog as usize - jobs.len());
        submit(scratch, &job, now, &mut jobs).await?;
    }
    let held = if flow.is_pinned {
        Some(scratch.hold_snapshot().await?)
    } else {
        None
    };

    let told = Told::default();
    let config = WorkerConfig {
        until: Until::Stopped,
        ..crew::config(
            QUEUE.to_owned(),
            vec![QUEUE.to_owned()],
            flow.max_concurrent,
        )
    };
    // Of its own connections, as another process has them.
    let store = scratch.open_another().await?;
    let witnessed = Arc::new(WitnessFile::alone(&scratch.witness())?);
    let worker = crew::worker(store.clone(), config, &witnessed, told.clone())?;
    let shutdown = GracefulShutdown::new();
    let ending = shutdown.clone();
    let works = tokio::spawn(async move { worker.run(&ending).await });

    pause(scratch, false).await?;
    let rate = keep_up(scratch, flow, &job, &told, &mut jobs).await;
    shutdown.drain();
    let ended = works.await?;
    store.close().await;
    drop(held);
    let rate = rate?;
    ended?;

    let ended = usize::try_from(*told.ended.borrow()).unwrap_or(usize::MAX);
    scratch::audit(scratch.store()).await?;
    witnessed.written()?;
    witness::judge(&scratch.witness(), &expected(&jobs, ended, flow)?)?;
    Ok(rate)
}

/// Submits as many as end, and measures once it is under way.
async fn keep_up(
    scratch: &Scratch,
    flow: &Flow,
    job: &NewJob,
    told: &Told,
    jobs: &mut Vec<JobId>,
) -> anyhow::Result<f64> {
    let mut ended = told.ended.subscribe();
    let mut began = None;
    loop {
        let filled = (jobs.len() - flow.backlog as usize + REFILL) as u64;
        let now = *ended.wait_for(|ended| *ended >= filled).await?;
        match began {
            None if now >= WARM_UP => began = Some((now, Instant::now())),
            None => {}
            Some((first, since)) => {
                let is_over = match flow.until {
                    Long::Jobs(count) => now - first >= count,
                    Long::Time(time) => since.elapsed() >= time,
                };
                if is_over {
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "far below what a float counts"
                    )]
                    return Ok((now - first) as f64 / since.elapsed().as_secs_f64());
                }
            }
        }
        submit(scratch, job, REFILL, jobs).await?;
    }
}

/// What must have run: the head of the line, once each. Of the last that were taken some may have been
/// handed back.
fn expected(jobs: &[JobId], ended: usize, flow: &Flow) -> anyhow::Result<Expectation> {
    let most = flow.max_concurrent as usize;
    if ended > jobs.len() {
        let problem = format!("{ended} jobs ended of {}: this is no result", jobs.len());
        return Err(Refused::failed(problem).into());
    }
    let sure = ended.saturating_sub(most);
    let mut expectation = Expectation::each_once(jobs[..sure].iter().map(|job| RunJob(job.0)));
    for job in &jobs[sure..jobs.len().min(ended + most)] {
        let runs = ExpectedRuns {
            at_least: 0,
            at_most: 1,
        };
        expectation = expectation.with_job(RunJob(job.0), runs, ExpectedEnd::Any);
    }
    Ok(expectation)
}

async fn submit(
    scratch: &Scratch,
    job: &NewJob,
    count: usize,
    jobs: &mut Vec<JobId>,
) -> anyhow::Result<()> {
    let submitted = scratch.store().submit(&vec![job.clone(); count]).await?;
    jobs.extend(submitted.iter().map(|submitted| submitted.job));
    Ok(())
}

async fn pause(scratch: &Scratch, paused: bool) -> anyhow::Result<()> {
    let change = QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    scratch.store().change_queue(QUEUE, &change).await?;
    Ok(())
}
