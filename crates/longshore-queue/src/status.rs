//! What a worker is doing right now: [`WorkerStatus`], shown on SIGUSR1.

use std::fmt;
use std::time::Duration;

use longshore_core::queue::WorkerMetrics;
use longshore_core::spec::format_duration;
use longshore_core::{AttemptNumber, JobId, WorkerId};

use crate::report::WorkerReport;

/// How far a live attempt has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Its container has not been started.
    Launching,
    /// Its container runs.
    Running,
    /// Its container has ended; its end is being stored.
    Finishing,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Launching => "launching",
            Self::Running => "running",
            Self::Finishing => "finishing",
        })
    }
}

/// One attempt that a worker supervises.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunningJob {
    /// The job.
    pub job: JobId,
    /// Which attempt of it.
    pub attempt: AttemptNumber,
    /// Its queue.
    pub queue: String,
    /// How far it has come.
    pub phase: Phase,
    /// The host that it was placed on; none before that.
    pub host: Option<String>,
    /// Since it was acquired.
    pub elapsed: Duration,
}

/// What a worker is doing right now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerStatus {
    /// Its id in the store.
    pub worker: WorkerId,
    /// What people call it.
    pub name: String,
    /// The queues that it serves.
    pub queues: Vec<String>,
    /// The most jobs at once.
    pub max_concurrent: u32,
    /// What it supervises.
    pub running: Vec<RunningJob>,
    /// What became of the rest so far.
    pub so_far: WorkerReport,
    /// Counts over all queues, or why they could not be read.
    pub metrics: Result<WorkerMetrics, String>,
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, name, queues) = (self.worker, &self.name, self.queues.join(", "));
        let (live, most) = (self.running.len(), self.max_concurrent);
        writeln!(
            f,
            "worker {id} ({name}), queues {queues}: {live} of {most} slots taken"
        )?;
        for job in &self.running {
            let (job_id, attempt, queue) = (job.job, job.attempt, &job.queue);
            let (phase, elapsed) = (job.phase, format_duration(job.elapsed));
            let host = job.host.as_ref();
            let host = host.map_or_else(String::new, |host| format!(", on {host}"));
            writeln!(
                f,
                "  job {job_id} attempt {attempt} ({queue}): {phase} for {elapsed}{host}"
            )?;
        }
        let so_far = &self.so_far;
        writeln!(
            f,
            "so far: {} acquired, {} completed, {} failed, {} timed out, {} cancelled, {} retried; \
             collisions: {}",
            so_far.acquired,
            so_far.completed,
            so_far.failed,
            so_far.timed_out,
            so_far.cancelled,
            so_far.retried,
            so_far.contention,
        )?;
        match &self.metrics {
            Ok(metrics) => write!(
                f,
                "all queues: {} waiting ({} ready, {} later), {} launching, {} running, {} failed \
                 to launch",
                metrics.queue_depth,
                metrics.ready_now,
                metrics.scheduled_future,
                metrics.launching,
                metrics.running,
                metrics.launch_failed,
            ),
            Err(why) => write!(f, "all queues: unknown ({why})"),
        }
    }
}
