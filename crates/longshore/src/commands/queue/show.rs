//! Queues as people see them.

use longshore_core::Timestamp;
use longshore_core::queue::{Queue, QueueStats};
use longshore_core::spec::format_duration;
use longshore_core::store::Store;

use crate::exit::Refused;
use crate::output::table::{self, Column, Table};
use crate::output::{Out, words};

/// A queue with its counts.
pub(super) async fn stats_of(store: &dyn Store, name: &str) -> anyhow::Result<QueueStats> {
    // The store's own error for an unknown name suggests another.
    let queue = store.queue(name).await?;
    let all = store.queue_stats().await?;
    all.into_iter()
        .find(|stats| stats.queue.id == queue.id)
        .ok_or_else(|| Refused::failed(format!("queue {name:?} is gone")).into())
}

/// Queues and their counts, as a table.
pub fn write_table(out: &mut Out, queues: &[QueueStats]) -> anyhow::Result<()> {
    use Column::{Numbers, Words};
    let columns = [
        Words("QUEUE"),
        Words("EXECUTOR"),
        Numbers("LIMIT"),
        Numbers("WAITING"),
        Numbers("DUE"),
        Numbers("LATER"),
        Numbers("LAUNCHING"),
        Numbers("RUNNING"),
        Numbers("WORKERS"),
        Words("PAUSED"),
    ];
    let mut table = Table::new(out, &columns);
    for QueueStats {
        queue,
        counts,
        workers,
        ..
    } in queues
    {
        table.row([
            table::cell(&queue.name),
            table::cell(&queue.executor),
            table::optional(queue.max_concurrent.map(|limit| limit.0)),
            table::cell(counts.queue_depth),
            table::cell(counts.ready_now),
            table::cell(counts.scheduled_future),
            table::cell(counts.launching),
            table::cell(counts.running),
            table::cell(workers),
            table::cell(if queue.paused { "yes" } else { words::NONE }),
        ]);
    }
    table.write(out)
}

/// One queue, in full.
pub(super) fn write_facts(out: &mut Out, stats: &QueueStats, now: Timestamp) -> anyhow::Result<()> {
    let QueueStats {
        queue,
        counts,
        workers,
        oldest_waiting_at,
    } = stats;
    let oldest = oldest_waiting_at.map(|since| words::time_and_age(since, now));
    let facts = [
        ("queue", Some(queue.name.clone())),
        ("executor", Some(queue.executor.clone())),
        ("hosts", selector_words(queue)),
        ("limit", Some(limit_words(queue))),
        (
            "paused",
            Some(if queue.paused { "yes" } else { "no" }.to_owned()),
        ),
        ("ageing", queue.ageing.map(format_duration)),
        ("waiting", Some(counts.queue_depth.to_string())),
        ("due", Some(counts.ready_now.to_string())),
        ("oldest", oldest),
        ("later", Some(counts.scheduled_future.to_string())),
        ("launching", Some(counts.launching.to_string())),
        ("running", Some(counts.running.to_string())),
        ("workers", Some(workers.to_string())),
    ];
    table::facts(out, &facts)
}

/// The labels that it asks of its hosts.
pub(super) fn selector_words(queue: &Queue) -> Option<String> {
    let labels = queue.host_selector.iter();
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!labels.is_empty()).then(|| labels.join(" "))
}

/// Its limit.
pub(super) fn limit_words(queue: &Queue) -> String {
    match queue.max_concurrent {
        Some(limit) => format!("at most {} at once", limit.0),
        None => "no limit".to_owned(),
    }
}
