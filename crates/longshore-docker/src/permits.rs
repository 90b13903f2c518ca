//! How many launches an engine is asked for at once: as many as it answers promptly.
//!
//! An engine is slow at creating and starting (a few per second), and more at once than it can do
//! only makes each slower, until deadlines pass. So the number adapts: up by one over a round of
//! prompt answers, down by a part when answers become slow, by half when they fail (additive
//! increase, multiplicative decrease). Removals, looks and stops don't wait here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const FIRST: usize = 4;
const FIRST_LIMIT: f64 = 4.0;
const LEAST: f64 = 1.0;
/// An engine of 2 cores is at its best with about eight; larger ones with some more.
const MOST: f64 = 16.0;
/// Slower than this many times the best is a sign that it is asked for too much…
const SLOW_TIMES: u32 = 6;
/// … if it is slow by people's measure too.
const SLOW: Duration = Duration::from_secs(2);
/// What is left of the number after a slow answer.
const AFTER_SLOW: f64 = 0.85;
/// … and after none, or a failure of the engine.
const AFTER_FAILURE: f64 = 0.5;

/// The permits of one engine.
#[derive(Debug)]
pub(crate) struct Launches {
    semaphore: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many are wanted.
    limit: f64,
    /// How many there are, those in use included.
    granted: usize,
    /// The fastest answer, slowly forgotten.
    best: Option<Duration>,
}

/// How a launch went, as far as the engine is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Went {
    /// It answered, with whatever.
    Answered(Duration),
    /// It did not answer, or said that it can't now.
    Failed,
}

/// The right to ask for one launch.
#[derive(Debug)]
pub(crate) struct Permit {
    permit: OwnedSemaphorePermit,
    since: Instant,
}

impl Launches {
    pub fn new() -> Self {
        Self {
            semaphore: Arc::new(Semaphore::new(FIRST)),
            state: Mutex::new(State {
                limit: FIRST_LIMIT,
                granted: FIRST,
                best: None,
            }),
        }
    }

    /// Waits for its turn, first come, first served.
    pub async fn acquire(&self) -> Permit {
        let permit = Arc::clone(&self.semaphore).acquire_owned().await;
        Permit {
            permit: permit.expect("nobody closes the semaphore"),
            since: Instant::now(),
        }
    }

    /// Gives the permit back and learns from how it went.
    pub fn finish(&self, permit: Permit, failed: bool) {
        let went = if failed {
            Went::Failed
        } else {
            Went::Answered(permit.since.elapsed())
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.learn(went);
        let target = state.target();
        if target < state.granted {
            state.granted -= 1;
            permit.permit.forget();
        } else if target > state.granted {
            state.granted += 1;
            self.semaphore.add_permits(1);
        }
    }
}

impl State {
    fn learn(&mut self, went: Went) {
        match went {
            Went::Answered(time) => {
                let best = self.best.map_or(time, |best| best.mul_f64(1.01).min(time));
                self.best = Some(best);
                if time > SLOW && time > best * SLOW_TIMES {
                    self.limit *= AFTER_SLOW;
                } else {
                    self.limit += 1.0 / self.limit;
                }
            }
            Went::Failed => self.limit *= AFTER_FAILURE,
        }
        self.limit = self.limit.clamp(LEAST, MOST);
    }

    fn target(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between 1 and 16"
        )]
        let target = self.limit as usize;
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            limit: 4.0,
            granted: 4,
            best: None,
        }
    }

    #[test]
    fn prompt_answers_raise_the_number_up_to_its_bound() {
        let mut state = state();
        for _ in 0..1000 {
            state.learn(Went::Answered(Duration::from_millis(300)));
        }
        assert_eq!(state.target(), 16);
    }

    #[test]
    fn failures_halve_it_down_to_one() {
        let mut state = state();
        state.learn(Went::Failed);
        assert_eq!(state.target(), 2);
        for _ in 0..10 {
            state.learn(Went::Failed);
        }
        assert_eq!(state.target(), 1);
    }

    #[test]
    fn slow_answers_lower_it_and_prompt_ones_bring_it_back() {
        let mut state = state();
        state.learn(Went::Answered(Duration::from_millis(300)));
        for _ in 0..20 {
            state.learn(Went::Answered(Duration::from_secs(5)));
        }
        assert_eq!(state.target(), 1);
        for _ in 0..20 {
            state.learn(Went::Answered(Duration::from_millis(300)));
        }
        assert!(state.target() > 3, "{state:?}");
    }

    #[tokio::test]
    async fn permits_follow_the_number() {
        let launches = Launches::new();
        let mut held = Vec::new();
        for _ in 0..FIRST {
            held.push(launches.acquire().await);
        }
        assert_eq!(launches.semaphore.available_permits(), 0);
        for permit in held {
            launches.finish(permit, true);
        }
        assert_eq!(launches.semaphore.available_permits(), 1);
        for _ in 0..200 {
            let permit = launches.acquire().await;
            launches.finish(permit, false);
        }
        assert_eq!(launches.semaphore.available_permits(), 16);
    }
}
