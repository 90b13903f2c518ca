//! A recorded store with a queue, and the verdict over what became of its jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore::sqlite::{Options, SqliteStore};
use longshore::{JobId, JobSpec, Store};
use longshore_core::QueueId;
use longshore_core::limit::Limit;
use longshore_core::queue::NewQueue;
use longshore_core::store::{Registry as _, Submissions as _};
use longshore_history::{self as history, Exercise, Expectation};
use longshore_testkit::recording::{Journal, Recording};

/// The queue's name.
pub const QUEUE: &str = "q";

pub struct Scene {
    pub store: Recording,
    pub queue: QueueId,
    limit: u32,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// An SQLite file with one queue under a limit, written down in memory.
    pub async fn with_limit(limit: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("longshore.db");
        let store = SqliteStore::open(path, Options::default()).await;
        let store: Arc<dyn Store> = Arc::new(store.expect("a temporary file opens"));
        let store = Recording::new(store, Arc::new(Journal::in_memory()));
        store.note_queues().await.expect("the store answers");
        let queue = NewQueue {
            name: QUEUE.to_owned(),
            executor: "process".to_owned(),
            host_selector: BTreeMap::new(),
            max_concurrent: Some(Limit(limit)),
        };
        let queue = store.create_queue(&queue).await.expect("a fresh name");
        Self {
            store,
            queue: queue.id,
            limit,
            _folder: folder,
        }
    }

    /// A spec of the queue.
    pub fn spec() -> JobSpec {
        JobSpec {
            queue: Some(QUEUE.to_owned()),
            ..JobSpec::process(["true"])
        }
    }

    pub async fn submit(&self, spec: JobSpec) -> JobId {
        let job = spec.validate().expect("the test's spec is valid");
        let submitted = self.store.submit(&[job]).await.expect("it is submitted");
        submitted[0].job
    }

    /// What the checker is told, beside the journal.
    pub async fn expectation(&self, jobs: &[JobId], must: Exercise) -> Expectation {
        use longshore_core::store::Reading as _;
        let mut stored = Vec::new();
        for job in jobs {
            let detail = self.store.show_job(*job).await.expect("it is there");
            stored.push(crate::stored::stored(&detail));
        }
        let ids = jobs.iter().map(|job| history::JobId(job.0));
        let limit = history::Limit {
            name: format!("queue {QUEUE}"),
            max: self.limit,
            jobs: ids.clone().collect(),
            must_reach: true,
            queue: Some(history::QueueId(self.queue.0)),
        };
        Expectation {
            failures_at_most: Some(0),
            ..Expectation::each_once(ids)
                .with_limit(limit)
                .with_stored(stored)
                .exercising(must)
                .of_whole_store()
        }
    }

    #[track_caller]
    pub fn passes(&self, expectation: &Expectation) {
        let text = self.store.journal().text();
        let witness = history::Witness::parse(&text).expect("every line is read back");
        let verdict = history::check(&witness, expectation);
        assert!(verdict.is_passed(), "{verdict}\n{text}");
    }
}
