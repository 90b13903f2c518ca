//! A controller and the sessions that it leads, on real PostgreSQL.
//!
//! A step lets one session go, then looks, in one query, until it is known of every session how it
//! stands: at a gate (it waits for a lock that the controller holds), blocked by another session of
//! the test (`pg_blocking_pids`), or ended. Nothing here waits for time to pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::store::{Store, Upkeep as _};
use longshore_postgres::testing::{TestClient, TestDatabase};
use longshore_postgres::{Options, PostgresStore};
use tokio::task::JoinHandle;

use super::gates::Gate;
use super::model::{Model, State};
use super::pair::{Answer, Hands, Pair, Played, World};
use super::raw::Raw;

/// How long a session may be neither at a gate nor blocked nor done: far more than a statement takes.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks at the sessions.
const PAUSE: Duration = Duration::from_micros(300);

/// Blocked is who waits for a row. Hints, too, take turns at their commits, for a moment.
///
/// Asked thousands of times: so of the led sessions alone, and the table of all locks is read only for
/// one that says that it stands at a gate.
const SESSIONS: &str = "
SELECT a.pid,
       CASE WHEN a.wait_event IN ('transactionid', 'tuple') THEN pg_blocking_pids(a.pid)
            ELSE '{}' END AS blockers,
       CASE WHEN a.wait_event = 'advisory' THEN (
           SELECT l.objid::bigint FROM pg_locks AS l
           WHERE l.pid = a.pid AND l.locktype = 'advisory' AND NOT l.granted) END AS gate
FROM unnest($1::integer[]) AS led (pid), LATERAL pg_stat_get_activity(led.pid) AS a";

/// A session that is led.
struct Session {
    /// What its gates are known by.
    number: i32,
    store: Arc<dyn Store>,
    raw: Arc<Raw>,
    pids: Vec<i32>,
}

/// A controller and its sessions.
pub struct Lane {
    controller: TestClient,
    sessions_sql: tokio_postgres::Statement,
    store: PostgresStore,
    raw: Raw,
    sessions: Vec<Session>,
    played: u32,
}

/// What came of one order.
pub struct Report {
    /// Whether every step was taken in its turn.
    pub in_order: bool,
    /// Where a session stood otherwise than the model said.
    pub surprise: Option<String>,
    /// Orders that can't go on: so far, and who would have been next but was blocked.
    pub blocked: Vec<Vec<usize>>,
    pub played: Played,
}

impl Lane {
    pub async fn open(database: &TestDatabase, number: usize, sessions: usize) -> Self {
        let controller = database.client().await;
        let quiet = |name: &str| Options {
            pool_size: 1,
            application_name: name.to_owned(),
            // Gates are locks, too: how long a session stands there is no contention.
            lock_timeout: DEADLINE * 2,
            statement_timeout: DEADLINE * 2,
            idle_time: Duration::from_secs(10),
            look_interval: None,
        };
        let mut led = Vec::new();
        for place in 0..sessions {
            let number = i32::try_from(number * 10 + place + 1).expect("a few");
            let name = format!("step-{number}");
            let url = database.url();
            let and = if url.contains('?') { '&' } else { '?' };
            let url = format!("{url}{and}options=-c%20longshore.step%3D{number}");
            let store = PostgresStore::connect(&url, quiet(&name)).await;
            let raw = database.client().await;
            let settings = format!(
                "SET longshore.step = '{number}'; SET application_name = '{name}'; \
                 SET lock_timeout = '60s'"
            );
            raw.batch_execute(&settings).await.expect("settings");
            let of_name = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 \
                           AND datname = current_database()";
            let pids = controller.query(of_name, &[&name]).await.expect("pids");
            led.push(Session {
                number,
                store: Arc::new(store.expect("migrated")),
                raw: Arc::new(Raw::Postgres(raw)),
                pids: pids.iter().map(|row| row.get(0)).collect(),
            });
        }
        Self {
            sessions_sql: controller.prepare(SESSIONS).await.expect("a statement"),
            controller,
            store: PostgresStore::connect(&database.url(), quiet("setting"))
                .await
                .expect("migrated"),
            raw: Raw::Postgres(database.client().await),
            sessions: led,
            played: 0,
        }
    }

    /// Plays one order to its end. Where a session can't take its step in its turn, the rest is let
    /// go in whatever order comes.
    pub async fn play(&mut self, pair: &Pair, order: &[usize]) -> Report {
        self.played += 1;
        let name = format!("line-{}-{}", self.sessions[0].number, self.played);
        let setting = pair.setting;
        let world = setting.make(&self.store, &self.raw, &name, self.sessions.len());
        let world = Arc::new(world.await);
        self.shut(pair).await;
        let programs: Vec<_> = pair.actors.iter().map(|actor| actor.program).collect();
        let mut model = Model::new(&programs, pair.rows, pair.setting.limit.is_some());
        let count = pair.actors.len();
        let mut running: Vec<Option<JoinHandle<Answer>>> = (0..count).map(|_| None).collect();
        let mut states = vec![State::Idle; count];
        let mut reached = vec![BTreeMap::new(); count];
        let mut done = vec![usize::MAX; count];
        let mut surprise = None;
        let mut in_order = true;
        let mut blocked = Vec::new();
        let mut turns = order.iter().copied();
        for step in 0.. {
            let who = match turns.next() {
                Some(who) if states[who] != State::Blocked => who,
                other => {
                    // Its turn, and it is blocked: from here on whoever can go goes.
                    in_order &= other.is_none();
                    turns = [].iter().copied();
                    let can = |state: &State| matches!(state, State::Idle | State::Parked(_));
                    let Some(who) = states.iter().position(can) else {
                        break;
                    };
                    who
                }
            };
            match states[who] {
                State::Idle => running[who] = Some(self.begin(pair, who, &world)),
                State::Parked(gate) => {
                    self.let_go(who, pair.actors[who].program.gates[gate]).await;
                }
                State::Done => continue,
                State::Blocked => unreachable!("no turn is given to it"),
            }
            states = self.settle(pair, &running).await;
            if surprise.is_none() {
                model.step(who);
                if states != model.states() {
                    surprise = Some(format!(
                        "after step {step} of {order:?} the sessions are {states:?}, \
                         and the model says {:?}",
                        model.states()
                    ));
                }
            }
            note(pair, &states, step, &mut reached, &mut done);
            if let Some(so_far) = order.get(..=step).filter(|_| in_order) {
                let waits = (0..count).filter(|who| states[*who] == State::Blocked);
                blocked.extend(waits.map(|who| [so_far, &[who]].concat()));
            }
        }
        // Gates that a session never came to.
        let unlock = "SELECT pg_advisory_unlock_all()";
        let unlocked = self.controller.batch_execute(unlock).await;
        unlocked.expect("unlock");
        let mut answers = Vec::new();
        for handle in running {
            let handle = handle.expect("every session began");
            let answer = tokio::time::timeout(DEADLINE, handle).await;
            answers.push(answer.expect("it ends").expect("the verb gives an answer"));
        }
        let all_done = vec![State::Done; count];
        note(pair, &all_done, usize::MAX, &mut reached, &mut done);
        let played = Played::look(&self.store, &self.raw, world, answers, reached, done).await;
        Report {
            in_order,
            surprise,
            blocked,
            played,
        }
    }

    /// Everything that the tables' own rules say against what is there.
    pub async fn audit(&self) -> Vec<String> {
        self.store.audit().await.expect("audit")
    }

    fn begin(&self, pair: &Pair, who: usize, world: &Arc<World>) -> JoinHandle<Answer> {
        let session = &self.sessions[who];
        tokio::spawn((pair.actors[who].run)(Arc::new(Hands {
            store: Arc::clone(&session.store),
            raw: Arc::clone(&session.raw),
            worker: world.workers[who],
            world: Arc::clone(world),
        })))
    }

    async fn shut(&self, pair: &Pair) {
        let (mut numbers, mut gates) = (Vec::new(), Vec::new());
        for (session, actor) in self.sessions.iter().zip(&pair.actors) {
            for gate in actor.program.gates {
                numbers.push(session.number);
                gates.push(*gate as i32);
            }
        }
        let sql =
            "SELECT pg_advisory_lock(s, g) FROM unnest($1::integer[], $2::integer[]) AS t(s, g)";
        let shut = self.controller.query(sql, &[&numbers, &gates]).await;
        shut.expect("nobody else has them");
    }

    async fn let_go(&self, who: usize, gate: Gate) {
        let number = self.sessions[who].number;
        let sql = format!("SELECT pg_advisory_unlock({number}, {})", gate as i32);
        self.controller.batch_execute(&sql).await.expect("unlock");
    }

    /// How all sessions stand, once that is known of each.
    async fn settle(&self, pair: &Pair, running: &[Option<JoinHandle<Answer>>]) -> Vec<State> {
        let pids: Vec<i32> = self.sessions.iter().flat_map(|s| s.pids.clone()).collect();
        let deadline = Instant::now() + DEADLINE;
        let mut before = None;
        loop {
            // Asked first: who had ended by then holds no lock that the query could see.
            let ended: Vec<bool> = running
                .iter()
                .map(|handle| handle.as_ref().is_some_and(JoinHandle::is_finished))
                .collect();
            let rows = self.controller.query(&self.sessions_sql, &[&pids]).await;
            let rows = rows.expect("the sessions");
            let known: Option<Vec<State>> = (0..pair.actors.len())
                .map(|who| {
                    if running[who].is_none() {
                        return Some(State::Idle);
                    }
                    if ended[who] {
                        return Some(State::Done);
                    }
                    let own = &self.sessions[who].pids;
                    let own = || rows.iter().filter(|row| own.contains(&row.get(0)));
                    if let Some(gate) = own().find_map(|row| row.get::<_, Option<i64>>(2)) {
                        let gates = pair.actors[who].program.gates;
                        let place = gates
                            .iter()
                            .position(|known| i64::from(*known as i32) == gate);
                        return place.map(State::Parked);
                    }
                    own()
                        .any(|row| row.get::<_, Vec<i32>>(1).iter().any(|by| pids.contains(by)))
                        .then_some(State::Blocked)
                })
                .collect();
            if let Some(states) = known {
                // A view of locks is no snapshot: between two rows of it the blocker may have gone.
                if before.as_ref() == Some(&states) || !states.contains(&State::Blocked) {
                    return states;
                }
                before = Some(states);
            } else {
                before = None;
            }
            assert!(
                Instant::now() < deadline,
                "{}: neither at a gate nor done",
                pair.name
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Takes away what an order left, so that looking at everything stays cheap.
    pub async fn clear(&self, world: &World) {
        let queue = world.queue.id;
        let of_queue = ["ready", "scheduled", "lease", "settled"]
            .map(|table| format!("DELETE FROM longshore.{table} WHERE queue_id = {queue};"));
        let workers: Vec<String> = world.workers.iter().map(ToString::to_string).collect();
        let sql = format!(
            "{} DELETE FROM longshore.attempt WHERE job_id IN \
             (SELECT id FROM longshore.job WHERE queue_id = {queue}); \
             DELETE FROM longshore.job WHERE queue_id = {queue}; \
             DELETE FROM longshore.worker WHERE id IN ({}); \
             DELETE FROM longshore.queue WHERE id = {queue}",
            of_queue.concat(),
            workers.join(", ")
        );
        self.controller.batch_execute(&sql).await.expect("cleared");
    }
}

/// Notes where sessions have come to.
fn note(
    pair: &Pair,
    states: &[State],
    step: usize,
    reached: &mut [BTreeMap<Gate, usize>],
    done: &mut [usize],
) {
    for (who, state) in states.iter().enumerate() {
        let gates = pair.actors[who].program.gates;
        let passed = match state {
            State::Idle | State::Blocked => 0,
            State::Parked(gate) => gate + 1,
            State::Done => {
                done[who] = done[who].min(step);
                gates.len()
            }
        };
        for gate in &gates[..passed] {
            reached[who].entry(*gate).or_insert(step);
        }
    }
}
