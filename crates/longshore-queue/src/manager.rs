//! The queue as a library: [`QueueManager`].
//!
//! Owns the names that users of the earlier system look for, and a worker's registration that is
//! made when the first job is acquired. Never launches more than it was asked to.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use longshore_core::JobId;
use longshore_core::executor::Executor;
use longshore_core::limit::Limit;
use longshore_core::queue::{QueueStats, WorkerMetrics};
use longshore_core::store::{
    NewJob, Reading as _, Registry as _, StoreResult, Submissions as _, Submitted,
};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::acquired::AcquiredJob;
use crate::config::{ConfigError, WorkerConfig};
use crate::crew::Crew;
use crate::error::QueueError;
use crate::liveness::BootClock;
use crate::report::WorkerReport;
use crate::retrying::Retrying;
use crate::served::Served;
use crate::shift::Going;
use crate::shutdown::GracefulShutdown;

/// A job that was acquired and could not be started.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("job {job}: {problem}")]
pub struct LaunchFailure {
    /// The job. Whether it is tried again is its retry policy's to say.
    pub job: JobId,
    /// Why.
    pub problem: String,
}

impl LaunchFailure {
    /// Nobody is left who would launch it.
    pub(crate) fn given_up(job: JobId) -> Self {
        let problem = "the queue manager ended before it was launched".to_owned();
        Self { job, problem }
    }
}

/// What came of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BatchResult {
    /// How many jobs were started. They go on in the background.
    pub launched: u32,
    /// The jobs that were acquired and could not be started.
    pub errors: Vec<LaunchFailure>,
}

impl BatchResult {
    /// How many jobs were acquired.
    pub fn acquired(&self) -> usize {
        self.launched as usize + self.errors.len()
    }
}

/// The queue as a library, over any store and any executors.
///
/// It supervises what it launches in tasks of its own, under one registered worker. Call
/// [`QueueManager::close`] at the end: a manager that is dropped instead leaves its leases to
/// recovery.
pub struct QueueManager {
    store: Retrying,
    executors: Vec<Arc<dyn Executor>>,
    config: Arc<WorkerConfig>,
    clock: BootClock,
    desk: Mutex<Desk>,
    /// Crews that were fenced, on their way out.
    fenced: std::sync::Mutex<JoinSet<WorkerReport>>,
}

/// Who launches.
enum Desk {
    /// Nobody yet: nothing was asked for.
    Idle,
    /// A registered worker.
    Open(Arc<Crew>),
    /// Nobody any more.
    Closed,
}

impl QueueManager {
    /// A manager that has not spoken to anyone yet. Of the configuration it uses what concerns
    /// leases, output, retention and shutdown; how much is launched is said with each call.
    pub fn new(
        store: impl Into<Retrying>,
        executors: Vec<Arc<dyn Executor>>,
        config: WorkerConfig,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            store: store.into(),
            executors,
            config: Arc::new(config),
            clock: BootClock::of_machine(),
            desk: Mutex::new(Desk::Idle),
            fenced: std::sync::Mutex::default(),
        })
    }

    /// The store, with contention retried.
    pub fn store(&self) -> &Retrying {
        &self.store
    }

    /// Submits jobs: all of them or none.
    pub async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        self.store.submit(jobs).await
    }

    /// Puts a pending job into its queue.
    pub async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        self.store.queue_job(job).await
    }

    /// Takes a waiting job out of its queue.
    pub async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        self.store.dequeue_job(job).await
    }

    /// Gives a job that failed, or that waits for a retry, another attempt now.
    pub async fn retry_failed_job(&self, job: JobId) -> StoreResult<()> {
        self.store.retry_job(job).await
    }

    /// Counts over all queues.
    pub async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        self.store.worker_metrics().await
    }

    /// Every queue with its counts.
    pub async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        self.store.queue_stats().await
    }

    /// How many attempts run under this manager.
    pub async fn running(&self) -> usize {
        match &*self.desk.lock().await {
            Desk::Open(crew) => crew.shift.roll.live_count(),
            Desk::Idle | Desk::Closed => 0,
        }
    }

    /// Takes the next job of a queue, if there is one within its limits. It must be launched or
    /// handed back; dropped, it goes back after the next heartbeat.
    ///
    /// `timeout` bounds how long a contended acquisition is repeated. Cancellation-safe: what was
    /// acquired for a caller who is gone is handed back.
    pub async fn acquire_next_job(
        &self,
        queue: &str,
        timeout: Duration,
    ) -> Result<Option<AcquiredJob>, QueueError> {
        let (crew, served) = self.crew_for(queue).await?;
        let acquired = crew.shift.acquire(&served, 1, None, timeout).await?;
        let acquired = acquired.ok_or_else(|| takes_nothing_more(&crew))?;
        let held = acquired.jobs.into_iter().next();
        Ok(held.map(|held| AcquiredJob::new(held, served, crew)))
    }

    /// Acquires as many jobs of a queue as its own limit and `max_concurrent` leave room for, and
    /// launches each. Returns when each has started or failed to; those that started are
    /// supervised in the background.
    ///
    /// `max_concurrent` bounds the queue's live jobs, whoever launched them, at every instant:
    /// callers who pass the same number never pass it together. `timeout` bounds how long a
    /// contended acquisition is repeated. Cancellation-safe: what was acquired is launched or
    /// handed back all the same.
    pub async fn launch_next_batch(
        &self,
        queue: &str,
        max_concurrent: u32,
        timeout: Duration,
    ) -> Result<BatchResult, QueueError> {
        let (crew, served) = self.crew_for(queue).await?;
        launch_batch(&crew, &served, max_concurrent, timeout).await
    }

    /// Launches batches until nothing of the queue waits or runs, or until told to stop. What runs
    /// when it is told to goes on. When it can't go on, the error says what it had launched.
    pub async fn process_queue(
        &self,
        queue: &str,
        max_concurrent: u32,
        shutdown: &GracefulShutdown,
    ) -> Result<BatchResult, QueueError> {
        let mut total = BatchResult::default();
        let processed = self.process(queue, max_concurrent, shutdown, &mut total);
        match processed.await {
            Ok(()) => Ok(total),
            Err(error) if total.acquired() == 0 => Err(error),
            Err(error) => Err(QueueError::Interrupted {
                so_far: total,
                source: Box::new(error),
            }),
        }
    }

    async fn process(
        &self,
        queue: &str,
        max_concurrent: u32,
        shutdown: &GracefulShutdown,
        total: &mut BatchResult,
    ) -> Result<(), QueueError> {
        while !shutdown.is_draining() {
            let (crew, served) = self.crew_for(queue).await?;
            let mut look = crew.shift.look.listen();
            let timeout = self.config.acquire_timeout;
            let batch = match launch_batch(&crew, &served, max_concurrent, timeout).await {
                Err(QueueError::Fenced) => continue, // Under a fresh id.
                batch => batch?,
            };
            let found_some = batch.acquired() > 0;
            total.launched += batch.launched;
            total.errors.extend(batch.errors);
            if found_some {
                continue;
            }
            let stats = self.store.queue_stats().await?;
            let mine = stats.iter().find(|stats| stats.queue.id == served.queue.id);
            if mine.is_none_or(|stats| crate::worker::is_empty(&stats.counts)) {
                break;
            }
            let poll = self
                .config
                .poll_interval
                .mul_f64(rand::random_range(0.75..=1.0));
            tokio::select! {
                () = look.rung() => {}
                () = sleep(poll) => {}
                () = shutdown.draining() => {}
            }
        }
        Ok(())
    }

    /// Drains: launches nothing more, hands back what was not launched yet, gives what runs the
    /// configured shutdown time, then hands it over or stops it, and says goodbye. Returns what
    /// became of everything.
    pub async fn close(&self) -> WorkerReport {
        self.close_with(&GracefulShutdown::new()).await
    }

    /// The same, with a way to cut the grace time short.
    pub async fn close_with(&self, shutdown: &GracefulShutdown) -> WorkerReport {
        let desk = std::mem::replace(&mut *self.desk.lock().await, Desk::Closed);
        let mut total = match desk {
            Desk::Open(crew) => end(crew, shutdown).await,
            Desk::Idle | Desk::Closed => WorkerReport::default(),
        };
        let mut fenced = std::mem::take(&mut *self.fenced());
        while let Some(ended) = fenced.join_next().await {
            match ended {
                Ok(report) => total.add(&report),
                Err(error) => tracing::error!(error = %error, "a fenced crew's end panicked"),
            }
        }
        total.contention = self.store.contention();
        total
    }

    fn fenced(&self) -> std::sync::MutexGuard<'_, JoinSet<WorkerReport>> {
        // A join set stays whole when a spawn panics.
        self.fenced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The registered worker, and where the queue's jobs run. Another is registered in the place
    /// of one that was fenced, whose end nobody has to wait for.
    async fn crew_for(&self, queue: &str) -> Result<(Arc<Crew>, Arc<Served>), QueueError> {
        let mut desk = self.desk.lock().await;
        if let Desk::Open(crew) = &*desk
            && crew.shift.going() == Going::Fenced
        {
            let crew = Arc::clone(crew);
            *desk = Desk::Idle;
            self.fenced()
                .spawn(async move { end(crew, &GracefulShutdown::new()).await });
        }
        let crew = match &*desk {
            Desk::Open(crew) if crew.shift.going() == Going::On => Arc::clone(crew),
            Desk::Open(crew) => return Err(takes_nothing_more(crew)),
            Desk::Closed => return Err(QueueError::ShuttingDown),
            Desk::Idle => {
                let (store, clock) = (&self.store, &self.clock);
                let crew = Crew::begin(store, &self.executors, &self.config, clock).await?;
                let crew = Arc::new(crew);
                *desk = Desk::Open(Arc::clone(&crew));
                crew
            }
        };
        drop(desk);
        let known = crew
            .shift
            .served()
            .into_iter()
            .find(|served| served.queue.name == queue);
        let served = match known {
            Some(served) => served,
            // Made after we registered, or not among those that were named.
            None => Arc::new(crew.shift.machines.serve(self.store.queue(queue).await?)?),
        };
        Ok((crew, served))
    }
}

/// Ends a crew, and says what became of everything that it had.
async fn end(crew: Arc<Crew>, shutdown: &GracefulShutdown) -> WorkerReport {
    crew.drain(shutdown).await;
    let mut report = crew.shift.report();
    if crew.shift.going() == Going::Fenced {
        report.fenced += 1;
    }
    report
}

/// Why a crew acquires nothing more.
fn takes_nothing_more(crew: &Crew) -> QueueError {
    match crew.shift.going() {
        Going::On | Going::AskedToDrain | Going::Draining => QueueError::ShuttingDown,
        Going::Fenced => QueueError::Fenced,
        Going::Faulted(text) => QueueError::Defect(text),
    }
}

/// Acquires and launches, and waits until each launch is decided.
async fn launch_batch(
    crew: &Crew,
    served: &Arc<Served>,
    max_concurrent: u32,
    timeout: Duration,
) -> Result<BatchResult, QueueError> {
    let limit = Some(Limit(max_concurrent));
    let acquired = crew
        .shift
        .acquire(served, max_concurrent, limit, timeout)
        .await?
        .ok_or_else(|| takes_nothing_more(crew))?;
    let mut waiting = Vec::with_capacity(acquired.jobs.len());
    for (lease, orders) in acquired.jobs {
        let job = lease.key.job;
        let (started, answer) = oneshot::channel();
        crew.take(served, (lease, orders), None, Some(started));
        waiting.push((job, answer));
    }
    let mut result = BatchResult::default();
    for (job, answer) in waiting {
        match answer
            .await
            .unwrap_or_else(|_| Err(LaunchFailure::given_up(job)))
        {
            Ok(()) => result.launched += 1,
            Err(failure) => result.errors.push(failure),
        }
    }
    Ok(result)
}
