//! Running a scenario under thousands of schedules: [`explore`].
//!
//! Owns how many and of which kind, the replay of a failed one, and the demand that a scenario has
//! met what it was made for: one that never did proves nothing, and fails.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Schedules that are random at every step: good at races in which many tasks take part.
const RANDOM_SCHEDULES: usize = 10_000;
/// Schedules with few changes at chosen steps (probabilistic concurrency testing, Burckhardt and
/// others, 2010): good at orders in which one task must stand still for long.
const PCT_SCHEDULES: usize = 5_000;
/// In how many places the order must be the wrong one for a defect to show, for these.
const PCT_DEPTH: usize = 4;
/// No scenario comes near it: one that does goes round in circles.
const MOST_STEPS: usize = 100_000;
/// For each task; what formats a panic needs more than shuttle's own 60 KiB in a debug build.
const STACK_BYTES: usize = 256 * 1024;
/// Holds the schedule that a failed test printed, to run it again. Name the one test beside it.
const REPLAY: &str = "LONGSHORE_RACE";

thread_local! {
    static REACHED: RefCell<BTreeMap<&'static str, usize>> = RefCell::default();
}

/// Notes that an execution came to a point, for [`explore`] to demand.
pub(crate) fn reached(point: &'static str) {
    REACHED.with_borrow_mut(|reached| *reached.entry(point).or_default() += 1);
}

/// Runs the scenario under random schedules, then under PCT's, and demands that it has reached each
/// of these points on the way.
///
/// A failed run prints its schedule; with that in `LONGSHORE_RACE`, only that one is run again. It fits
/// the code that it was found in, and none with other steps.
///
/// # Panics
///
/// When the scenario does, when its tasks wait for each other for ever, and when it missed a point.
pub fn explore<Fut>(
    points: &[&'static str],
    scenario: impl Fn() -> Fut + Copy + Send + Sync + 'static,
) where
    Fut: Future<Output = ()>,
{
    if let Some(schedule) = env::var(REPLAY).ok().filter(|text| !text.is_empty()) {
        run(ReplayScheduler::new_from_encoded(&schedule), scenario);
        return;
    }
    REACHED.take();
    let hint = Hint;
    let random = run(RandomScheduler::new(RANDOM_SCHEDULES), scenario);
    let pct = run(PctScheduler::new(PCT_DEPTH, PCT_SCHEDULES), scenario);
    drop(hint);
    let reached = REACHED.take();
    println!("{random} random schedules, {pct} of PCT; {reached:?}");
    assert_eq!((random, pct), (RANDOM_SCHEDULES, PCT_SCHEDULES));
    for point in points {
        assert!(reached.contains_key(point), "no schedule reached: {point}");
    }
}

/// Says how to go on, below the schedule that shuttle prints.
struct Hint;

impl Drop for Hint {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "to run it again: {REPLAY}='the failing schedule' \
                 cargo test -p longshore-races the_failed_test"
            );
        }
    }
}

fn run<Fut>(
    scheduler: impl Scheduler + 'static,
    scenario: impl Fn() -> Fut + Send + Sync + 'static,
) -> usize
where
    Fut: Future<Output = ()>,
{
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = shuttle::MaxSteps::FailAfter(MOST_STEPS);
    Runner::new(scheduler, config).run(move || {
        crate::time::begin();
        shuttle::future::block_on(scenario());
    })
}
