//! Random walks: verbs drawn by chance, each asked of the store and of a small model, which must
//! agree on the answer and on the state of every job after it.
//!
//! A walk that fails names its seed; put into `KNOWN` it is walked for ever.

mod model;

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{CancelOutcome, FinishOutcome, StoreError, StoreResult};
use longshore_core::{JobId, Priority, State};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::StoreHarness;
use super::scene::{LATER, Scene, record_for, stale};
use super::seed::Seed;
use model::{Cancelled, Model};

/// Seeds that are walked every time.
const KNOWN: [u64; 6] = [1, 2, 3, 5, 8, 16_434_566_914_684_351_148];

/// Steps of one walk: enough that every verb meets every state.
const STEPS: usize = 150;

pub async fn known_walks_agree_with_the_model(h: &dyn StoreHarness) {
    for seed in KNOWN {
        Walk::begin(h, seed).await.walk_to_its_end().await;
    }
}

pub async fn a_walk_nobody_took_before_agrees_with_the_model(h: &dyn StoreHarness) {
    Walk::begin(h, rand::random()).await.walk_to_its_end().await;
}

/// One verb with its arguments.
#[derive(Clone, Copy, Debug)]
enum Step {
    Submit { priority: u8, held: bool },
    Queue(JobId),
    Dequeue(JobId),
    Reprioritise(JobId, Priority),
    Cancel(JobId),
    RetryNow(JobId),
    Acquire(u32),
    Start(JobId),
    Finish(JobId, Disposition),
    FinishStale(JobId, Disposition),
    Limit(Option<u32>),
    Pause(bool),
}

struct Walk {
    scene: Scene,
    model: Model,
    chance: StdRng,
    seed: u64,
}

impl Walk {
    async fn begin(h: &dyn StoreHarness, seed: u64) -> Self {
        let scene = Scene::on_queue(h, &format!("walk-{seed}"), None).await;
        let chance = StdRng::seed_from_u64(seed);
        Self {
            scene,
            model: Model::default(),
            chance,
            seed,
        }
    }

    async fn walk_to_its_end(mut self) {
        for number in 0..STEPS {
            let step = self.draw();
            let context = format!("seed {}, step {number}: {step:?}", self.seed);
            self.take(step, &context).await;
            let (jobs, expected): (Vec<_>, Vec<_>) = self.model.states().into_iter().unzip();
            let states = self.scene.store.states(&jobs).await.expect("known jobs");
            assert_eq!(states, expected, "{context}; jobs {jobs:?}");
        }
    }

    fn draw(&mut self) -> Step {
        let dispositions = [
            Disposition::Settle(TerminalState::Completed),
            Disposition::Settle(TerminalState::Failed),
            Disposition::Settle(TerminalState::TimedOut),
            Disposition::RetryAfter(LATER),
            Disposition::HandBack,
            Disposition::Lost,
        ];
        let then = dispositions[self.chance.random_range(0..dispositions.len())];
        let priority = [20, 50, 80][self.chance.random_range(0..3)];
        let submit = Step::Submit {
            priority,
            held: self.chance.random_bool(0.2),
        };
        let Some(job) = self.model.any_job(&mut self.chance) else {
            return submit;
        };
        let live = self.model.any_live(&mut self.chance);
        match (self.chance.random_range(0..20), live) {
            (0..4, _) => submit,
            (4, _) => Step::Queue(job),
            (5, _) => Step::Dequeue(job),
            (6, _) => Step::Reprioritise(job, Priority::new(priority.into()).expect("in range")),
            (7, _) => Step::Cancel(job),
            (8 | 9, _) => Step::RetryNow(job),
            (10, _) => Step::Limit([None, Some(0), Some(2), Some(4)][usize::from(priority / 30)]),
            (11, _) => Step::Pause(self.chance.random_bool(0.3)),
            (12 | 13, Some(live)) => Step::Start(live),
            (14 | 15, Some(live)) => Step::Finish(live, then),
            (16, Some(live)) => Step::FinishStale(live, then),
            _ => Step::Acquire(self.chance.random_range(1..4)),
        }
    }

    /// Takes one step in the store and in the model, and compares the answers.
    async fn take(&mut self, step: Step, context: &str) {
        let store = &self.scene.store;
        match step {
            Step::Submit { priority, held } => {
                let seed = Seed::job().priority(priority);
                let seed = if held { seed.held() } else { seed };
                let job = self.scene.submit(seed).await;
                self.model.submit(job, priority, held);
            }
            Step::Queue(job) => {
                let answer = answer_of(store.queue_job(job).await);
                assert_eq!(answer, self.model.queue(job), "{context}");
            }
            Step::Dequeue(job) => {
                let answer = answer_of(store.dequeue_job(job).await);
                assert_eq!(answer, self.model.dequeue(job), "{context}");
            }
            Step::Reprioritise(job, priority) => {
                let answer = answer_of(store.reprioritise(job, priority).await);
                assert_eq!(answer, self.model.reprioritise(job, priority), "{context}");
            }
            Step::RetryNow(job) => {
                let answer = answer_of(store.retry_job(job).await);
                assert_eq!(answer, self.model.retry_now(job), "{context}");
            }
            Step::Cancel(job) => {
                let answer = match store.request_cancel(job).await.expect("a known job") {
                    CancelOutcome::Cancelled => Cancelled::AtOnce,
                    CancelOutcome::Requested => Cancelled::Requested,
                    CancelOutcome::AlreadyEnded(state) => Cancelled::AlreadyEnded(state),
                };
                assert_eq!(answer, self.model.cancel(job), "{context}");
            }
            Step::Acquire(want) => {
                let leases = self.scene.acquire(want).await;
                let answer: Vec<_> = leases
                    .iter()
                    .map(|lease| (lease.key.job, lease.key.attempt.0, lease.lane, lease.spent))
                    .collect();
                assert_eq!(answer, self.model.acquire(want), "{context}");
                self.model.leased(leases.iter().map(|lease| lease.key));
            }
            Step::Start(job) => {
                let key = self.model.start(job);
                self.scene.mark_launched(key).await;
                store.mark_running(key).await.expect("mark running");
            }
            Step::Finish(job, then) => {
                let (key, expected) = self.model.finish(job, then);
                let outcome = self.scene.finish(key, record_for(then), then).await;
                assert_eq!(outcome, expected, "{context}");
            }
            Step::FinishStale(job, then) => {
                let key = stale(self.model.lease_of(job));
                let outcome = self.scene.finish(key, record_for(then), then).await;
                assert_eq!(outcome, FinishOutcome::LeaseLost, "{context}");
            }
            Step::Limit(limit) => {
                self.scene.set_limit(limit).await;
                self.model.limit = limit;
            }
            Step::Pause(paused) => {
                self.scene.pause(paused).await;
                self.model.paused = paused;
            }
        }
    }
}

/// Done, or refused for the state that it is in.
fn answer_of(result: StoreResult<()>) -> Result<(), State> {
    match result {
        Ok(()) => Ok(()),
        Err(StoreError::Illegal { illegal, .. }) => Err(illegal.state),
        Err(other) => panic!("neither done nor refused: {other:?}"),
    }
}
