//! awa 0.6: docs/configuration.md, docs/benchmarking.md and README.md of hardbyte/awa at v0.6.5,
//! and the rustdoc of the crates at 0.6.9.
//!
//! * README, "Benchmarks": the direct COPY path, `QueueStorage::enqueue_params_copy`, is the one
//!   for high-volume producers. One job is `insert_with`, as in docs/getting-started-rust.md.
//! * configuration, "Hot-Queue Claim Control": `enqueue_shards = 4` is "the change that turns
//!   overload into bounded end-to-end throughput" for one hot queue; one claimer; a claim batch of
//!   512; 1,024 workers for no-op jobs, which also selects four completion shards. Completion
//!   batches are left at their defaults (512 jobs, 1 ms): "that pairing is what moves the lower WAL
//!   budget into durable throughput".
//! * awa's own adapter in hardbyte/postgresql-job-queue-benchmarking: `poll_interval` is 50 ms. A
//!   worker waits for it once, at its start; later jobs are notified.
//! * rustdoc of `QueueStorageConfig::lease_claim_receipts` and configuration, "Queue
//!   configuration": a `deadline_duration` of zero is "the zero-deadline hot path". Jobs of crashed
//!   workers are still rescued, by their heartbeats.
//! * benchmarking, "Tuning guidelines": a pool of at least four connections a queue and 20.
//!
//! Completed jobs are kept for as long as the ring of segments takes to come round (16 segments of
//! 1 s by default), and after that as a count: configuration, "Retention and cleanup" and "What the
//! knobs mean". A job of the beginning of a long drain is thus gone at its end.
//!
//!     compare-awa URL drain   --jobs N
//!     compare-awa URL submit  --jobs N --batch B --clients C
//!     compare-awa URL latency --jobs N --pause-ms P [--jitter-ms J]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use awa::model::insert::params_with;
use awa::{AwaError, Client, InsertOpts, JobArgs, JobResult, QueueConfig, QueueStorage, QueueStorageConfig};
use awa::{insert_with, migrations};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::{Notify, mpsc};

const QUEUE: &str = "noop";

/// Ordered lanes of the queue.
const ENQUEUE_SHARDS: i16 = 4;

/// Jobs that run at once.
const MAX_WORKERS: u32 = 1024;

/// How long a worker waits at most before it looks for jobs, at its start, too.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Connections of the worker.
const CONNECTIONS: u32 = 24;

/// Jobs of one bulk call before a drain: as many as `longshore bench drain` submits at once.
const PRELOAD_BATCH: u32 = 5_000;

/// Jobs that are not counted: the first ones wait for connections and plans.
const WARM_UP: u32 = 20;

/// How often the database is asked whether nothing is left, once each handler was called.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// A job that does nothing.
#[derive(Serialize, Deserialize)]
struct Noop {
    number: u32,
}

impl JobArgs for Noop {
    fn kind() -> &'static str {
        "noop"
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(mode)) = (args.next(), args.next()) else {
        bail!("usage: URL drain|submit|latency --jobs N");
    };
    let mut options = HashMap::new();
    while let Some(option) = args.next() {
        let value = args
            .next()
            .with_context(|| format!("{option} has no value"))?;
        options.insert(option, value.parse::<u32>()?);
    }
    let option = |name: &str, default| options.get(name).copied().unwrap_or(default);
    let jobs = option("--jobs", 1);
    for name in ["--jobs", "--batch", "--clients"] {
        ensure!(option(name, 1) > 0, "{name} is at least 1");
    }

    let mut result = match mode.as_str() {
        "drain" => drain(&url, jobs).await?,
        "submit" => submit(&url, jobs, option("--batch", 1), option("--clients", 1)).await?,
        "latency" => {
            let pause = (option("--pause-ms", 20), option("--jitter-ms", 0));
            latency(&url, jobs, pause).await?
        }
        other => bail!("no mode {other}"),
    };
    result["peer"] = json!("awa");
    result["version"] = json!(VERSION);
    result["mode"] = json!(mode);
    println!("{result}");
    Ok(())
}

/// As Cargo.toml pins it.
const VERSION: &str = "0.6.9";

/// Submits, with connections of its own.
struct Producer {
    pool: PgPool,
    store: QueueStorage,
}

impl Producer {
    /// Installs the schema, too.
    async fn open(url: &str, connections: u32) -> anyhow::Result<Arc<Self>> {
        let pool = connect(url, connections).await?;
        for setting in ["fsync", "synchronous_commit"] {
            let value: String = sqlx::query_scalar(&format!("SHOW {setting}"))
                .fetch_one(&pool)
                .await?;
            ensure!(
                value == "on",
                "commits do not wait for the disk: {setting} is {value}"
            );
        }
        migrations::run(&pool).await?;
        let store = QueueStorage::new(QueueStorageConfig::default())?;
        store.install(&pool).await?;
        // The statement that the page gives for it.
        sqlx::query(
            "INSERT INTO awa.queue_meta (queue, enqueue_shards) VALUES ($1, $2)
             ON CONFLICT (queue) DO UPDATE SET enqueue_shards = EXCLUDED.enqueue_shards",
        )
        .bind(QUEUE)
        .bind(ENQUEUE_SHARDS)
        .execute(&pool)
        .await?;
        Ok(Arc::new(Self { pool, store }))
    }

    async fn one(&self, number: u32) -> anyhow::Result<()> {
        loop {
            match insert_with(&self.pool, &Noop { number }, to_queue()).await {
                // Of calls at once, some collide (no job here has a key). Whoever meets it calls again.
                Err(AwaError::UniqueConflict { .. }) => {}
                inserted => return Ok(inserted.map(drop)?),
            }
        }
    }

    async fn many(&self, numbers: Range<u32>) -> anyhow::Result<()> {
        let jobs = numbers.map(|number| params_with(&Noop { number }, to_queue()));
        let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
        self.store.enqueue_params_copy(&self.pool, &jobs).await?;
        Ok(())
    }

    async fn call(&self, batch: u32, numbers: Range<u32>) -> anyhow::Result<()> {
        match batch {
            1 => self.one(numbers.start).await,
            _ => self.many(numbers).await,
        }
    }

    /// Jobs that are done, cheaply: what docs/configuration.md, "Terminal count rollup", says that an
    /// exact count reads. `counts` expands each job, which takes longer than a poll may.
    async fn done(&self) -> anyhow::Result<u32> {
        let done: i64 = sqlx::query_scalar(
            "SELECT sum(done)::bigint FROM (
               SELECT sum(completed_count) FROM awa.receipt_completion_batches WHERE queue = $1
               UNION ALL SELECT sum(terminal_delta) FROM awa.queue_terminal_count_deltas WHERE queue = $1
               UNION ALL SELECT sum(live_terminal_count) FROM awa.queue_terminal_live_counts WHERE queue = $1
               UNION ALL SELECT sum(pruned_completed_count) FROM awa.queue_terminal_rollups WHERE queue = $1
               UNION ALL SELECT 0
             ) AS facts (done)",
        )
        .bind(QUEUE)
        .fetch_one(&self.pool)
        .await?;
        Ok(done.try_into()?)
    }

    /// Jobs that are not done, and jobs that are.
    async fn counts(&self) -> anyhow::Result<(u32, u32)> {
        let counts = self.store.queue_counts(&self.pool, QUEUE).await?;
        Ok((
            (counts.available + counts.running).try_into()?,
            counts.terminal.try_into()?,
        ))
    }
}

fn to_queue() -> InsertOpts {
    InsertOpts {
        queue: QUEUE.to_owned(),
        ..InsertOpts::default()
    }
}

async fn connect(url: &str, connections: u32) -> anyhow::Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .connect(url)
        .await?)
}

/// Starts a worker with connections of its own.
async fn start(url: &str, handle: impl Fn(u32) + Send + Sync + 'static) -> anyhow::Result<Client> {
    let config = QueueConfig {
        max_workers: MAX_WORKERS,
        deadline_duration: Duration::ZERO,
        poll_interval: POLL_INTERVAL,
        ..QueueConfig::default()
    };
    let client = Client::builder(connect(url, CONNECTIONS).await?)
        .queue(QUEUE, config)
        .register::<Noop, _, _>(move |job, _| {
            handle(job.number);
            async { Ok(JobResult::Completed) }
        })
        .build()?;
    client.start().await?;
    Ok(client)
}

/// Preloads jobs, starts the work, and times it until nothing is left in the database.
async fn drain(url: &str, jobs: u32) -> anyhow::Result<Value> {
    let producer = Producer::open(url, 2).await?;
    let submitting = Instant::now();
    for from in (0..jobs).step_by(PRELOAD_BATCH as usize) {
        producer.many(from..jobs.min(from + PRELOAD_BATCH)).await?;
    }
    let submit_seconds = submitting.elapsed().as_secs_f64();
    // As PostgreSQL's manual advises after a bulk load; not timed.
    sqlx::query("ANALYZE").execute(&producer.pool).await?;

    let calls: Arc<[AtomicU32]> = (0..jobs).map(|_| AtomicU32::new(0)).collect();
    let all_called = Arc::new(Notify::new());
    let draining = Instant::now();
    let client = start(url, {
        let (calls, all_called, called) = (calls.clone(), all_called.clone(), AtomicU32::new(0));
        move |number| {
            calls[number as usize].fetch_add(1, Ordering::Relaxed);
            if called.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
                all_called.notify_one();
            }
        }
    })
    .await?;
    all_called.notified().await;
    while producer.done().await? < jobs {
        tokio::time::sleep(ASK_EVERY).await;
    }
    let drain_seconds = draining.elapsed().as_secs_f64();

    client.shutdown(Duration::from_secs(30)).await;
    ensure!(
        producer.counts().await? == (0, jobs),
        "the database does not count {jobs} done"
    );
    let once = calls.iter().all(|calls| calls.load(Ordering::Relaxed) == 1);
    ensure!(once, "a handler was not called exactly once");
    Ok(json!({
        "jobs": jobs,
        "submit_seconds": submit_seconds,
        "submitted_per_second": f64::from(jobs) / submit_seconds,
        "drain_seconds": drain_seconds,
        "jobs_per_second": f64::from(jobs) / drain_seconds,
        "keeps_history": false,
        "history": "for about 16 s, then as a count",
        "settings": settings(),
    }))
}

fn settings() -> Value {
    json!({
        "enqueue_shards": ENQUEUE_SHARDS,
        "max_workers": MAX_WORKERS,
        "claim_batch_size": QueueConfig::default().claim_batch_size,
        "deadline_seconds": 0,
        "poll_interval_ms": POLL_INTERVAL.as_millis() as u64,
        "connections": CONNECTIONS,
    })
}

/// So many clients submit at once, each one call after another, until all jobs are submitted.
async fn submit(url: &str, jobs: u32, batch: u32, clients: u32) -> anyhow::Result<Value> {
    let producer = Producer::open(url, clients).await?;
    // Connections and plans are there before the clock starts.
    side_by_side(clients, || {
        let producer = producer.clone();
        async move { producer.call(batch, 0..batch).await }
    })
    .await?;
    let before = producer.counts().await?.0;

    let next = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let times = side_by_side(clients, || {
        let (producer, next) = (producer.clone(), next.clone());
        async move {
            let mut times = Vec::new();
            loop {
                let from = next.fetch_add(batch, Ordering::Relaxed);
                if from >= jobs {
                    return Ok(times);
                }
                let began = Instant::now();
                producer.call(batch, from..jobs.min(from + batch)).await?;
                times.push(began.elapsed());
            }
        }
    })
    .await?;
    let submit_seconds = began.elapsed().as_secs_f64();

    ensure!(
        producer.counts().await?.0 - before == jobs,
        "not all jobs were submitted"
    );
    let times = percentiles(times.concat());
    Ok(json!({
        "jobs": jobs,
        "batch": batch,
        "clients": clients,
        "submit_seconds": submit_seconds,
        "jobs_per_second": f64::from(jobs) / submit_seconds,
        "median_ms": times["median_ms"],
        "p99_ms": times["p99_ms"],
        "settings": settings(),
    }))
}

/// What so many tasks return.
async fn side_by_side<T, F>(tasks: u32, task: impl Fn() -> F) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(task())).collect();
    let mut returned = Vec::with_capacity(tasks.len());
    for task in tasks {
        returned.push(task.await??);
    }
    Ok(returned)
}

/// Submits one job after another to an idle worker, and times how soon its handler is entered.
async fn latency(url: &str, jobs: u32, (pause, jitter): (u32, u32)) -> anyhow::Result<Value> {
    let producer = Producer::open(url, 1).await?;
    let (entered, mut entries) = mpsc::unbounded_channel();
    let client = start(url, move |number| {
        let _ = entered.send((number, Instant::now()));
    })
    .await?;
    let mut times = Vec::new();
    for number in 0..WARM_UP + jobs {
        let began = Instant::now();
        producer.one(number).await?;
        let (other, at) = entries.recv().await.context("the worker ended")?;
        ensure!(other == number, "job {other} ran in the place of {number}");
        if number >= WARM_UP {
            times.push(at - began);
        }
        let pause = f64::from(pause) + f64::from(jitter) * rand::random::<f64>();
        tokio::time::sleep(Duration::from_secs_f64(pause / 1000.0)).await;
    }
    client.shutdown(Duration::from_secs(30)).await;
    let mut result = percentiles(times);
    result["jobs"] = json!(jobs);
    result["pause_ms"] = json!(pause);
    result["jitter_ms"] = json!(jitter);
    result["settings"] = settings();
    Ok(result)
}

/// Of at least one time, by the nearest rank.
fn percentiles(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times[rank - 1].as_secs_f64() * 1000.0
    };
    json!({"median_ms": at(50), "p90_ms": at(90), "p99_ms": at(99), "max_ms": at(100)})
}
