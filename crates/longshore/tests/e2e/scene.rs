//! What whole runs share: a database of their own, witnessing jobs, and the verdict over them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use longshore::postgres::PostgresStore;
use longshore::postgres::testing::TestDatabase;
use longshore::sqlite::{Options, SqliteStore};
use longshore::{JobId, JobSpec, Store};
use longshore_history::{self as history, Expectation, Limit, Verdict, Witness};

use crate::stored;
use crate::support::Home;

/// Appends START, works for a few milliseconds, appends END; each line is one write.
///
/// Nobody ends before `$TOGETHER` jobs have started, so that the limit is reached on any machine,
/// however long a launch takes beside the work. The wait is bounded: a queue that never lets so many
/// run at once ends as a verdict, not as a hang.
const SCRIPT: &str = r#"
mark() {
  printf '%s %s %s %s %s\n' "$1" "$LONGSHORE_JOB_ID" "$LONGSHORE_ATTEMPT" 0 "pid-$$" >>"$WITNESS"
}
mark START
looks=0
while [ "$(grep -c '^START' "$WITNESS")" -lt "$TOGETHER" ] && [ "$looks" -lt 2000 ]; do
  looks=$((looks + 1))
  sleep 0.01
done
sleep 0.005
mark END
"#;

/// A database of one test, in a home of its own.
pub struct Scene {
    pub home: Home,
    /// As `--database` takes it.
    pub address: String,
    database: Option<TestDatabase>,
}

impl Scene {
    /// On an SQLite file.
    pub fn on_sqlite() -> Self {
        let home = Home::new();
        let address = format!("sqlite:{}", home.database().display());
        fs::create_dir_all(home.database().parent().expect("a file has a folder"))
            .expect("the home can be written");
        Self {
            home,
            address,
            database: None,
        }
    }

    /// On a PostgreSQL server.
    pub async fn on_postgres() -> Self {
        let database = TestDatabase::create().await;
        Self {
            home: Home::new(),
            address: database.url(),
            database: Some(database),
        }
    }

    /// A handle on the database with connections of its own, as another process has.
    pub async fn store(&self) -> Arc<dyn Store> {
        match &self.database {
            Some(database) => {
                let store: PostgresStore = database.store().await.expect("the database is there");
                Arc::new(store)
            }
            None => {
                let opened = SqliteStore::open(self.home.database(), Options::default()).await;
                Arc::new(opened.expect("the database can be opened"))
            }
        }
    }

    /// Where its jobs write what they do.
    fn witness(&self) -> PathBuf {
        self.home.path().join("witness.log")
    }

    /// What they wrote.
    pub fn witnessed(&self) -> String {
        fs::read_to_string(self.witness()).expect("the jobs wrote")
    }

    /// A job that says when it starts and ends; none ends before `together` of them have started.
    pub fn witnessing_job(&self, queue: &str, together: u32) -> JobSpec {
        let mut spec = JobSpec::process(["sh", "-c", SCRIPT]);
        spec.queue = Some(queue.to_owned());
        let witness = self
            .witness()
            .to_str()
            .expect("temporary paths are UTF-8")
            .to_owned();
        spec.env.insert("WITNESS".to_owned(), witness.into());
        let together = together.to_string();
        spec.env.insert("TOGETHER".to_owned(), together.into());
        spec
    }

    /// What the jobs' own witness says, held against the store: each ran exactly once, all
    /// completed, the limit was reached and never exceeded.
    pub async fn verdict(&self, jobs: &[JobId], limit: u32) -> Verdict {
        let store = self.store().await;
        let mut stored = Vec::new();
        for job in jobs {
            let detail = store.show_job(*job).await.expect("the job is there");
            stored.push(stored::stored(&detail));
        }
        assert_eq!(
            store.audit().await.expect("the audit runs"),
            Vec::<String>::new()
        );
        store.close().await;

        let text = self.witnessed();
        let witness = Witness::parse(&text).expect("every line is whole");
        let ids: Vec<_> = jobs.iter().map(|job| history::JobId(job.0)).collect();
        let limit = Limit {
            name: String::new(),
            max: limit,
            jobs: ids.iter().copied().collect(),
            must_reach: true,
            queue: None,
        };
        let expectation = Expectation::each_once(ids)
            .with_limit(limit)
            .with_stored(stored);
        history::check(&witness, &expectation)
    }
}
