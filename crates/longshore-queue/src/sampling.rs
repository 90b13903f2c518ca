//! What running containers use, looked at now and then, and noted in the store.
//!
//! Owns the series of this worker's containers. Nothing depends on it: an engine that does not answer, or a
//! store that is away, costs points of a curve, and a store that is back gets all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use longshore_core::store::{LeaseKey, Leases as _, Reading as _};
use longshore_core::usage::{Sample, UsageNote, UsageSeries};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use crate::machines::Placed;
use crate::retrying::Retrying;

/// So many executors are asked at once: looking is no work that others wait behind.
const AT_ONCE: usize = 4;
/// One that does not answer within this is asked again when the next sample is due.
const PATIENCE: Duration = Duration::from_secs(5);

/// The containers whose usage is looked at.
#[derive(Default)]
pub(crate) struct Samplings {
    runs: Mutex<BTreeMap<LeaseKey, Run>>,
    begun: Notify,
}

struct Run {
    placed: Placed,
    /// When the container was started, under whichever worker.
    started: Instant,
    /// None until what another worker has noted of it is known.
    series: Option<UsageSeries>,
    due: Instant,
}

/// Looked at for as long as this is kept.
pub(crate) struct Sampled {
    samplings: Arc<Samplings>,
    key: LeaseKey,
}

impl Drop for Sampled {
    fn drop(&mut self) {
        self.samplings.runs().remove(&self.key);
    }
}

impl Samplings {
    /// From now on this container is looked at. `ran_for`: so long it ran before, under another worker, which
    /// may have noted something of it (`is_adopted`).
    pub fn begin(
        self: &Arc<Self>,
        key: LeaseKey,
        placed: Placed,
        ran_for: Duration,
        is_adopted: bool,
    ) -> Sampled {
        let now = Instant::now();
        let first = UsageSeries::default().next_after();
        let run = Run {
            placed,
            started: now.checked_sub(ran_for).unwrap_or(now),
            series: (!is_adopted).then(UsageSeries::default),
            due: now + first,
        };
        self.runs().insert(key, run);
        self.begun.notify_one();
        Sampled {
            samplings: Arc::clone(self),
            key,
        }
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<LeaseKey, Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next look is due; never while nothing runs.
    fn next(&self) -> Option<Instant> {
        self.runs().values().map(|run| run.due).min()
    }

    /// What is due by now: each is due again after a while, whatever comes of this look.
    fn take_due(&self) -> Vec<(LeaseKey, Placed, bool)> {
        let now = Instant::now();
        let mut runs = self.runs();
        let due = runs.iter_mut().filter(|(_, run)| run.due <= now);
        due.map(|(key, run)| {
            run.due = now + UsageSeries::FIRST_AFTER;
            (*key, run.placed.clone(), run.series.is_none())
        })
        .collect()
    }

    /// Adds a sample, and says what is to be noted.
    fn add(&self, key: LeaseKey, sample: Sample) -> Option<UsageNote> {
        if sample.usage.cpu_micros.is_none() && sample.memory_bytes.is_none() {
            return None;
        }
        let mut runs = self.runs();
        let run = runs.get_mut(&key)?;
        let series = run.series.as_mut()?;
        series.add(run.started.elapsed(), sample);
        run.due = run.started + series.next_after();
        Some(UsageNote {
            lease: key,
            series: series.clone(),
        })
    }

    /// What another worker has noted, which goes on here.
    fn resume(&self, key: LeaseKey, known: UsageSeries) {
        if let Some(run) = self.runs().get_mut(&key) {
            run.series = Some(known);
        }
    }
}

/// Looks and notes until its task is ended.
pub(crate) async fn run(samplings: Arc<Samplings>, store: Retrying) {
    loop {
        match samplings.next() {
            Some(due) => {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = samplings.begun.notified() => continue,
                }
            }
            None => {
                samplings.begun.notified().await;
                continue;
            }
        }
        let looks = samplings.take_due().into_iter();
        let looks = looks.map(|(key, placed, is_unknown)| {
            let (samplings, store) = (&samplings, &store);
            async move {
                if is_unknown {
                    resume(samplings, store, key).await;
                }
                let sample = look(&placed).await?;
                samplings.add(key, sample)
            }
        });
        let noted = stream::iter(looks).buffer_unordered(AT_ONCE);
        let noted: Vec<UsageNote> = noted.filter_map(std::future::ready).collect().await;
        if !noted.is_empty()
            && let Err(error) = store.note_usage(&noted).await
        {
            tracing::debug!(error = %error, "what jobs use could not be noted");
        }
    }
}

async fn resume(samplings: &Samplings, store: &Retrying, key: LeaseKey) {
    match store.usage_of(key.job).await {
        Ok(known) => {
            let of_attempt = known.into_iter().find(|known| known.attempt == key.attempt);
            let series = of_attempt.map_or_else(UsageSeries::default, UsageSeries::from);
            samplings.resume(key, series);
        }
        // Tried again at the next look: what was noted is not to be written over.
        Err(error) => tracing::debug!(error = %error, "what a job used before could not be read"),
    }
}

async fn look(placed: &Placed) -> Option<Sample> {
    let looking = placed.machine.executor.usage(&placed.handle);
    match timeout(PATIENCE, looking).await {
        Ok(Ok(sample)) => Some(sample),
        Ok(Err(error)) => {
            tracing::debug!(handle = %placed.handle, error = %error, "could not be measured");
            None
        }
        Err(_) => None,
    }
}
