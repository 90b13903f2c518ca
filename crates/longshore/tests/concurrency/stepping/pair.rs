//! What a test of orders is made of: how things stand before, who does what, and what may come of it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, Queue};
use longshore_core::store::{
    AcquireRequest, CancelOutcome, FinishOutcome, Heartbeat, LeaseKey, Store, StoreError,
    StoreResult,
};
use longshore_core::{JobId, State as JobState, WorkerId};
use longshore_testkit::judged::{Judged, holds};
use longshore_testkit::store::scene::{LATER, new_queue, new_worker};
use longshore_testkit::store::seed::Seed;

use super::gates::Gate;
use super::model::{Program, Row};
use super::raw::Raw;

/// Two or three sessions, and what is asserted of them.
pub struct Pair {
    pub name: &'static str,
    pub setting: Setting,
    pub actors: Vec<Actor>,
    /// The rows of the model that are there at the beginning.
    pub rows: &'static [Row],
    /// How many of these may go on side by side in one database, each on a queue of its own.
    pub lanes: usize,
    pub judge: fn(&Played) -> Judged,
}

/// How things stand before each order: a queue and jobs of its own.
#[derive(Clone, Copy, Default, Debug)]
pub struct Setting {
    pub limit: Option<u32>,
    pub jobs: usize,
    /// So many jobs, the first ones, are leased to the first session's worker.
    pub leased: usize,
    /// So many, the last ones, are scheduled: due but not staged.
    pub due: usize,
    /// And one more after them, which is not due.
    pub later: bool,
    /// The first session's worker was not heard of for longer than its leases last.
    pub silent: bool,
    /// The leases are not its worker's but those of one that no session has, and that was not heard of
    /// for as long.
    pub of_the_dead: bool,
}

impl Setting {
    /// Makes it, in a queue of this name, with a worker for each session.
    pub async fn make(self, store: &dyn Store, raw: &Raw, name: &str, sessions: usize) -> World {
        let queue = NewQueue {
            max_concurrent: self.limit.map(Limit),
            ..new_queue(name)
        };
        let queue = store.create_queue(&queue).await.expect("a new name");
        let mut workers = Vec::new();
        for _ in 0..sessions {
            let worker = new_worker(&[queue.id]);
            workers.push(store.register_worker(&worker).await.expect("a worker"));
        }
        let later = store.now().await.expect("now") + LATER;
        let ready = self.jobs - self.due;
        let mut seeds = vec![Seed::job(); ready];
        let scheduled = self.due + usize::from(self.later);
        seeds.extend(vec![Seed::job().due_at(later); scheduled]);
        let seeds: Vec<_> = seeds.iter().map(|seed| seed.build_in(name)).collect();
        let jobs = store.submit(&seeds).await.expect("valid jobs");
        let jobs: Vec<JobId> = jobs.into_iter().map(|answer| answer.job).collect();
        raw.make_due(&jobs[ready..self.jobs]).await;
        if self.silent {
            raw.silence(workers[0]).await;
        }
        let mut holder = workers[0];
        if self.of_the_dead {
            let dead = store.register_worker(&new_worker(&[queue.id])).await;
            holder = dead.expect("a worker");
            workers.push(holder);
            raw.silence(holder).await;
        }
        let mut leases = Vec::new();
        if self.leased > 0 {
            let request = AcquireRequest {
                queue: queue.id,
                want: u32::try_from(self.leased).expect("a few"),
                worker: holder,
                acquire_number: 0,
                max_concurrent: None,
            };
            let acquired = store.acquire(request).await.expect("acquire");
            leases.extend(acquired.leases.iter().map(|lease| lease.key));
            assert_eq!(leases.len(), self.leased, "the setting's own leases");
        }
        World {
            queue,
            jobs,
            leases,
            workers,
            holder,
        }
    }
}

/// A session's verb.
pub type Run = fn(Arc<Hands>) -> BoxFuture<'static, Answer>;

/// A session's part.
#[derive(Clone, Copy)]
pub struct Actor {
    pub program: Program,
    pub run: Run,
}

/// What a session has at hand.
pub struct Hands {
    pub store: Arc<dyn Store>,
    /// A session for what no verb does yet.
    pub raw: Arc<Raw>,
    pub worker: WorkerId,
    pub world: Arc<World>,
}

impl Hands {
    pub fn request(&self, want: u32) -> AcquireRequest {
        AcquireRequest {
            queue: self.world.queue.id,
            want,
            worker: self.worker,
            acquire_number: 1,
            max_concurrent: None,
        }
    }
}

/// What was made for one order.
#[derive(Debug)]
pub struct World {
    pub queue: Queue,
    pub jobs: Vec<JobId>,
    pub leases: Vec<LeaseKey>,
    pub workers: Vec<WorkerId>,
    /// Whose the leases are.
    pub holder: WorkerId,
}

/// What a session was answered.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// Jobs by their place among the setting's, in the order of the answer.
    Acquired(Vec<usize>),
    Finished(FinishOutcome),
    Cancelled(CancelOutcome),
    Changed,
    /// Whether it is asked to drain; none once it is fenced.
    Heard(Option<bool>),
    /// So many leases.
    TookOver(usize),
    Staged(u64),
    /// Moved, or refused in this state.
    Moved(Result<(), JobState>),
}

/// Where a job is after all.
#[derive(Clone, PartialEq, Debug)]
pub struct Place {
    pub name: String,
    pub lane: i16,
    pub token: i64,
    pub is_cancel_requested: bool,
    pub state: String,
}

/// One order, played to its end.
pub struct Played {
    pub world: Arc<World>,
    pub answers: Vec<Answer>,
    /// Per session and gate: the step after which it had come there, or past it.
    pub reached: Vec<BTreeMap<Gate, usize>>,
    /// Per session: the step after which it had ended.
    pub done: Vec<usize>,
    pub places: BTreeMap<JobId, Vec<Place>>,
    /// Whether the leases' first holder is fenced.
    pub is_fenced: bool,
    pub heartbeat_after: Option<Heartbeat>,
}

impl Played {
    /// Looks at what an order ended in.
    pub async fn look(
        store: &dyn Store,
        raw: &Raw,
        world: Arc<World>,
        answers: Vec<Answer>,
        reached: Vec<BTreeMap<Gate, usize>>,
        done: Vec<usize>,
    ) -> Self {
        let places = raw.places(world.queue.id).await;
        let is_fenced = raw.is_fenced(world.holder).await;
        let mut heartbeat_after = None;
        if answers
            .iter()
            .any(|answer| matches!(answer, Answer::Heard(_)))
        {
            let heard = store.heartbeat(world.workers[0]).await;
            heartbeat_after = Some(heard.expect("a heartbeat"));
        }
        Self {
            world,
            answers,
            reached,
            done,
            places,
            is_fenced,
            heartbeat_after,
        }
    }

    pub fn at(&self, who: usize, gate: Gate) -> usize {
        self.reached[who][&gate]
    }

    /// What a session acquired.
    pub fn taken(&self, who: usize) -> &[usize] {
        match &self.answers[who] {
            Answer::Acquired(jobs) => jobs,
            other => panic!("session {who} acquires, and was answered {other:?}"),
        }
    }

    /// The only place of a job, by its place among the setting's.
    pub fn place(&self, job: usize) -> &Place {
        &self.places[&self.world.jobs[job]][0]
    }

    /// Every job of the setting has one place (S4).
    pub fn one_place_each(&self) -> Judged {
        let astray = self.world.jobs.iter().find(|job| {
            let places = self.places.get(job);
            places.is_none_or(|places| places.len() != 1)
        });
        holds("S4", astray.is_none(), || {
            format!("job {astray:?} is not in one place: {:?}", self.places)
        })
    }
}

/// The answer is one of these, or the promise is broken.
pub fn one_of<T: PartialEq + Debug>(promise: &str, seen: &T, allowed: &[T]) -> Judged {
    holds(promise, allowed.contains(seen), || {
        format!("{seen:?} is none of {allowed:?}")
    })
}

/// Exactly this, or the promise is broken.
#[expect(clippy::needless_pass_by_value, reason = "most are made for the call")]
pub fn exactly<T: PartialEq + Debug>(promise: &str, what: &str, seen: T, due: T) -> Judged {
    holds(promise, seen == due, || {
        format!("{what}: {seen:?} where it had to be {due:?}")
    })
}

/// The state in which a move was refused.
pub fn moved(result: StoreResult<()>) -> Answer {
    match result {
        Ok(()) => Answer::Moved(Ok(())),
        Err(StoreError::Illegal { illegal, .. }) => Answer::Moved(Err(illegal.state)),
        Err(error) => panic!("{error:?}"),
    }
}
