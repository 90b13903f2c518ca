//! A workbench: work on a queue in this process, one job at a time, for as long as one job of it
//! needs, and only while no worker serves the queue.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::executor::Executor;
use longshore_core::store::{Reading as _, Registry as _, StoreError, StoreResult, Worker};
use longshore_core::{JobId, State};
use longshore_queue::{QueueError, QueueManager, Retrying, WorkerConfig};

use crate::args::EngineArgs;
use crate::commands::worker::with_machine;
use crate::context::Context;
use crate::executors;
use crate::follow::POLL;
use crate::output;

/// For how long taking a job is repeated while the database is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// While workers serve the queue, how often to look whether they are still there.
const LOOK_FOR_WORKERS: Duration = Duration::from_secs(1);

/// Whether a worker is alive that takes jobs of this queue. A bench registers as serving none.
pub async fn is_served(store: &Retrying, queue: &str) -> StoreResult<bool> {
    let workers = store.workers(false).await?;
    Ok(workers.iter().any(|worker| serves(worker, queue)))
}

fn serves(worker: &Worker, queue: &str) -> bool {
    worker.alive && !worker.draining && worker.queues.iter().any(|name| name == queue)
}

/// Work on a queue for one job's sake. Registered when the first job is taken, if ever.
pub struct Bench {
    pub manager: QueueManager,
    queue: String,
    job: JobId,
}

/// What there is to do here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Look {
    /// Nothing: the job is not due, or something runs here, or the database is away.
    Nothing,
    /// Workers serve the queue.
    Others,
    /// Take the next job.
    Take,
}

impl Bench {
    /// A bench that nobody knows of yet.
    pub async fn new(
        context: &Context,
        engines: &EngineArgs,
        store: &Retrying,
        queue: String,
        job: JobId,
    ) -> anyhow::Result<Self> {
        let mut config = WorkerConfig {
            queues: vec![queue.clone()],
            occasional: true,
            max_concurrent: 1,
            ..WorkerConfig::default()
        };
        config.name.clear();
        with_machine(&mut config).await?;
        // An engine is asked only where the job needs one.
        let executors = if store.queue(&queue).await?.executor == longshore_process::KIND {
            vec![Arc::new(executors::process()) as Arc<dyn Executor>]
        } else {
            executors::to_work_with(&context.config.docker, engines).await?
        };
        let manager = QueueManager::new(store.clone(), executors, config)?;
        Ok(Self {
            manager,
            queue,
            job,
        })
    }

    /// Takes jobs while the one that matters is due, no worker serves its queue and nothing runs
    /// here: so that nothing else is begun that it would have to wait for. Returns when this
    /// process can't work on them.
    /// Cancellation-safe: what was acquired is launched or handed back all the same.
    pub async fn work(&self, store: &Retrying) -> anyhow::Result<()> {
        loop {
            let pause = match self.look(store).await {
                Ok(Look::Nothing) => POLL,
                Ok(Look::Others) => LOOK_FOR_WORKERS,
                Ok(Look::Take) => {
                    if !self.take().await? {
                        return Ok(());
                    }
                    POLL
                }
                // The follower meets it too, and says it.
                Err(error) if passes(&error) => POLL,
                Err(error) => return Err(error.into()),
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn look(&self, store: &Retrying) -> StoreResult<Look> {
        if self.manager.running().await > 0 || !self.is_due(store).await? {
            return Ok(Look::Nothing);
        }
        if is_served(store, &self.queue).await? {
            return Ok(Look::Others);
        }
        Ok(Look::Take)
    }

    /// Takes the next job, if there is one. False if this process can't work on the queue.
    async fn take(&self) -> anyhow::Result<bool> {
        let acquired = self
            .manager
            .acquire_next_job(&self.queue, ACQUIRE_TIMEOUT)
            .await;
        match acquired {
            // What a failed launch leads to is the retry policy's to say; the follower shows what
            // came of it.
            Ok(Some(acquired)) => drop(acquired.launch().await),
            Ok(None) => {}
            Err(error @ (QueueError::NoExecutor { .. } | QueueError::WrongHost { .. })) => {
                output::talk(&format!("job {} waits for a worker: {error}", self.job));
                return Ok(false);
            }
            Err(QueueError::Store(error)) if passes(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    async fn is_due(&self, store: &Retrying) -> StoreResult<bool> {
        let summary = store.show_job(self.job).await?.summary;
        let waits = matches!(summary.state, State::Queued | State::Retrying);
        Ok(waits && summary.due_at.is_none())
    }
}

/// Whether looking again later can help.
fn passes(error: &StoreError) -> bool {
    error.is_transient() || error.is_unavailable()
}
