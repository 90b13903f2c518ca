//! What the tests of this crate stand on. Each builder names only what a test cares about.

mod executor;
mod faults;
mod store;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_core::JobSpec;
use longshore_core::executor::Executor;
use longshore_queue::{
    GracefulShutdown, QueueError, QueueManager, Until, Worker, WorkerConfig, WorkerReport,
};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub use executor::{Script, ScriptedExecutor};
pub use faults::{Fault, busy, refused, unavailable};
pub use store::{MemoryStore, Place, WorkerRow};

/// Longer than anything takes; on the paused clock it costs nothing.
pub const DEADLINE: Duration = Duration::from_mins(10);

/// What happened, in order, in the store and in the executor.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub fn note(&self, what: impl Into<String>) {
        self.0
            .lock()
            .expect("no test panics here")
            .push(what.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("no test panics here").clone()
    }

    /// Everything that begins with one of these words.
    pub fn of(&self, words: &[&str]) -> Vec<String> {
        let all = self.all().into_iter();
        all.filter(|line| words.contains(&line.split(' ').next().unwrap_or_default()))
            .collect()
    }

    pub fn count(&self, word: &str) -> usize {
        self.of(&[word]).len()
    }
}

/// A store, an executor and a configuration.
pub struct Scene {
    pub store: Arc<MemoryStore>,
    pub executor: Arc<ScriptedExecutor>,
    pub config: WorkerConfig,
    pub journal: Journal,
}

impl Scene {
    pub fn new() -> Self {
        let journal = Journal::default();
        Self {
            store: Arc::new(MemoryStore::new(journal.clone())),
            executor: Arc::new(ScriptedExecutor::new(journal.clone())),
            config: WorkerConfig {
                queues: vec!["local".to_owned()],
                until: Until::Empty,
                ..WorkerConfig::default()
            },
            journal,
        }
    }

    /// A job that ends at once with exit code 0, unless a script says otherwise.
    pub fn job(&self) -> i64 {
        self.job_of(JobSpec::process(["true"]))
    }

    pub fn job_of(&self, spec: JobSpec) -> i64 {
        self.store.add(spec)
    }

    pub fn scripted(&self, script: Script) -> i64 {
        self.scripted_of(JobSpec::process(["true"]), script)
    }

    pub fn scripted_of(&self, spec: JobSpec, script: Script) -> i64 {
        let job = self.job_of(spec);
        self.executor.script(job, script);
        job
    }

    pub fn executors(&self) -> Vec<Arc<dyn Executor>> {
        vec![Arc::clone(&self.executor) as Arc<dyn Executor>]
    }

    pub fn worker(&self) -> Worker {
        Worker::new(self.store.as_dyn(), self.executors(), self.config.clone())
            .expect("the scene's configuration is valid")
    }

    pub fn manager(&self) -> QueueManager {
        QueueManager::new(self.store.as_dyn(), self.executors(), self.config.clone())
            .expect("the scene's configuration is valid")
    }

    /// Runs a worker until nothing is left, and checks that it accounts for everything.
    pub async fn work(&self) -> WorkerReport {
        let shutdown = GracefulShutdown::new();
        let report = in_time(self.worker().run(&shutdown))
            .await
            .expect("the worker begins");
        assert_eq!(report.accounted(), report.acquired, "{report:?}");
        report
    }

    /// Runs a worker in the background.
    pub fn start(&self) -> Running {
        start_worker(self.worker())
    }
}

/// Runs a worker in the background.
pub fn start_worker(worker: Worker) -> Running {
    let shutdown = GracefulShutdown::new();
    let told = shutdown.clone();
    let task = tokio::spawn(async move { worker.run(&told).await });
    Running { shutdown, task }
}

/// A worker in the background.
pub struct Running {
    pub shutdown: GracefulShutdown,
    pub task: JoinHandle<Result<WorkerReport, QueueError>>,
}

impl Running {
    /// Waits for its end, and checks that it accounts for everything.
    pub async fn ended(self) -> WorkerReport {
        let report = in_time(self.task).await.expect("the worker does not panic");
        let report = report.expect("the worker begins");
        assert_eq!(report.accounted(), report.acquired, "{report:?}");
        report
    }
}

/// Awaits something that must come.
pub async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what)
        .await
        .expect("it comes before the deadline")
}

/// Waits for a condition, looking every few (virtual) milliseconds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(DEADLINE, wait).await.is_ok(), "never seen: {what}");
}
