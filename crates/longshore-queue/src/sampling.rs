//! What running containers use, looked at now and then, and noted in the store.
//!
//! Owns the series of this worker's containers. Nothing depends on it: an engine that does not answer, or a
//! store that is away, costs points of a curve, and a store that is back gets all of it. Nobody waits for
//! anybody: each machine has looks of its own, and what they find is noted once a second by one call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Fuse, FusedFuture as _};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use longshore_core::store::{LeaseKey, Leases as _, Reading as _};
use longshore_core::usage::{Sample, UsageNote, UsageSeries};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use crate::machines::Placed;
use crate::retrying::Retrying;

/// So many containers of one machine are looked at at once: looking is no work that others wait behind.
const AT_ONCE: usize = 4;
/// A machine that does not answer within this…
const PATIENCE: Duration = Duration::from_secs(5);
/// … is asked about that container again after this.
const AFTER_SILENCE: Duration = Duration::from_mins(1);
/// What is due is gathered for so long, so that many containers make few calls.
const ROUND: Duration = Duration::from_secs(1);
/// After a call of the store that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The containers whose usage is looked at.
#[derive(Default)]
pub(crate) struct Samplings {
    runs: Mutex<BTreeMap<LeaseKey, Run>>,
    begun: Notify,
}

struct Run {
    placed: Placed,
    /// For how long it ran under another worker…
    ran_for: Duration,
    /// … before this one began with it.
    begun: Instant,
    /// None until what another worker has noted of it is known.
    series: Option<UsageSeries>,
    due: Instant,
    is_looked_at: bool,
}

impl Run {
    /// How long it has run.
    fn age(&self) -> Duration {
        self.ran_for + self.begun.elapsed()
    }
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

/// A look that is due.
struct Due {
    key: LeaseKey,
    placed: Placed,
    /// Whether it has to be found out first what another worker has noted.
    is_unknown: bool,
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
        let run = Run {
            placed,
            ran_for,
            begun: now,
            series: (!is_adopted).then(UsageSeries::default),
            due: now + UsageSeries::FIRST_AFTER,
            is_looked_at: false,
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
        let runs = self.runs();
        let waiting = runs.values().filter(|run| !run.is_looked_at);
        waiting.map(|run| run.due).min()
    }

    /// What is due by now, and whose machine has room for another look; and whether there is more that has to
    /// wait for that.
    fn take_due(&self) -> (Vec<Due>, bool) {
        let now = Instant::now();
        let mut runs = self.runs();
        let mut looks: BTreeMap<usize, usize> = BTreeMap::new();
        for run in runs.values().filter(|run| run.is_looked_at) {
            *looks.entry(machine_of(&run.placed)).or_default() += 1;
        }
        let (mut due, mut is_behind) = (Vec::new(), false);
        for (key, run) in runs.iter_mut() {
            if run.is_looked_at || run.due > now {
                continue;
            }
            let looks = looks.entry(machine_of(&run.placed)).or_default();
            if *looks >= AT_ONCE {
                is_behind = true;
                continue;
            }
            *looks += 1;
            run.is_looked_at = true;
            due.push(Due {
                key: *key,
                placed: run.placed.clone(),
                is_unknown: run.series.is_none(),
            });
        }
        (due, is_behind)
    }

    /// How old a container is.
    fn age(&self, key: LeaseKey) -> Option<Duration> {
        self.runs().get(&key).map(Run::age)
    }

    /// A look is over: what it saw at this age, or after how long the next one may come. Whether there is
    /// something to note.
    fn looked(&self, key: LeaseKey, seen: Result<(Duration, Sample), Duration>) -> bool {
        let now = Instant::now();
        let mut runs = self.runs();
        let Some(run) = runs.get_mut(&key) else {
            return false;
        };
        run.is_looked_at = false;
        let sample = match seen {
            Ok((age, sample)) if has_something(&sample) => run.series.as_mut().map(|series| {
                series.add(age, sample);
                series.next_after()
            }),
            Ok(_) => None,
            Err(pause) => {
                run.due = now + pause;
                return false;
            }
        };
        let next = sample.map(|next| run.begun + next.saturating_sub(run.ran_for));
        // One that answers late is not due again at once.
        run.due = next.map_or(now + UsageSeries::FIRST_AFTER, |next| next.max(now + ROUND));
        sample.is_some()
    }

    /// What another worker has noted, which goes on here.
    fn resume(&self, key: LeaseKey, known: UsageSeries) {
        if let Some(run) = self.runs().get_mut(&key) {
            // Whoever noted that knew its age better than one who adopted it late.
            let last = known.points().last().map_or(0, |last| last.after_ms);
            let missing = Duration::from_millis(last).saturating_sub(run.age());
            run.ran_for += missing;
            run.series = Some(known);
        }
    }

    /// The series of those of these that still run.
    fn notes(&self, keys: &BTreeSet<LeaseKey>) -> Vec<UsageNote> {
        let runs = self.runs();
        let series = |key: &LeaseKey| runs.get(key)?.series.clone();
        let notes = keys.iter().filter_map(|key| {
            Some(UsageNote {
                lease: *key,
                series: series(key)?,
            })
        });
        notes.collect()
    }
}

/// Which machine a container is on, as long as it is.
fn machine_of(placed: &Placed) -> usize {
    Arc::as_ptr(&placed.machine).addr()
}

fn has_something(sample: &Sample) -> bool {
    sample.usage.cpu_micros.is_some() || sample.memory_bytes.is_some()
}

/// Looks and notes until its task is ended.
pub(crate) async fn run(samplings: Arc<Samplings>, store: Retrying) {
    let mut looks = FuturesUnordered::new();
    let noting = Fuse::terminated();
    tokio::pin!(noting);
    // What was seen and is not noted yet.
    let mut unnoted: BTreeSet<LeaseKey> = BTreeSet::new();
    let (mut next_round, mut next_note) = (Instant::now(), Instant::now());
    // Whether looks that are due wait for those that are under way.
    let mut is_behind = false;
    loop {
        let now = Instant::now();
        let is_time = is_behind || next_round <= now;
        if is_time && samplings.next().is_some_and(|due| due <= now) {
            let due;
            (due, is_behind) = samplings.take_due();
            next_round = now + ROUND;
            looks.extend(due.into_iter().map(|due| look(&samplings, &store, due)));
        }
        if noting.is_terminated() && !unnoted.is_empty() && next_note <= now {
            next_note = now + ROUND;
            let keys = std::mem::take(&mut unnoted);
            noting.set(note(&store, samplings.notes(&keys), keys).fuse());
        }
        let round = samplings.next().map(|due| due.max(next_round));
        let is_to_note = noting.is_terminated() && !unnoted.is_empty();
        let note = is_to_note.then_some(next_note);
        tokio::select! {
            Some(seen) = looks.next(), if !looks.is_empty() => unnoted.extend(seen),
            failed = &mut noting, if !noting.is_terminated() => {
                if let Err(failed) = failed {
                    unnoted.extend(failed);
                    next_note = Instant::now() + AFTER_FAILURE;
                }
            }
            () = samplings.begun.notified() => {}
            () = at(round.into_iter().chain(note).min()) => {}
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// One look; whose series has grown by it.
async fn look(samplings: &Samplings, store: &Retrying, due: Due) -> Option<LeaseKey> {
    let Due {
        key,
        placed,
        is_unknown,
    } = due;
    if is_unknown {
        resume(samplings, store, key).await;
    }
    // As of when it is asked for: an answer may take its time.
    let age = samplings.age(key)?;
    let looking = placed.machine.executor.usage(&placed.handle);
    let seen = match timeout(PATIENCE, looking).await {
        Ok(Ok(sample)) => Ok((age, sample)),
        Ok(Err(error)) => {
            tracing::debug!(handle = %placed.handle, error = %error, "could not be measured");
            Err(UsageSeries::FIRST_AFTER)
        }
        Err(_silent) => Err(AFTER_SILENCE),
    };
    samplings.looked(key, seen).then_some(key)
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

/// Whose series could not be noted is the error.
async fn note(
    store: &Retrying,
    notes: Vec<UsageNote>,
    keys: BTreeSet<LeaseKey>,
) -> Result<(), BTreeSet<LeaseKey>> {
    store.note_usage(&notes).await.map_err(|error| {
        tracing::debug!(error = %error, "what jobs use could not be noted");
        keys
    })
}
