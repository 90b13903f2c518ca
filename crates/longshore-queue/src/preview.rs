//! What a worker would take next (`--dry-run`): reading only, and a guess as soon as it is read.

use longshore_core::State;
use longshore_core::limit::room;
use longshore_core::queue::QueueStats;
use longshore_core::store::{JobFilter, JobSummary, Reading as _, Registry as _, Store as _};

use crate::config::WorkerConfig;
use crate::error::QueueError;
use crate::retrying::Retrying;

/// The most pages that are read of one queue: its first jobs are on the last page, since lists
/// begin with the newest.
const MAX_PAGES: u32 = 100;

/// The jobs that a worker with free hands would acquire in its first round, in order.
///
/// Within a priority it goes by the jobs' ids, which is the order of a line but for jobs that
/// came back into it. Of a queue with more than 100,000 waiting jobs it sees the newest of them.
pub(crate) async fn preview(
    store: &Retrying,
    config: &WorkerConfig,
    kinds: &[&'static str],
) -> Result<Vec<JobSummary>, QueueError> {
    let now = store.now().await?;
    let mut all = store.queue_stats().await?;
    let mut chosen: Vec<QueueStats> = Vec::new();
    for name in &config.queues {
        let queue = store.queue(name).await?;
        if !kinds.contains(&queue.executor.as_str()) {
            let (queue, executor, have) = (queue.name, queue.executor, kinds.to_vec());
            return Err(QueueError::NoExecutor {
                queue,
                executor,
                have,
            });
        }
        chosen.extend(
            all.iter()
                .position(|stats| stats.queue.id == queue.id)
                .map(|at| all.swap_remove(at)),
        );
    }
    if config.queues.is_empty() {
        all.retain(|stats| kinds.contains(&stats.queue.executor.as_str()));
        chosen = all;
    }
    let mut taken = Vec::new();
    let mut free = config.max_concurrent;
    for stats in chosen {
        if free == 0 || stats.queue.paused {
            continue;
        }
        let leases = stats.counts.launching.0 + stats.counts.running.0;
        let leases = u32::try_from(leases).unwrap_or(u32::MAX);
        let room = room(free, leases, stats.queue.max_concurrent, None);
        let mut line = waiting(store, &stats.queue.name).await?;
        line.retain(|job| job.due_at.is_none_or(|due| due <= now));
        line.sort_by_key(|job| (std::cmp::Reverse(job.priority), job.id));
        line.truncate(room as usize);
        free -= u32::try_from(line.len()).unwrap_or(free);
        taken.extend(line);
    }
    Ok(taken)
}

async fn waiting(store: &Retrying, queue: &str) -> Result<Vec<JobSummary>, QueueError> {
    let mut filter = JobFilter {
        states: vec![State::Queued, State::Retrying],
        queue: Some(queue.to_owned()),
        limit: JobFilter::MAX_PAGE,
        ..JobFilter::default()
    };
    let mut jobs = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = store.list_jobs(&filter).await?;
        jobs.extend(page.jobs);
        filter.before = page.next;
        if page.next.is_none() {
            break;
        }
    }
    Ok(jobs)
}
