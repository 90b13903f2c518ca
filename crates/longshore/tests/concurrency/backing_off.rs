//! That the product's own retry of a contended call backs off: its pauses are read from a clock that
//! the test brings, over collisions that are real. What they must be is written down here anew, not
//! taken from the product.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore::Store;
use longshore::postgres::PostgresStore;
use longshore::sqlite::SqliteStore;
use longshore_core::store::{Finish, Leases as _, StoreError};
use longshore_postgres::testing::TestDatabase;
use longshore_queue::{RetryClock, Retrying};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::wait::eventually;
use tokio::sync::{Semaphore, watch};

use crate::deadlock_recovery::{
    Opponents, completed, leases, nothing_lost_or_doubled, with_settings,
};
use crate::support::Home;

/// The longest first pause; each further one may be twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(1);

/// More than any call asks for.
const ALL: usize = 10_000;

/// A clock that moves by the pauses alone, notes each, and holds it until it is let go.
struct Noting {
    pauses: watch::Sender<Vec<Duration>>,
    let_go: Semaphore,
}

impl Noting {
    /// One on which so many pauses end by themselves.
    fn letting_go(pauses: usize) -> Arc<Self> {
        Arc::new(Self {
            pauses: watch::Sender::new(Vec::new()),
            let_go: Semaphore::new(pauses),
        })
    }

    fn pauses(&self) -> Vec<Duration> {
        self.pauses.borrow().clone()
    }
}

#[async_trait]
impl RetryClock for Noting {
    fn now(&self) -> Duration {
        self.pauses.borrow().iter().sum()
    }

    async fn pause(&self, time: Duration) {
        self.pauses.send_modify(|pauses| pauses.push(time));
        self.let_go.acquire().await.expect("never closed").forget();
    }
}

/// The longest that the pause before this retry may be, 0 being the first.
fn step(retry: usize) -> Duration {
    let doublings = u32::try_from(retry.min(20)).expect("it is small");
    (FIRST * 2_u32.pow(doublings)).min(LONGEST)
}

/// Each pause lies in the upper half of its step, so that it is longer than the one before until the
/// steps are cut; and at least `least` of them were made, more than three of which grew.
fn they_grew(what: &str, pauses: &[Duration], least: usize) -> Judged {
    let mut wrong = String::new();
    for (retry, pause) in pauses.iter().enumerate() {
        let most = step(retry);
        if *pause < most / 2 || *pause > most {
            let _ = write!(wrong, " pause {retry} of {:?} to {most:?}", most / 2);
        }
    }
    let grew = pauses.windows(2).filter(|two| two[1] > two[0]).count();
    holds("S9", wrong.is_empty(), || {
        format!("{what}: {pauses:?}, not as they should be:{wrong}")
    })
    .and(|| {
        exercised(pauses.len() >= least.max(4) && grew >= 3, || {
            format!("{what}: too few pauses: {pauses:?}")
        })
    })
}

/// The same collision again and again: two sessions that lock in opposite orders. Between two of them
/// the store's call stands in its pause until the next is prepared.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pauses_between_true_deadlocks_grow() {
    const DEADLOCKS: usize = 6;
    let database = TestDatabase::create().await;
    let settings = "-c deadlock_timeout=50ms -c lock_timeout=30s";
    let url = with_settings(&database.url(), settings);
    let store = PostgresStore::connect(&url, longshore::postgres::Options::default()).await;
    let store: Arc<dyn Store> = Arc::new(store.expect("the database is there"));
    let (jobs, keys) = leases(&*store, 3).await;
    let clock = Noting::letting_go(0);
    let retrying = Retrying::new(Arc::clone(&store)).by_clock(Arc::clone(&clock) as _);
    let opponents = Opponents::of(&database, &keys).await;
    let mut finishing = None;
    for deadlock in 1..=DEADLOCKS {
        opponents.prepare().await;
        let running = finishing.get_or_insert_with(|| {
            let retrying = retrying.clone();
            let finishes: Vec<Finish> = keys.iter().copied().map(completed).collect();
            tokio::spawn(async move { retrying.finish(&finishes).await })
        });
        if deadlock > 1 {
            clock.let_go.add_permits(1);
        }
        opponents.collide(|| running.is_finished()).await;
        eventually("the store pauses, or has given up", async || {
            (clock.pauses().len() == deadlock || running.is_finished()).then_some(())
        })
        .await;
    }
    clock.let_go.add_permits(1);
    let outcomes = finishing.expect("it was begun").await.expect("no panic");
    let judged = match outcomes {
        Ok(outcomes) => nothing_lost_or_doubled(&*store, &jobs, &outcomes).await,
        Err(error) => Judged::violated("L1", format!("it was not outlasted: {error}")),
    };
    let (counts, pauses) = (retrying.contention(), clock.pauses());
    store.close().await;
    let judged = judged
        .and(|| they_grew("deadlocks", &pauses, DEADLOCKS))
        .and(|| {
            exercised(counts.deadlock == DEADLOCKS as u64, || {
                format!("{DEADLOCKS} deadlocks were made, seen were: {counts}")
            })
        });
    conclude(&judged);
}

/// The server refuses each time with a code that says "again": after the same pauses for every code, and
/// not beyond the caller's own time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pauses_grow_alike_for_every_code_and_end_with_the_callers_time() {
    /// The pauses up to this one are shorter together, even the longest; those up to the eleventh
    /// longer, even the shortest.
    const TIME: Duration = Duration::from_secs(2);
    let mut judged = Judged::Passed;
    for code in ["40P01", "40001", "55P03"] {
        let database = TestDatabase::create().await;
        let store: Arc<dyn Store> = Arc::new(database.store().await.expect("it is there"));
        let (_, keys) = leases(&*store, 1).await;
        let trigger = format!(
            "CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 RAISE EXCEPTION 'forced' USING ERRCODE = '{code}'; END $$; \
             CREATE TRIGGER collide BEFORE INSERT ON settled FOR EACH STATEMENT \
                 EXECUTE FUNCTION collide()"
        );
        let client = database.client().await;
        client.batch_execute(&trigger).await.expect("a superuser");
        let clock = Noting::letting_go(ALL);
        let retrying = Retrying::new(Arc::clone(&store)).by_clock(Arc::clone(&clock) as _);
        let answer = retrying.within(TIME).finish(&[completed(keys[0])]).await;
        let pauses = clock.pauses();
        store.close().await;
        judged = judged
            .and(|| they_grew(code, &pauses, 8))
            .and(|| in_time(code, &pauses, TIME))
            .and(|| {
                let is_last = matches!(&answer, Err(StoreError::Contended { .. }));
                holds("L1", is_last, || {
                    format!("{code}: the last collision is the answer, not {answer:?}")
                })
            });
    }
    conclude(&judged);
}

/// No pause went beyond the time, and the one that would have is the only reason to give up.
fn in_time(what: &str, pauses: &[Duration], time: Duration) -> Judged {
    let sum: Duration = pauses.iter().sum();
    let next = step(pauses.len());
    holds("S9", sum < time && sum + next >= time, || {
        format!("{what}: {sum:?} of {time:?} were used, the next pause is at most {next:?}")
    })
}

/// Another process holds SQLite's one write lock for longer than a call waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pauses_over_a_busy_file_grow() {
    const REFUSALS: usize = 6;
    let home = Home::new();
    let path = home.database();
    std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("ours");
    let options = longshore::sqlite::Options {
        busy_budget: Duration::from_millis(10),
        ..longshore::sqlite::Options::default()
    };
    let store = SqliteStore::open(&path, options).await.expect("a new file");
    let store: Arc<dyn Store> = Arc::new(store);
    let (jobs, keys) = leases(&*store, 4).await;
    let other = rusqlite::Connection::open(&path).expect("the file is there");
    let hold = "BEGIN IMMEDIATE";
    other.execute_batch(hold).expect("nobody writes");
    // The last pause is held until the lock is given back: so it is the last.
    let clock = Noting::letting_go(REFUSALS - 1);
    let retrying = Retrying::new(Arc::clone(&store)).by_clock(Arc::clone(&clock) as _);
    let finishing = {
        let retrying = retrying.clone();
        let finishes: Vec<Finish> = keys.iter().copied().map(completed).collect();
        tokio::spawn(async move { retrying.finish(&finishes).await })
    };
    eventually("all of its pauses", async || {
        (clock.pauses().len() == REFUSALS || finishing.is_finished()).then_some(())
    })
    .await;
    other.execute_batch("ROLLBACK").expect("it was held");
    clock.let_go.add_permits(ALL);
    let outcomes = finishing.await.expect("no panic");
    let judged = match outcomes {
        Ok(outcomes) => nothing_lost_or_doubled(&*store, &jobs, &outcomes).await,
        Err(error) => Judged::violated("L1", format!("it was not outlasted: {error}")),
    };
    let (counts, pauses) = (retrying.contention(), clock.pauses());
    store.close().await;
    let judged = judged
        .and(|| they_grew("a busy file", &pauses, REFUSALS))
        .and(|| {
            exercised(counts.busy == counts.total() && counts.busy > 0, || {
                format!("seen were: {counts}")
            })
        });
    conclude(&judged);
}
