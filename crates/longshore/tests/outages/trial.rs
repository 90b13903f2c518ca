//! One trial: workers on a database of their own, three jobs that run when the fault comes, more that
//! wait behind them, and what all of it is judged by.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore::postgres::PostgresStore;
use longshore::sqlite::{Options, SqliteStore};
use longshore::{JobId, JobSpec, Store};
use longshore_core::limit::Limit as QueueLimit;
use longshore_core::output::Stream;
use longshore_core::queue::NewQueue;
use longshore_core::spec::EnvValue;
use longshore_core::store::{OutputRequest, Worker};
use longshore_history::{
    self as history, Expectation, ExpectedEnd, ExpectedRuns, Limit, Verdict, Witness,
};

use crate::stored;
use crate::support::{Home, Ran, Running};

/// The line that everything waits in, and its limit.
pub const QUEUE: &str = "line";
pub const LIMIT: u32 = 3;
/// Jobs that wait behind those that run when the fault comes.
const WAITING: u32 = 9;
/// A gate that is there already.
pub const OPEN: &str = ".";
/// Every so many of a trial's jobs fails, with this code.
const FAILING: usize = 4;
const CODE: i32 = 7;
/// How long anything may take: many times what it needs on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Says when it starts and ends, each in one write; runs until its gate is open.
const SCRIPT: &str = r#"
mark() {
  printf '%s %s %s %s %s\n' "$1" "$LONGSHORE_JOB_ID" "$LONGSHORE_ATTEMPT" 0 "pid-$$" >>"$WITNESS"
}
mark START
echo "out of $LONGSHORE_JOB_ID"
until [ -e "$GATE" ]; do sleep 0.02; done
echo "err of $LONGSHORE_JOB_ID" >&2
mark END
exit "$CODE"
"#;

/// Workers, their jobs, and the way to the database that no fault lies on.
pub struct Trial {
    pub home: Home,
    /// How the test reaches the database; workers may have another way.
    address: String,
    jobs: Vec<JobId>,
    /// Each with the file that it talks into.
    workers: Vec<(Running, PathBuf)>,
    /// How many were started so far.
    started: u32,
}

impl Trial {
    /// On the database at this address: makes the line, and puts the jobs into it.
    pub async fn on(home: Home, address: &str) -> Self {
        let mut trial = Self::idle_on(home, address).await;
        let store = trial.store().await;
        trial.submit(&*store, LIMIT, "gate").await;
        trial.submit(&*store, WAITING, OPEN).await;
        store.close().await;
        trial
    }

    /// The same, with nothing in the line.
    pub async fn idle_on(home: Home, address: &str) -> Self {
        let trial = Self {
            home,
            address: address.to_owned(),
            jobs: Vec::new(),
            workers: Vec::new(),
            started: 0,
        };
        let store = trial.store().await;
        let queue = NewQueue {
            name: QUEUE.to_owned(),
            executor: "process".to_owned(),
            host_selector: BTreeMap::new(),
            max_concurrent: Some(QueueLimit(LIMIT)),
        };
        store.create_queue(&queue).await.expect("a new queue");
        store.close().await;
        trial
    }

    /// Puts more jobs into the line; they end once this file is in the home.
    pub async fn submit(&mut self, store: &dyn Store, count: u32, gate: &str) {
        for _ in 0..count {
            let spec = self.job(gate).validate().expect("a valid job");
            let submitted = store.submit(&[spec]).await.expect("submitted");
            self.jobs.extend(submitted.iter().map(|new| new.job));
        }
    }

    fn job(&self, gate: &str) -> JobSpec {
        let mut spec = JobSpec::process(["sh", "-c", SCRIPT]);
        spec.queue = Some(QUEUE.to_owned());
        spec.max_retries = Some(0);
        let code = if self.jobs.len().is_multiple_of(FAILING) {
            CODE
        } else {
            0
        };
        let code = code.to_string();
        let path = |path: PathBuf| path.to_str().expect("temporary paths are UTF-8").to_owned();
        for (name, value) in [
            ("WITNESS", path(self.witness())),
            ("GATE", path(self.home.path().join(gate))),
            ("CODE", code),
        ] {
            spec.env.insert(name.to_owned(), EnvValue::from(value));
        }
        spec
    }

    /// A handle on the database with connections of its own.
    pub async fn store(&self) -> Arc<dyn Store> {
        match self.address.strip_prefix("sqlite:") {
            Some(path) => {
                let opened = SqliteStore::open(path, Options::default()).await;
                Arc::new(opened.expect("the database can be opened"))
            }
            None => {
                let how = longshore::postgres::Options::default();
                let connected = PostgresStore::connect(&self.address, how).await;
                Arc::new(connected.expect("the database can be reached"))
            }
        }
    }

    /// Starts a worker that reaches the database at this address.
    pub fn start_worker(&mut self, address: &str, flags: &[&str]) {
        self.start_worker_with(address, flags, &[]);
    }

    /// The same, with these variables.
    pub fn start_worker_with(&mut self, address: &str, flags: &[&str], env: &[(&str, &str)]) {
        let what = ["worker", "--queue", QUEUE, "--max-concurrent", "4"];
        let place = ["--database", address];
        let mut command = self.home.command(&[&what[..], &place, flags].concat());
        let log = self
            .home
            .path()
            .join(format!("worker-{}.log", self.started));
        self.started += 1;
        command
            .envs(env.iter().copied())
            .stderr(File::create(&log).expect("the home can be written"));
        self.workers.push((Running::start(&mut command), log));
    }

    /// Two workers that look often and give a sign of life every second.
    pub fn start_workers(&mut self, address: &str) {
        for _ in 0..2 {
            let pace = ["--poll-interval", "200ms", "--heartbeat", "1s"];
            self.start_worker(address, &pace);
        }
    }

    /// Waits until the first jobs run, as many as the limit allows, and every worker has settled in: one
    /// that still reports for work when the database goes away ends, as it should.
    pub async fn running(&self) {
        let store = self.store().await;
        let begun = Instant::now();
        loop {
            let workers = store.workers(false).await.expect("the store answers");
            let has_beaten = |worker: &&Worker| worker.heartbeat_at > worker.started_at;
            let settled = workers.iter().filter(has_beaten).count();
            if settled == self.workers.len() && self.marks("START") == LIMIT as usize {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{workers:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        store.close().await;
    }

    /// Lets the jobs that run come to their ends, and waits for these.
    pub async fn end_of_first(&self) {
        self.open_gate();
        self.until("those that ran have ended", || {
            self.marks("END") >= LIMIT as usize
        })
        .await;
    }

    /// Lets the jobs that run come to their ends.
    pub fn open_gate(&self) {
        self.home.file("gate", "");
    }

    /// Whether a worker that runs has said this.
    pub fn is_said(&self, text: &str) -> bool {
        self.workers.iter().any(|(_, log)| read(log).contains(text))
    }

    /// How many lines of this kind the jobs have written.
    pub fn marks(&self, mark: &str) -> usize {
        let text = read(&self.witness());
        text.lines().filter(|line| line.starts_with(mark)).count()
    }

    /// Waits until this many jobs have started.
    pub async fn started(&self, count: usize) {
        self.until(&format!("{count} have started"), || {
            self.marks("START") >= count
        })
        .await;
    }

    /// Waits until every job has ended.
    pub async fn settled(&self, store: &dyn Store) {
        let begun = Instant::now();
        loop {
            let states = store.states(&self.jobs).await.expect("the store answers");
            if states.iter().all(|state| state.is_terminal()) {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{states:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a condition.
    pub async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(
                begun.elapsed() < PATIENCE,
                "waited too long until {what}; the witness: {}",
                fs::read_to_string(self.witness()).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many jobs there are.
    pub fn count(&self) -> usize {
        self.jobs.len()
    }

    /// Waits until every job has ended, ends the workers, and judges all of it.
    pub async fn passes(mut self) {
        let store = self.store().await;
        let begun = Instant::now();
        loop {
            let states = store.states(&self.jobs).await.expect("the store answers");
            let left = states.iter().filter(|state| !state.is_terminal()).count();
            if left == 0 {
                break;
            }
            if begun.elapsed() > PATIENCE {
                let ended = self.end_workers().await;
                let said: Vec<_> = ended.iter().map(Ran::report).collect();
                panic!("{left} jobs did not end: {states:?}; {}", said.join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Nobody has gone meanwhile: each of them ends when it is told to, and well.
        let ended = self.end_workers().await;
        for ran in &ended {
            assert_eq!(ran.code, 0, "{}", ran.report());
            let was_told = ran.stderr.contains("draining: nothing more is taken");
            assert!(was_told, "it had ended before: {}", ran.report());
            assert_accounted(&ran.stderr);
        }
        self.assert_stored(&*store).await;
        store.close().await;
    }

    /// Tells the workers to end, and returns what they left.
    pub async fn end_workers(&mut self) -> Vec<Ran> {
        self.begin_end_of_workers().await.expect("they end")
    }

    /// Tells the workers to end; what they left comes when they have.
    pub fn begin_end_of_workers(&mut self) -> tokio::task::JoinHandle<Vec<Ran>> {
        let workers = std::mem::take(&mut self.workers);
        for (worker, _) in &workers {
            worker.signal("TERM");
        }
        let finish = |(worker, log): (Running, PathBuf)| {
            let mut ran = worker.finish_within(PATIENCE);
            ran.stderr = read(&log);
            ran
        };
        tokio::task::spawn_blocking(move || workers.into_iter().map(finish).collect())
    }

    /// Ends the workers, each of which must end well.
    pub async fn drained(&mut self) {
        for ran in self.end_workers().await {
            assert_eq!(ran.code, 0, "{}", ran.report());
            assert_accounted(&ran.stderr);
        }
    }

    /// What the jobs' own witness says, held against the store: each ran exactly once, with its output
    /// and its code; the limit was reached and never exceeded, and no slot is taken any more.
    async fn assert_stored(&self, store: &dyn Store) {
        let mut expectation = Expectation::default();
        for (index, job) in self.jobs.iter().enumerate() {
            let detail = store.show_job(*job).await.expect("the job is there");
            let code = if index.is_multiple_of(FAILING) {
                CODE
            } else {
                0
            };
            assert_eq!(
                detail.summary.exit_code,
                Some(code),
                "job {job}: {detail:?}"
            );
            for (stream, name) in [(Stream::Stdout, "out"), (Stream::Stderr, "err")] {
                let said = said(store, *job, stream).await;
                assert_eq!(said, format!("{name} of {job}\n"), "job {job}");
            }
            let (id, as_stored) = stored::stored(&detail);
            let end = match code {
                0 => ExpectedEnd::Completed,
                _ => ExpectedEnd::Any,
            };
            expectation = expectation
                .with_job(id, ExpectedRuns::ONCE, end)
                .with_stored([(id, as_stored)]);
        }
        let limit = Limit {
            name: QUEUE.to_owned(),
            max: LIMIT,
            jobs: expectation.jobs.keys().copied().collect(),
            must_reach: true,
            queue: None,
        };
        let text = fs::read_to_string(self.witness()).expect("the jobs wrote");
        let witness = Witness::parse(&text).expect("every line is whole");
        let verdict = history::check(&witness, &expectation.with_limit(limit));
        assert!(matches!(verdict, Verdict::Passed { .. }), "{verdict}");
        let audited = store.audit().await.expect("the audit runs");
        assert_eq!(audited, Vec::<String>::new());
        let stats = store.queue_stats().await.expect("the store answers");
        for stats in stats {
            let counts = &stats.counts;
            let left = counts.queue_depth.0 + counts.launching.0 + counts.running.0;
            assert_eq!(left, 0, "{stats:?}");
        }
    }

    fn witness(&self) -> PathBuf {
        self.home.path().join("witness.log")
    }
}

/// What has been written so far; nothing where there is no file yet.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// A stream of a job, whole.
async fn said(store: &dyn Store, job: JobId, stream: Stream) -> String {
    let request = OutputRequest {
        job,
        attempt: None,
        after: None,
        max_bytes: 1 << 20,
    };
    let page = store.read_output(request).await.expect("the job is there");
    let of_stream = page.chunks.into_iter().filter(|part| part.stream == stream);
    let bytes: Vec<u8> = of_stream.flat_map(|chunk| chunk.bytes).collect();
    String::from_utf8(bytes).expect("the job writes text")
}

/// A worker's last line says what became of everything that it acquired.
#[track_caller]
pub fn assert_accounted(stderr: &str) {
    let last = stderr.lines().last().unwrap_or_default();
    let counts = last.rsplit(": ").next().unwrap_or_default();
    let counts = counts.split(" (").next().unwrap_or_default();
    let counts: Vec<u64> = counts
        .split(", ")
        .filter_map(|part| part.split(' ').next()?.parse().ok())
        .collect();
    let (acquired, rest) = counts.split_first().expect(stderr);
    assert_eq!(*acquired, rest.iter().sum::<u64>(), "{stderr}");
}
