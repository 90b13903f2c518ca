//! Longshore's in-process concurrency, under a scheduler that chooses every interleaving.
//!
//! Owns the scenarios of `scenarios`, and the small world in which they run. The *same source files*
//! that the product ships are compiled here once more, and find under the name `tokio` this crate:
//! its `sync` and `time` stop at every step and let shuttle choose who goes on. So the product needs
//! no feature and no seam for it. Never a dependency of anything that ships.
//!
//! # What is modelled
//!
//! - **Tasks** are shuttle's; whatever another task could see is a scheduling point.
//! - **`watch`, `Semaphore`, `select!`, `timeout`**: the semaphore is shuttle's batch semaphore, first
//!   come, first served like tokio's. `watch` follows tokio's algorithm step by step: the value under
//!   a lock, a version beside it, and waiters who first note how often was notified, then look, then
//!   wait. `select!` is tokio's own.
//! - **Time is a scheduling choice, not a clock.** A task of its own moves it to the next deadline
//!   that somebody waits for, whenever the scheduler lets it: a timer may go off while everybody else
//!   is ready, as on a machine that stalls, yet never before an earlier one. `Instant`s are that time.
//! - **Chance** (`rand::random`) is the scheduler's too, so that a schedule replays.
//!
//! # What is not
//!
//! - tokio itself: its own races are its own tests' to find. What is proved is that our code holds on
//!   what tokio promises.
//! - Weak memory: everything is sequentially consistent. The sources have no atomics of their own.
//! - Blocking threads, and tasks that run truly in parallel.
//! - The store under the pump is a table in memory (`retrying`), which keeps what a store promises of
//!   `append_output` and checks what it is promised in turn.
//! - How fast anything is. Nothing is claimed to happen *before* a deadline.
//!
//! shuttle-tokio was weighed and left: it builds criterion, and its `watch` has no `Sender::new`, no
//! scheduling point at its version and a `sleep` on the machine's clock.

// The sources bring tests of their own, for the real tokio: where all targets are checked, this one
// is empty as a test.
#![cfg(not(test))]

extern crate self as rand;
extern crate self as tokio;

pub mod explore;
pub mod scenarios;
pub mod sync;
pub mod time;

/// tokio's own: a macro over `poll`, with nothing to model.
pub use real_tokio::select;

// The subjects: the product's own files.

#[path = "../../longshore-queue/src/bell.rs"]
mod bell;
#[expect(
    dead_code,
    reason = "what is recorded of an attempt is not at stake here"
)]
#[path = "../../longshore-queue/src/orders.rs"]
mod orders;
#[path = "../../longshore-queue/src/patience.rs"]
mod patience;
#[expect(
    unused_imports,
    dead_code,
    reason = "the store that stands in has the one verb, without the trait; nothing is taken over here"
)]
#[path = "../../longshore-queue/src/pump.rs"]
mod pump;
#[path = "../../longshore-queue/src/shutdown.rs"]
mod shutdown;
#[expect(dead_code, reason = "nothing is taken over here")]
#[path = "../../longshore-queue/src/slots.rs"]
mod slots;
#[path = "../../longshore-queue/src/tracker.rs"]
mod tracker;

mod permits;
mod retrying;

/// Stands for `rand::random`, where a source jitters a delay: uniform in [0, 1), and the same again
/// when the schedule is replayed.
pub(crate) fn random() -> f64 {
    f64::from(chance::below(1 << 30)) / f64::from(1 << 30)
}

/// What a scenario leaves to chance, drawn from the scheduler.
pub(crate) mod chance {
    use shuttle::rand::{Rng as _, thread_rng};

    /// A number below `bound`.
    pub fn below(bound: u32) -> u32 {
        thread_rng().gen_range(0..bound)
    }

    /// One of these.
    pub fn of<T: Copy>(choices: &[T]) -> T {
        choices[thread_rng().gen_range(0..choices.len())]
    }
}
