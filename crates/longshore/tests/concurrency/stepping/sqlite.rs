//! The same pairs on SQLite, as far as there is anything to interleave.
//!
//! There is one write transaction at a time, begun before anything is read: between its statements
//! nothing of another can come, so there are no fault points to order within them. What is left is
//! which transaction goes first. Each order of whole verbs is played, and judged as on PostgreSQL.
//! Then all wait together behind a transaction that the test holds, and go in whatever order comes:
//! what they leave must be what one of the orders allows. Which order that was can't be chosen or
//! seen, so it is not counted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use longshore_core::store::Store;
use longshore_sqlite::{Options, SqliteStore};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::wait::eventually;

use super::acquiring::{
    beside_a_cancellation, beside_a_finish, two_under_a_limit, two_without_a_limit,
};
use super::ending::{finish_beside_a_cancellation, hand_back_beside_a_cancellation};
use super::limits::{
    beside_a_first_limit, beside_a_lower_limit, three_and_a_first_limit, three_under_a_limit,
};
use super::moving::{reprioritise_beside_an_acquisition, stage_beside_an_acquisition};
use super::pair::{Answer, Hands, Pair, Played, World};
use super::raw::{Raw, open, places_over};
use super::taking_over::{
    acquire_beside_a_take_over, finish_beside_a_take_over, heartbeat_beside_a_take_over,
    two_that_take_over,
};

/// How often all wait behind a held transaction.
const TOGETHER: usize = 8;
/// How often each session finds the lock taken before it is let go: time in which one that does
/// not heed it goes on beside the held transaction.
const LOOKS: u64 = 2;

struct Handles {
    path: PathBuf,
    stores: Vec<Arc<SqliteStore>>,
    raw: Arc<Raw>,
    made: usize,
}

impl Handles {
    async fn open(path: PathBuf, sessions: usize) -> Self {
        let mut stores = Vec::new();
        for _ in 0..=sessions {
            let store = SqliteStore::open(&path, Options::default()).await;
            stores.push(Arc::new(store.expect("a temporary file opens")));
        }
        Self {
            raw: Arc::new(Raw::Sqlite(path.clone(), Arc::default())),
            path,
            stores,
            made: 0,
        }
    }

    /// The handle that no session has.
    fn own(&self) -> &dyn Store {
        &**self.stores.last().expect("one more than sessions")
    }

    async fn make(&mut self, pair: &Pair) -> Arc<World> {
        self.made += 1;
        let name = format!("line-{}", self.made);
        let sessions = pair.actors.len();
        let made = pair.setting.make(self.own(), &self.raw, &name, sessions);
        Arc::new(made.await)
    }

    fn hands(&self, who: usize, world: &Arc<World>) -> Arc<Hands> {
        Arc::new(Hands {
            store: Arc::clone(&self.stores[who]) as Arc<dyn Store>,
            raw: Arc::clone(&self.raw),
            worker: world.workers[who],
            world: Arc::clone(world),
        })
    }

    /// What is judged, as if the verbs had gone in this order.
    async fn judge(
        &self,
        pair: &Pair,
        world: &Arc<World>,
        answers: &[Answer],
        order: &[usize],
    ) -> Judged {
        let mut reached = vec![BTreeMap::new(); order.len()];
        let mut done = vec![0; order.len()];
        for (step, who) in order.iter().enumerate() {
            done[*who] = step;
            for gate in pair.actors[*who].program.gates {
                reached[*who].insert(*gate, step);
            }
        }
        let (own, world) = (self.own(), Arc::clone(world));
        let played = Played::look(own, &self.raw, world, answers.to_vec(), reached, done).await;
        let audit = own.audit().await.expect("audit");
        (played.one_place_each())
            .and(|| holds("S4", audit.is_empty(), || format!("the audit: {audit:?}")))
            .and(|| (pair.judge)(&played))
    }

    /// One verb after the other.
    async fn in_order(&mut self, pair: &Pair, order: &[usize]) -> Judged {
        let world = self.make(pair).await;
        let mut answers = vec![Answer::Changed; order.len()];
        for who in order {
            answers[*who] = (pair.actors[*who].run)(self.hands(*who, &world)).await;
        }
        self.judge(pair, &world, &answers, order).await
    }

    /// All at once, behind a transaction that is held until all have begun.
    async fn together(&mut self, pair: &Pair, orders: &[Vec<usize>]) -> Judged {
        let world = self.make(pair).await;
        let holder = open(&self.path);
        holder.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        let before = places_over(&holder, world.queue.id);
        let looks = |who: usize| self.stores[who].looks_in_vain();
        let looked: Vec<u64> = (0..pair.actors.len()).map(looks).collect();
        let looked_raw = self.raw.looks_in_vain();
        let running: Vec<_> = (0..pair.actors.len())
            .map(|who| tokio::spawn((pair.actors[who].run)(self.hands(who, &world))))
            .collect();
        let waits = |who: usize| looks(who) >= looked[who] + LOOKS;
        // An acquisition looks before it asks for the lock, and may see that there is nothing to get.
        eventually("each waits for the lock, or has ended", async || {
            let sessions = running.iter().enumerate();
            let known = sessions.filter(|(who, session)| session.is_finished() || waits(*who));
            // One at most has a statement of the test's own instead of a verb.
            let raw = usize::from(self.raw.looks_in_vain() >= looked_raw + LOOKS);
            (known.count() + raw >= running.len()).then_some(())
        })
        .await;
        let waited =
            (0..pair.actors.len()).any(waits) && places_over(&holder, world.queue.id) == before;
        holder.execute_batch("COMMIT").expect("the end of it");
        let answers = join_all(running).await.into_iter();
        let answers: Vec<Answer> = answers.map(|answer| answer.expect("no panic")).collect();
        let mut judged = Judged::Passed;
        for order in orders {
            judged = self.judge(pair, &world, &answers, order).await;
            if judged == Judged::Passed {
                break;
            }
        }
        judged.and(|| {
            exercised(waited, || {
                format!("{}: nobody waited for the held transaction", pair.name)
            })
        })
    }
}

fn every_order_of_whole_verbs(pair: &Pair) -> Judged {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("longshore.db");
        let mut handles = Handles::open(path, pair.actors.len()).await;
        let orders: Vec<Vec<usize>> = match pair.actors.len() {
            2 => vec![vec![0, 1], vec![1, 0]],
            _ => [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
                .map(Vec::from)
                .to_vec(),
        };
        let mut judged = Judged::Passed;
        for order in &orders {
            let this = handles.in_order(pair, order).await;
            judged = judged.and(|| this);
        }
        for _ in 0..TOGETHER {
            let this = handles.together(pair, &orders).await;
            judged = judged.and(|| this);
        }
        println!(
            "{} on SQLite: {} orders of whole verbs reached; {TOGETHER} times all behind a held transaction",
            pair.name,
            orders.len()
        );
        for store in &handles.stores {
            store.close().await;
        }
        judged
    })
}

#[test]
fn acquisitions_on_sqlite_in_every_order_of_whole_verbs() {
    let mut judged = Judged::Passed;
    for pair in [
        two_under_a_limit(),
        two_without_a_limit(),
        beside_a_finish(),
        beside_a_cancellation(),
        beside_a_lower_limit(),
        beside_a_first_limit(),
        three_under_a_limit(),
        three_and_a_first_limit(),
        stage_beside_an_acquisition(),
        reprioritise_beside_an_acquisition(),
    ] {
        judged = judged.and(|| every_order_of_whole_verbs(&pair));
    }
    conclude(&judged);
}

#[test]
fn ends_on_sqlite_in_every_order_of_whole_verbs() {
    let mut judged = Judged::Passed;
    for pair in [
        finish_beside_a_cancellation(),
        hand_back_beside_a_cancellation(),
    ] {
        judged = judged.and(|| every_order_of_whole_verbs(&pair));
    }
    conclude(&judged);
}

#[test]
fn take_overs_on_sqlite_in_every_order_of_whole_verbs() {
    let mut judged = Judged::Passed;
    for pair in [
        two_that_take_over(),
        heartbeat_beside_a_take_over(),
        finish_beside_a_take_over(),
        acquire_beside_a_take_over(),
    ] {
        judged = judged.and(|| every_order_of_whole_verbs(&pair));
    }
    conclude(&judged);
}
