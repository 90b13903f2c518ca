//! Throw-away databases for tests: one each, cloned from a migrated template.
//!
//! The server is whatever `LONGSHORE_TEST_POSTGRES_URL` names; `cargo xtask test` starts one. The
//! template is made once per server and version of the migrations.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use longshore_core::store::{Finding, StoreResult};
use longshore_core::{HostId, QueueId, WorkerId};

use crate::databases::with_database;
use crate::migrate::{MIGRATIONS, Session, migrate};
use crate::server::Server;
use crate::{Options, PostgresStore, timestamps};

/// Where tests look for the server.
const URL_VARIABLE: &str = "LONGSHORE_TEST_POSTGRES_URL";

/// A database of one test; it is dropped with this value, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server: String,
}

impl TestDatabase {
    /// A fresh, migrated database with a name (instance) of its own.
    ///
    /// # Panics
    /// If the server is not there: a test that can't run has failed.
    pub async fn create() -> Self {
        let server = server_url();
        let template = template(&server).await;
        let name = format!("longshore_test_{:016x}", rand::random::<u64>());
        execute(
            &server,
            "postgres",
            // Copying files takes a third of the time that writing every page to the log does.
            &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"),
        )
        .await;
        let database = Self { name, server };
        let rename = "UPDATE longshore.instance \
                      SET id = substr(replace(gen_random_uuid()::text, '-', ''), 1, 12), \
                      home = longshore.database_home()";
        execute(&database.server, &database.name, rename).await;
        database.plant().await;
        database
    }

    /// A copy of it, as somebody makes who clones a database: with its name, and all that is in it. Nobody
    /// may be connected to it.
    ///
    /// # Panics
    /// As [`TestDatabase::create`].
    pub async fn copy(&self) -> Self {
        let name = format!("longshore_test_{:016x}", rand::random::<u64>());
        let session = open(&with_database(&self.server, "postgres")).await;
        let copy = format!("CREATE DATABASE {name} TEMPLATE {}", self.name);
        when_free(&session, &copy).await;
        Self {
            name,
            server: self.server.clone(),
        }
    }

    /// Puts the planted bug into the functions that it changes; none without a bug.
    async fn plant(&self) {
        for (function, edits) in longshore_fault::function_edits() {
            self.change_function(function, |text| {
                let apply = |text: String, edit: &&longshore_fault::Edit| edit.apply(&text);
                edits.iter().fold(text.to_owned(), apply)
            })
            .await;
        }
    }

    /// Replaces a function of the schema by what `change` makes of its text, in this database alone.
    ///
    /// # Panics
    /// If there is no such function, or the new text is none.
    pub async fn change_function(&self, name: &str, change: impl Fn(&str) -> String) {
        let client = self.client().await;
        let text = "SELECT pg_get_functiondef(('longshore.' || $1)::regproc)";
        let row = client.query_one(text, &[&name]).await.expect(name);
        let changed = change(row.get(0));
        client.batch_execute(&changed).await.expect(&changed);
    }

    /// A database without a schema, for tests of migrations.
    ///
    /// # Panics
    /// As [`TestDatabase::create`].
    pub async fn create_empty() -> Self {
        let server = server_url();
        let name = format!("longshore_test_{:016x}", rand::random::<u64>());
        execute(&server, "postgres", &format!("CREATE DATABASE {name}")).await;
        Self { name, server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        with_database(&self.server, &self.name)
    }

    /// A store on it, with the connections of another process.
    pub async fn store(&self) -> StoreResult<PostgresStore> {
        let options = Options {
            pool_size: 6,
            ..Options::default()
        };
        PostgresStore::connect(&self.url(), options).await
    }

    /// Makes a worker's last sign of life older than it is.
    ///
    /// # Panics
    /// If there is no such worker.
    pub async fn age_heartbeat(&self, worker: WorkerId, by: Duration) {
        let sql = "UPDATE worker SET heartbeat_at = heartbeat_at - make_interval(secs => $2) \
                   WHERE id = $1";
        self.age(sql, worker.0, by).await;
    }

    /// Makes it longer ago that a host was reached.
    ///
    /// # Panics
    /// If there is no such host.
    pub async fn age_host(&self, host: HostId, by: Duration) {
        let sql = "UPDATE host SET last_seen_at = last_seen_at - make_interval(secs => $2) \
                   WHERE id = $1";
        self.age(sql, host.0, by).await;
    }

    async fn age(&self, sql: &str, id: i64, by: Duration) {
        let client = self.client().await;
        let aged = client.execute(sql, &[&id, &by.as_secs_f64()]).await;
        assert_eq!(aged.expect(sql), 1, "{sql}: {id}");
    }

    /// A plain connection to it, for what a test wants to do behind the store's back. It ends with
    /// the value.
    ///
    /// # Panics
    /// If there is none to be had.
    pub async fn client(&self) -> TestClient {
        let session = open(&self.url()).await;
        let path = "SET search_path = longshore, pg_temp; SET jit = off";
        session
            .client
            .batch_execute(path)
            .await
            .expect("a fresh session");
        TestClient(session)
    }
}

/// What a store remembers of a queue's line: see `acquire` in the migrations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// When the server process that taught it was started.
    pub server: Option<std::time::SystemTime>,
    /// The frontier's segments: (lane, seq, next lane).
    pub segments: Vec<(i16, i64, i16)>,
    /// The live slots: epoch, slots, and above what there may be others.
    pub live: Option<(i64, Vec<i64>, i64)>,
}

impl PostgresStore {
    /// What `doctor` sees of what has been going on for long, as if it were `later` than it is.
    pub async fn diagnose_later(&self, later: Duration) -> StoreResult<Vec<Finding>> {
        crate::diagnosis::diagnose(&self.db, later).await
    }

    /// [`PostgresStore::look_at_line`], as if it were `later` than it is.
    pub async fn look_at_line_later(&self, queue: QueueId, later: Duration) -> StoreResult<()> {
        self.lines.look(queue, later).await
    }

    /// Where a look of this store at a queue's line begins: (lane, seq, next lane, covered).
    pub fn asked(&self, queue: QueueId) -> Vec<(i16, i64, i16, i64)> {
        let (_, _, asked) = self.lines.asked(queue);
        asked
            .iter()
            .map(|a| {
                (
                    a.segment.lane,
                    a.segment.seq,
                    a.segment.next_lane,
                    a.covered,
                )
            })
            .collect()
    }

    /// What this store remembers of a queue's line.
    pub fn remembered(&self, queue: QueueId) -> Remembered {
        let known = self.lines.known(queue);
        let segments = known.segments.iter();
        Remembered {
            server: known.server.map(timestamps::parameter),
            segments: segments
                .map(|part| (part.lane, part.seq, part.next_lane))
                .collect(),
            live: known.live.map(|live| (live.epoch, live.slots, live.above)),
        }
    }
}

/// A plain connection.
#[derive(Debug)]
pub struct TestClient(Session);

impl std::ops::Deref for TestClient {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.0.client
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        // A thread, because this one may be in the middle of an async test.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .expect("a runtime")
                .block_on(execute(&server, "postgres", &drop_it));
        });
        if dropping.join().is_err() {
            eprintln!("the test database {} was not dropped", self.name);
        }
    }
}

fn server_url() -> String {
    std::env::var(URL_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{URL_VARIABLE} names no server: run the tests by `cargo xtask test`, which starts one"
        )
    })
}

/// Makes the template, unless it is there; returns its name.
async fn template(server: &str) -> String {
    let mut hasher = DefaultHasher::new();
    MIGRATIONS.hash(&mut hasher);
    let template = format!("longshore_template_{:016x}", hasher.finish());
    let session = open(&with_database(server, "postgres")).await;
    let lock = "SELECT pg_advisory_lock(hashtext('longshore test template'))";
    session.client.batch_execute(lock).await.expect("lock");
    let there = "SELECT 1 FROM pg_database WHERE datname = $1";
    if session
        .client
        .query_opt(there, &[&template])
        .await
        .expect("ask")
        .is_none()
    {
        let unfinished = format!("{template}_unfinished");
        for statement in [
            format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"),
            format!("CREATE DATABASE {unfinished}"),
        ] {
            session
                .client
                .batch_execute(&statement)
                .await
                .expect("a database");
        }
        let url = with_database(server, &unfinished);
        migrate(&url, &Options::default())
            .await
            .expect("migrations that work");
        let rename = format!("ALTER DATABASE {unfinished} RENAME TO {template}");
        when_free(&session, &rename).await;
    }
    session
        .client
        .batch_execute("SELECT pg_advisory_unlock_all()")
        .await
        .expect("unlock");
    template
}

/// Sessions that were closed take a moment to be gone.
async fn when_free(session: &Session, statement: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while let Err(error) = session.client.batch_execute(statement).await {
        assert!(std::time::Instant::now() < deadline, "{statement}: {error}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A session of the tests' own.
async fn open(url: &str) -> Session {
    let server = Server::at(url).expect("an address of our own making");
    let session = Session::open(&server).await;
    session.expect("the test server can be reached")
}

async fn execute(server: &str, database: &str, sql: &str) {
    let session = open(&with_database(server, database)).await;
    session
        .client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}
