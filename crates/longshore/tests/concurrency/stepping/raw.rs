//! A database behind the stores' backs: what a test changes because no verb does it yet, and what it
//! looks at when all is over.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longshore_core::{JobId, QueueId, WorkerId};
use longshore_postgres::testing::TestClient;

use super::pair::Place;

/// How long a statement of the test waits for SQLite's write lock.
const BUSY: Duration = Duration::from_secs(30);
/// Between two looks at that lock.
const GLANCE: Duration = Duration::from_millis(2);

thread_local! {
    /// SQLite hands its handler nothing but a count, so what it counts in lies with the thread.
    static COUNTED_IN: RefCell<Arc<AtomicU64>> = RefCell::default();
}

const PLACES: &str = "
SELECT job_id, 'ready', lane, CAST(0 AS bigint), false, '' FROM ready WHERE queue_id = $1
UNION ALL SELECT job_id, 'scheduled', lane, 0, false, '' FROM scheduled WHERE queue_id = $1
UNION ALL SELECT job_id, 'lease', lane, token, cancel_requested_at IS NOT NULL, '' FROM lease
    WHERE queue_id = $1
UNION ALL SELECT job_id, 'settled', CAST(0 AS smallint), 0, false, CAST(state AS text) FROM settled
    WHERE queue_id = $1";

/// One of both kinds.
pub enum Raw {
    Postgres(TestClient),
    /// Each statement has a connection of its own: they are few. With how often they found the write
    /// lock taken.
    Sqlite(PathBuf, Arc<AtomicU64>),
}

impl Raw {
    /// Makes these scheduled jobs due.
    pub async fn make_due(&self, jobs: &[JobId]) {
        for JobId(job) in jobs {
            let postgres = "UPDATE scheduled SET due_at = now() - interval '1 s' WHERE job_id = $1";
            let sqlite = "UPDATE scheduled SET due_at = due_at / 2 WHERE job_id = $1";
            assert_eq!(self.change(postgres, sqlite, *job).await, 1, "job {job}");
        }
    }

    /// Makes a worker silent for longer than its leases last.
    pub async fn silence(&self, worker: WorkerId) {
        let postgres = "UPDATE worker SET heartbeat_at = now() - 2 * lease_ttl WHERE id = $1";
        let sqlite =
            "UPDATE worker SET heartbeat_at = heartbeat_at - 2 * lease_ttl_micros WHERE id = $1";
        let changed = self.change(postgres, sqlite, worker.0).await;
        assert_eq!(changed, 1, "worker {worker}");
    }

    /// Where the jobs of a queue are; of each, every row that it has.
    pub async fn places(&self, queue: QueueId) -> BTreeMap<JobId, Vec<Place>> {
        let rows: Vec<(i64, Place)> = match self {
            Self::Postgres(client) => {
                let rows = client.query(PLACES, &[&queue.0]).await.expect("places");
                let place = |row: &tokio_postgres::Row| Place {
                    name: row.get(1),
                    lane: row.get(2),
                    token: row.get(3),
                    is_cancel_requested: row.get(4),
                    state: row.get(5),
                };
                rows.iter().map(|row| (row.get(0), place(row))).collect()
            }
            Self::Sqlite(path, _) => places_over(&open(path), queue),
        };
        let mut places: BTreeMap<JobId, Vec<Place>> = BTreeMap::new();
        for (job, place) in rows {
            places.entry(JobId(job)).or_default().push(place);
        }
        places
    }

    /// Whether a worker is fenced.
    pub async fn is_fenced(&self, WorkerId(worker): WorkerId) -> bool {
        let sql = "SELECT fenced FROM worker WHERE id = $1";
        match self {
            Self::Postgres(client) => {
                let row = client.query_one(sql, &[&worker]).await;
                row.expect("it is there").get(0)
            }
            Self::Sqlite(path, _) => {
                let fenced = open(path).query_row(sql, [worker], |row| row.get(0));
                fenced.expect("it is there")
            }
        }
    }

    /// How often a change found SQLite's write lock taken.
    pub fn looks_in_vain(&self) -> u64 {
        match self {
            Self::Postgres(_) => 0,
            Self::Sqlite(_, looks) => looks.load(Ordering::Relaxed),
        }
    }

    /// A statement of the test's own, on PostgreSQL.
    pub async fn on_postgres(&self, sql: &str, id: i64) -> u64 {
        match self {
            Self::Postgres(client) => client.execute(sql, &[&id]).await.expect("a statement"),
            Self::Sqlite(..) => panic!("for PostgreSQL alone: {sql}"),
        }
    }

    async fn change(&self, postgres: &str, sqlite: &'static str, id: i64) -> u64 {
        match self {
            Self::Postgres(_) => self.on_postgres(postgres, id).await,
            Self::Sqlite(path, looks) => {
                let (path, looks) = (path.clone(), Arc::clone(looks));
                // It may wait for the write lock.
                let change = move || {
                    COUNTED_IN.set(looks);
                    change_over(&mut open(&path), sqlite, id)
                };
                let changed = tokio::task::spawn_blocking(change).await;
                changed.expect("no panic")
            }
        }
    }
}

fn look_again(looks: i32) -> bool {
    COUNTED_IN.with_borrow(|counted| counted.fetch_add(1, Ordering::Relaxed));
    std::thread::sleep(GLANCE);
    GLANCE * looks.unsigned_abs() < BUSY
}

/// Runs statements in one transaction; what the last of them changed.
fn change_over(connection: &mut rusqlite::Connection, sql: &str, id: i64) -> u64 {
    let handler = connection.busy_handler(Some(look_again));
    handler.expect("a handler");
    let immediate = rusqlite::TransactionBehavior::Immediate;
    let tx = connection
        .transaction_with_behavior(immediate)
        .expect("the lock");
    let mut changed = 0;
    for statement in sql.split(';') {
        let mut statement = tx.prepare(statement).expect("a statement");
        let params = rusqlite::params_from_iter([id].into_iter().take(statement.parameter_count()));
        changed = statement.execute(params).expect("a change");
    }
    tx.commit().expect("the end of it");
    changed as u64
}

/// A connection to an SQLite file.
pub fn open(path: &PathBuf) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).expect("the file is there");
    connection.busy_timeout(BUSY).expect("a time");
    connection
}

/// As one connection sees them.
pub fn places_over(connection: &rusqlite::Connection, queue: QueueId) -> Vec<(i64, Place)> {
    let mut statement = connection.prepare(PLACES).expect("a statement");
    let place = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get(0)?,
            Place {
                name: row.get(1)?,
                lane: row.get(2)?,
                token: row.get(3)?,
                is_cancel_requested: row.get(4)?,
                state: row.get(5)?,
            },
        ))
    };
    let rows = statement.query_map([queue.0], place).expect("places");
    rows.map(|row| row.expect("a place")).collect()
}
