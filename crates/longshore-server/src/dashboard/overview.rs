//! The first page: what waits and runs, and what went wrong lately.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as With;
use longshore_core::State;
use longshore_core::queue::{Count, QueueStats, WorkerMetrics};
use longshore_core::store::{JobFilter, Worker};

use super::jobs::Row;
use super::page::{Page, Shown, shown};
use super::pulse::Chart;
use super::queues::QueueRow;
use super::session::Visitor;
use super::words::When;
use crate::app::App;

/// Jobs in each of the short lists.
const SHORT: u32 = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    page: Page,
    metrics: WorkerMetrics,
    chart: Chart,
    completed: Count,
    failed: Count,
    /// When the job that waits longest began to.
    oldest: Option<When>,
    workers: usize,
    draining: usize,
    busy: u32,
    capacity: u32,
    queues: Vec<QueueRow>,
    live: Vec<Row>,
    wrong: Vec<Row>,
}

pub(super) async fn show(With(app): With<Arc<App>>, visitor: Visitor) -> Shown {
    let store = &app.store;
    let of = |states: &[State]| JobFilter {
        states: states.to_vec(),
        limit: SHORT,
        ..JobFilter::default()
    };
    let (live, wrong) = (
        of(&[State::Running, State::Launching]),
        of(&[State::Failed, State::TimedOut]),
    );
    let (now, metrics, settled, queues, workers, live, wrong) = tokio::try_join!(
        store.now(),
        store.worker_metrics(),
        store.settled_counts(),
        store.queue_stats(),
        store.workers(false),
        store.list_jobs(&live),
        store.list_jobs(&wrong),
    )?;
    let alive = || workers.iter().filter(|worker| worker.alive);
    let oldest = queues.iter().filter_map(|queue| queue.oldest_waiting_at);
    let settled = |state| settled.get(&state).copied().unwrap_or_default();
    let hour = app.pulse.last_hour(&**store).await;
    shown(&Overview {
        chart: Chart::of(&hour),
        page: Page::new("Overview", "overview", &visitor),
        metrics,
        completed: settled(State::Completed),
        failed: Count(settled(State::Failed).0 + settled(State::TimedOut).0),
        oldest: When::maybe(oldest.min(), now),
        workers: alive().count(),
        draining: alive().filter(|worker| worker.draining).count(),
        busy: sum(alive(), |worker| worker.live),
        capacity: sum(alive(), |worker| worker.capacity),
        queues: busy(&queues)
            .map(|queue| QueueRow::new(queue, now))
            .collect(),
        live: live.jobs.iter().map(|job| Row::new(job, now)).collect(),
        wrong: wrong.jobs.iter().map(|job| Row::new(job, now)).collect(),
    })
}

fn sum<'w>(workers: impl Iterator<Item = &'w Worker>, of: fn(&Worker) -> u32) -> u32 {
    workers.map(of).fold(0, u32::saturating_add)
}

/// Queues in which something waits or runs.
fn busy(queues: &[QueueStats]) -> impl Iterator<Item = &QueueStats> {
    queues.iter().filter(|queue| {
        let counts = queue.counts;
        [counts.queue_depth, counts.launching, counts.running] != [Count(0); 3]
    })
}
