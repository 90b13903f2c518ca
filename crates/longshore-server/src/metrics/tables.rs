//! What the tables say at a scrape.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::Timestamp;
use longshore_core::host::{Host, UNSEEN_IS_LOST};
use longshore_core::queue::{Count, QueueStats};
use longshore_core::store::{Store, StoreResult, Worker};

use super::names;
use super::shared::Shared;
use super::text::Text;

/// How long the database may take: a scrape has to answer before whoever scrapes gives it up, by default
/// after 10 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hosts by what is known of them.
const HOST_STATES: [&str; 5] = [
    "reachable",
    "unreachable",
    "unseen",
    "disabled",
    "forgotten",
];

/// What the tables said last.
#[derive(Default)]
pub(crate) struct Tables(Shared<Arc<str>>);

struct Seen {
    now: Timestamp,
    queues: Vec<QueueStats>,
    workers: Vec<Worker>,
    hosts: Vec<Host>,
}

impl Tables {
    /// Their samples: read once for all who ask within a moment.
    pub async fn text(&self, store: &dyn Store) -> Arc<str> {
        self.0.get(async || read(store).await.into()).await
    }
}

async fn read(store: &dyn Store) -> String {
    match tokio::time::timeout(PATIENCE, see(store)).await {
        Ok(Ok(seen)) => written(Some(&seen)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a scrape without the tables");
            written(None)
        }
        Err(_late) => {
            tracing::warn!("a scrape without the tables: the database does not answer");
            written(None)
        }
    }
}

async fn see(store: &dyn Store) -> StoreResult<Seen> {
    // One after the other: a scrape takes one connection, whatever else is asked of the database.
    Ok(Seen {
        queues: store.queue_stats().await?,
        workers: store.workers(false).await?,
        hosts: store.hosts().await?,
        now: store.now().await?,
    })
}

fn written(seen: Option<&Seen>) -> String {
    let mut text = Text::default();
    let is_up = f64::from(u8::from(seen.is_some()));
    text.metric(&names::DATABASE_UP, [([], is_up)]);
    if let Some(seen) = seen {
        write_queues(&mut text, seen);
        write_workers(&mut text, &seen.workers);
        write_hosts(&mut text, seen);
    }
    text.finish()
}

fn write_queues(text: &mut Text, seen: &Seen) {
    let of_each = |value: fn(&QueueStats, Timestamp) -> f64| {
        let queues = seen.queues.iter();
        queues.map(move |stats| ([stats.queue.name.clone()], value(stats, seen.now)))
    };
    let depth = of_each(|stats, _| number(stats.counts.queue_depth));
    text.metric(&names::QUEUE_DEPTH, depth);
    let jobs = seen
        .queues
        .iter()
        .flat_map(|QueueStats { queue, counts, .. }| {
            let by_state = [
                ("due", counts.ready_now),
                ("later", counts.scheduled_future),
                ("launching", counts.launching),
                ("running", counts.running),
            ];
            by_state.map(|(state, count)| ([queue.name.clone(), state.to_owned()], number(count)))
        });
    text.metric(&names::QUEUE_JOBS, jobs);
    let oldest = of_each(|stats, now| {
        let since = stats.oldest_waiting_at;
        since.map_or(0.0, |since| {
            now.duration_since(since).as_secs_f64().max(0.0)
        })
    });
    text.metric(&names::QUEUE_OLDEST, oldest);
    let limited = seen.queues.iter().filter_map(|stats| {
        let limit = stats.queue.max_concurrent?;
        Some(([stats.queue.name.clone()], f64::from(limit.0)))
    });
    text.metric(&names::QUEUE_LIMIT, limited);
    let paused = of_each(|stats, _| f64::from(u8::from(stats.queue.paused)));
    text.metric(&names::QUEUE_PAUSED, paused);
    let workers = of_each(|stats, _| f64::from(stats.workers));
    text.metric(&names::QUEUE_WORKERS, workers);
}

fn write_workers(text: &mut Text, workers: &[Worker]) {
    let mut by_state = BTreeMap::from([("alive", 0), ("draining", 0), ("silent", 0)]);
    for worker in workers {
        let state = match (worker.alive, worker.draining) {
            (true, false) => "alive",
            (true, true) => "draining",
            (false, _) => "silent",
        };
        *by_state.entry(state).or_default() += 1;
    }
    let samples = by_state.into_iter();
    let samples = samples.map(|(state, count): (_, u32)| ([state.to_owned()], f64::from(count)));
    text.metric(&names::WORKERS, samples);
}

fn write_hosts(text: &mut Text, seen: &Seen) {
    let mut by_state: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for host in &seen.hosts {
        let executor = host.facts.executor.as_str();
        for state in HOST_STATES {
            by_state.entry((executor, state)).or_default();
        }
        *by_state
            .entry((executor, state_of(host, seen.now)))
            .or_default() += 1;
    }
    let samples = by_state.into_iter();
    let samples = samples.map(|((executor, state), count)| {
        let labels = [executor.to_owned(), state.to_owned()];
        (labels, f64::from(count))
    });
    text.metric(&names::HOSTS, samples);
}

fn state_of(host: &Host, now: Timestamp) -> &'static str {
    let unseen_for = Duration::try_from(now.duration_since(host.last_seen_at)).unwrap_or_default();
    if host.forgotten_at.is_some() {
        "forgotten"
    } else if host.problem.is_some() {
        "unreachable"
    } else if unseen_for >= UNSEEN_IS_LOST {
        "unseen"
    } else if host.enabled {
        "reachable"
    } else {
        "disabled"
    }
}

/// As a sample. Counting stops long before such a number loses anything.
fn number(Count(count): Count) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
