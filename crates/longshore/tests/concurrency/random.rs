//! Random operations, asked of a model and of both stores in lockstep: whatever is answered
//! differently is shrunk to the shortest list of operations that still shows it.
//!
//! `LONGSHORE_TEST_CASES` says how many lists are tried, `LONGSHORE_TEST_SEED` which: a number, as a
//! failure names it, or `random` for new ones. Without it they are the same every time, so that a run
//! that fails has met a change of ours and not its luck.

use std::cell::RefCell;

use longshore_testkit::random::{Lockstep, Op, ops};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::databases::Databases;

/// Lists that are tried unless more are asked for: about 15 s.
const CASES: u32 = 80;

/// Operations of one list at most: enough that every verb meets every state.
const LONGEST: usize = 80;

#[test]
fn both_stores_answer_random_operations_as_the_model_does() {
    let cases = number("LONGSHORE_TEST_CASES").map_or(CASES, |cases| {
        u32::try_from(cases).expect("LONGSHORE_TEST_CASES is a number of lists")
    });
    let seed = seed();
    println!("{cases} lists of operations, LONGSHORE_TEST_SEED={seed}");
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 1000,
        max_shrink_time: 90_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, seeded(seed));
    let bench = Bench::new();
    let outcome = runner.run(&ops(LONGEST), |ops| {
        bench.run(&ops).map_err(TestCaseError::fail)
    });
    bench.close();
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(difference, shrunk)) => panic!(
            "LONGSHORE_TEST_SEED={seed}: {difference}\nshrunk to {} operations: {shrunk:?}",
            shrunk.len()
        ),
        Err(TestError::Abort(reason)) => panic!("LONGSHORE_TEST_SEED={seed}: given up: {reason}"),
    }
}

/// The usual lists, unless others were asked for.
const USUAL: u64 = 20_261_129;

/// Which operations.
pub fn seed() -> u64 {
    if std::env::var("LONGSHORE_TEST_SEED").is_ok_and(|seed| seed == "random") {
        return rand::random();
    }
    number("LONGSHORE_TEST_SEED").unwrap_or(USUAL)
}

/// What the environment says, if it says a number.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

/// The same lists for the same seed.
fn seeded(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// Databases that one list after another is tried on. Where one can't be swept, the next gets fresh
/// ones.
struct Bench {
    runtime: Runtime,
    databases: RefCell<Option<Databases>>,
}

impl Bench {
    fn new() -> Self {
        Self {
            runtime: Runtime::new().expect("a runtime"),
            databases: RefCell::new(None),
        }
    }

    fn run(&self, ops: &[Op]) -> Result<(), String> {
        let databases = self.databases.take();
        let (databases, outcome) = self.runtime.block_on(async {
            let databases = match databases {
                Some(databases) => databases,
                None => Databases::create().await,
            };
            let (outcome, is_swept) = take_through(&databases, ops).await;
            if is_swept {
                return (Some(databases), outcome);
            }
            databases.close().await;
            (None, outcome)
        });
        self.databases.replace(databases);
        outcome
    }

    fn close(self) {
        if let Some(databases) = self.databases.take() {
            self.runtime.block_on(databases.close());
        }
    }
}

/// What came of the operations, and whether the databases can be used again.
async fn take_through(databases: &Databases, ops: &[Op]) -> (Result<(), String>, bool) {
    let mut lockstep = match Lockstep::begin(&databases.both()).await {
        Ok(lockstep) => lockstep,
        Err(error) => return (Err(error), false),
    };
    let outcome = lockstep.run(ops).await;
    (outcome, lockstep.sweep().await)
}
