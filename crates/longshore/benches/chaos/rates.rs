//! How many jobs ended in each moment, counted from the jobs' own lines as they are written.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};

const TICK: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
/// Over how many seconds a rate has to be back before it counts as back.
const STEADY: usize = 5;
/// What counts as back: a few jobs fall into the second before or after, whatever happens.
const BACK: f64 = 0.95;

/// Reads the witness while it is written.
pub struct Meter {
    seen: Arc<Mutex<Vec<(Instant, u64)>>>,
    task: JoinHandle<()>,
}

impl Meter {
    /// Begins to read this file, which may not be there yet.
    pub fn begin(witness: PathBuf) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(read(witness, Arc::clone(&seen)));
        Self { seen, task }
    }

    /// How many have ended so far.
    pub fn ended(&self) -> u64 {
        let seen = self.seen.lock().expect("nobody panics with it");
        seen.last().map_or(0, |&(_, ended)| ended)
    }

    /// How many ended in each second from `from` on, up to `until`.
    pub fn per_second(&self, from: Instant, until: Instant) -> Vec<u64> {
        let seen = self.seen.lock().expect("nobody panics with it");
        let at = |instant: Instant| {
            let before = seen.partition_point(|&(when, _)| when <= instant);
            before.checked_sub(1).map_or(0, |last| seen[last].1)
        };
        let mut counts = Vec::new();
        let mut begin = from;
        while begin + SECOND <= until {
            counts.push(at(begin + SECOND) - at(begin));
            begin += SECOND;
        }
        counts
    }

    /// How long after `fault` the rate was back for good at that of before, if it was until `until`: from
    /// then on, no [`STEADY`] seconds had less than nearly as much.
    pub fn back_after(&self, fault: Instant, until: Instant, before: f64) -> Option<Duration> {
        let counts = self.per_second(fault, until);
        let is_low = |few: &[u64]| mean(few) < BACK * before;
        let low = counts.windows(STEADY).rposition(is_low);
        let second = low.map_or(0, |last| last + STEADY);
        let back = Duration::from_secs(u64::try_from(second).expect("a small number"));
        (second + STEADY <= counts.len()).then_some(back)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(witness: PathBuf, seen: Arc<Mutex<Vec<(Instant, u64)>>>) {
    let mut ticks = interval(TICK);
    let mut reader = None;
    let mut line = Vec::new();
    let mut ended = 0;
    loop {
        ticks.tick().await;
        if reader.is_none() {
            reader = std::fs::File::open(&witness).ok().map(BufReader::new);
        }
        if let Some(reader) = &mut reader {
            // A line that is half there is read on with the next tick.
            while reader.read_until(b'\n', &mut line).expect("a file") > 0 && line.ends_with(b"\n")
            {
                ended += u64::from(line.starts_with(b"END"));
                line.clear();
            }
        }
        let mut seen = seen.lock().expect("nobody panics with it");
        seen.push((Instant::now(), ended));
    }
}

fn mean(counts: &[u64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mean = counts.iter().sum::<u64>() as f64 / counts.len().max(1) as f64;
    mean
}

/// The one in the middle.
pub fn median(counts: &[u64]) -> f64 {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let Some(&upper) = sorted.get(sorted.len() / 2) else {
        return 0.0;
    };
    let lower = sorted[(sorted.len() - 1) / 2];
    mean(&[lower, upper])
}
