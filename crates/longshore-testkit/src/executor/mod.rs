//! The conformance suite of the [`Executor`] trait.
//!
//! An executor's tests implement [`ExecutorHarness`] and say
//! `longshore_testkit::executor_conformance!(harness);` in one file: each case becomes a test such
//! as `stopping::a_job_that_ignores_term_is_killed_after_its_grace`. After every case, whatever it
//! did, everything it launched is removed, and nothing of it may be left alive.
//!
//! Cases ask only for what the trait promises and the executor declares ([`Capabilities`]), never
//! for how it does it. Jobs are small shell scripts, so that an image with a shell is enough.
//!
//! [`Executor`]: longshore_core::executor::Executor
//! [`Capabilities`]: longshore_core::executor::Capabilities

mod cases;
pub mod probe;
pub mod scene;

#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod adopting;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod crowding;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod ending;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod fate;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod limits;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod listing;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod measuring;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod outliving;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod output;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod starting;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod stopping;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod surroundings;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod taking_over;
#[expect(missing_docs, reason = "a case's name is its sentence")]
pub mod volume;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use longshore_core::executor::Executor;
use longshore_core::spec::JobSpec;
use tokio::sync::RwLock;

use scene::Scene;

/// An executor under test, and how to write a job for it.
pub trait ExecutorHarness: Send + Sync + 'static {
    /// The executor of one case.
    fn executor(&self) -> Arc<dyn Executor>;

    /// A job that runs this program with these arguments, found on the `PATH`.
    fn command(&self, argv: &[&str]) -> JobSpec;

    /// A job that runs this POSIX shell script.
    fn shell(&self, script: &str) -> JobSpec {
        self.command(&["sh", "-c", script])
    }

    /// How many processes live that were started with `entry` (`NAME=value`) in their environment.
    /// As it stands for executors on this machine.
    fn live_processes(&self, entry: &str) -> usize {
        probe::live_processes(entry)
    }

    /// The cases in which what stands behind this executor is known to fall short, as
    /// `module::case`, each written down for its users with the reason. They are run all the same,
    /// and have to fail: so the list can't outlive its reasons.
    fn known_differences(&self) -> &[&str] {
        &[]
    }
}

/// Held by every case, so that some can be alone in the test process.
static CASES: RwLock<()> = RwLock::const_new(());

/// Runs a case that has to hold, or, where the harness knows a difference, to fail. Called for every
/// case by [`crate::executor_conformance!`].
pub fn unless_known_to_differ<H: ExecutorHarness>(
    name: &str,
    harness: Option<H>,
    run: impl FnOnce(Option<H>),
) {
    let differs = |harness: &H| harness.known_differences().contains(&name);
    if !harness.as_ref().is_some_and(differs) {
        return run(harness);
    }
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| run(harness)));
    assert!(
        outcome.is_err(),
        "{name} holds, though it is known as a difference: take it off the list and out of the docs"
    );
}

/// Runs one case on a runtime of its own, then cleans up after it.
/// Without a harness nothing is run.
pub fn run<C>(harness: Option<impl ExecutorHarness>, case: C)
where
    C: AsyncFnOnce(&Scene),
{
    if let Some(harness) = harness {
        let _beside_others = CASES.blocking_read();
        run_now(harness, case);
    }
}

/// The same while no other case of this test process runs.
pub fn run_alone<C>(harness: Option<impl ExecutorHarness>, case: C)
where
    C: AsyncFnOnce(&Scene),
{
    if let Some(harness) = harness {
        let _alone = CASES.blocking_write();
        run_now(harness, case);
    }
}

fn run_now<C>(harness: impl ExecutorHarness, case: C)
where
    C: AsyncFnOnce(&Scene),
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let scene = Scene::new(Box::new(harness));
        let outcome = AssertUnwindSafe(case(&scene)).catch_unwind().await;
        let cleared = AssertUnwindSafe(scene.clear()).catch_unwind().await;
        // The case's own failure says more than what it left behind.
        if let Err(panic) = outcome.and(cleared) {
            resume_unwind(panic);
        }
    });
}
