//! A steady load: jobs that arrive at their rate, whatever the queue does meanwhile. Whoever submits
//! repeats what was not answered, under the same idempotency key, as any careful client does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longshore::{JobId, JobSpec, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often what is due is submitted.
const TICK: Duration = Duration::from_millis(50);
/// The most in one call.
const BATCH: u64 = 500;

/// Jobs that arrive until it is told to end.
pub struct Load {
    /// Jobs per second, in thousandths.
    rate: Arc<AtomicU64>,
    /// Jobs beside the rate.
    extra: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Vec<JobId>>,
}

impl Load {
    /// Begins to submit what `spec` makes, so many per second.
    pub fn begin(store: Arc<dyn Store>, rate: f64, spec: JobSpec) -> Self {
        let per_mille = Arc::new(AtomicU64::new(0));
        let extra = Arc::new(AtomicU64::new(0));
        let stop = watch::Sender::new(false);
        let task = tokio::spawn(submit(
            store,
            spec,
            Arc::clone(&per_mille),
            Arc::clone(&extra),
            stop.subscribe(),
        ));
        let load = Self {
            rate: per_mille,
            extra,
            stop,
            task,
        };
        load.set_rate(rate);
        load
    }

    /// Changes the rate: jobs per second.
    pub fn set_rate(&self, rate: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is a small positive number"
        )]
        let per_mille = (rate * 1000.0) as u64;
        self.rate.store(per_mille, Ordering::Relaxed);
    }

    /// Submits so many at once, beside the rate.
    pub fn burst(&self, jobs: u64) {
        self.extra.fetch_add(jobs, Ordering::Relaxed);
    }

    /// Ends it; every job whose submission was acknowledged.
    pub async fn end(self) -> Vec<JobId> {
        self.stop.send_replace(true);
        self.task.await.expect("the load does not panic")
    }
}

async fn submit(
    store: Arc<dyn Store>,
    spec: JobSpec,
    rate: Arc<AtomicU64>,
    extra: Arc<AtomicU64>,
    stop: watch::Receiver<bool>,
) -> Vec<JobId> {
    let mut jobs = Vec::new();
    let mut ticks = interval(TICK);
    // What is late stays due.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut due = 0.0;
    let mut last = Instant::now();
    while !*stop.borrow() {
        ticks.tick().await;
        let now = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "rates are small")]
        let per_second = rate.load(Ordering::Relaxed) as f64 / 1000.0;
        due += now.duration_since(last).as_secs_f64() * per_second;
        last = now;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let whole = due as u64;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        {
            due -= whole as f64;
        }
        let mut left = whole + extra.swap(0, Ordering::Relaxed);
        while left > 0 {
            let count = left.min(BATCH);
            jobs.extend(batch(&*store, &spec, jobs.len(), count).await);
            left -= count;
        }
    }
    jobs
}

/// Submits so many, as often as it takes.
async fn batch(store: &dyn Store, spec: &JobSpec, first: usize, count: u64) -> Vec<JobId> {
    let keyed = (0..count).map(|nth| {
        let mut spec = spec.clone();
        spec.idempotency_key = Some(format!("{first}+{nth}"));
        spec.validate().expect("a valid job")
    });
    let keyed: Vec<_> = keyed.collect();
    loop {
        match store.submit(&keyed).await {
            Ok(submitted) => return submitted.iter().map(|new| new.job).collect(),
            Err(_away) => tokio::time::sleep(TICK).await,
        }
    }
}

/// Says when it starts and ends, each in one write, and works in between.
const SCRIPT: &str = r#"
mark() {
  printf '%s %s %s %s %s\n' "$1" "$LONGSHORE_JOB_ID" "$LONGSHORE_ATTEMPT" 0 "pid-$$" >>"$WITNESS"
}
mark START
sleep 0.05
mark END
"#;

/// A job that writes into this file.
pub fn witnessing_job(queue: &str, witness: &str) -> JobSpec {
    let mut spec = JobSpec::process(["sh", "-c", SCRIPT]);
    spec.queue = Some(queue.to_owned());
    spec.env = BTreeMap::from([("WITNESS".to_owned(), witness.to_owned().into())]);
    spec
}
