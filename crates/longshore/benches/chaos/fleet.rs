//! The worker processes: with the defaults of `longshore worker`, and started again when they are killed,
//! as whatever supervises them would.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::stage::{PLACES, QUEUE};
use crate::support::{Home, Running};

/// How long a worker may take to end, by its own default.
pub const GRACE: Duration = Duration::from_secs(30);
/// After that, it hangs.
const HUNG: Duration = Duration::from_mins(2);

/// Worker processes of one database.
pub struct Fleet {
    home: Arc<Home>,
    address: String,
    workers: Vec<(Running, PathBuf)>,
    started: usize,
}

/// How a fleet ended.
pub struct Ended {
    /// The longest that one of them took.
    pub took: Duration,
    /// What was wrong with any.
    pub faults: Vec<String>,
}

impl Fleet {
    /// Starts so many.
    pub fn start(home: &Arc<Home>, address: &str, count: usize) -> Self {
        let mut fleet = Self {
            home: Arc::clone(home),
            address: address.to_owned(),
            workers: Vec::new(),
            started: 0,
        };
        for _ in 0..count {
            fleet.start_one();
        }
        fleet
    }

    /// Starts one more.
    pub fn start_one(&mut self) {
        let places = PLACES.to_string();
        let on = ["worker", "--queue", QUEUE, "--max-concurrent", &places];
        let args = [&on[..], &["--database", &self.address]].concat();
        let log = self
            .home
            .path()
            .join(format!("worker-{}.log", self.started));
        self.started += 1;
        let mut command = self.home.command(&args);
        command.stdout(std::process::Stdio::null());
        command.stderr(File::create(&log).expect("the home can be written"));
        self.workers.push((Running::start(&mut command), log));
    }

    /// Kills the one with this process id, at once.
    pub fn kill(&mut self, pid: u32) {
        let of_pid = |(worker, _): &(Running, PathBuf)| worker.pid() == pid;
        let place = self.workers.iter().position(of_pid);
        let (worker, _) = self.workers.remove(place.expect("it is one of the fleet"));
        worker.signal("KILL");
        worker.finish();
    }

    /// Their process ids.
    pub fn pids(&self) -> Vec<u32> {
        self.workers
            .iter()
            .map(|(worker, _)| worker.pid())
            .collect()
    }

    /// The memory of each that runs: KiB resident.
    pub fn resident(&self) -> Vec<u64> {
        let of = |worker: &Running| {
            let status = fs::read_to_string(format!("/proc/{}/status", worker.pid())).ok()?;
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        self.workers
            .iter()
            .filter_map(|(worker, _)| of(worker))
            .collect()
    }

    /// Tells all of them to end, and waits.
    pub async fn end(self) -> Ended {
        let begun = Instant::now();
        for (worker, _) in &self.workers {
            worker.signal("TERM");
        }
        let workers = self.workers;
        let ended = tokio::task::spawn_blocking(move || {
            let mut ended = Ended {
                took: Duration::ZERO,
                faults: Vec::new(),
            };
            for (worker, log) in workers {
                let ran = worker.finish_within(HUNG);
                ended.took = begun.elapsed();
                if ran.code != 0 {
                    let said = fs::read_to_string(log).unwrap_or_default();
                    ended.faults.push(format!("exit code {}: {said}", ran.code));
                }
            }
            ended
        });
        ended.await.expect("it waits")
    }
}
